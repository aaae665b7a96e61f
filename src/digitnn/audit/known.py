"""Labels of MNIST's test split that people who looked again do not agree with.

Northcutt, Athalye and Mueller ("Pervasive Label Errors in Test Sets Destabilize Machine Learning
Benchmarks", NeurIPS 2021 Datasets and Benchmarks) showed 100 suspects to five crowd workers each.
Of these 15 fewer than three workers confirmed the label given. Their answers: repository
cleanlab/label-errors, file mturk/mnist_mturk.json, commit 5457895eee26. The other 9,900 were shown
to nobody: the list is not whole, so a suspect that is not on it may be wrong all the same.
"""

SOURCE = "Northcutt, Athalye and Mueller 2021; github.com/cleanlab/label-errors"

DISPUTED = frozenset(
    (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
)
"""Indices in the test split."""
MNIST_TEST = "26120b4578752d7d87c2cb6601f15f4b0efd4dd7947b156b4f7aa2d35f931d2f"
"""The fingerprint of the test split that they count in."""
