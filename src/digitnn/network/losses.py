"""Loss descriptions; the engines implement them. All losses take logits and are in nats."""

from dataclasses import dataclass
from typing import TypeAlias

from digitnn.errors import check_numbers


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """-log softmax(logits)[label], for classes that exclude each other.

    label_smoothing: e in targets 1 - e + e / k for the label and e / k for each other class
    (Szegedy et al. 2016, section 7).
    no_digit: whether there is an implicit class k for images that show no digit. Its logit is fixed
    at 0, which loses nothing since softmax depends on differences only. The network keeps one
    output per digit and learns a low free energy -log sum exp z for digits (compare Liu, Wang,
    Owens and Li 2020, who fit it afterwards).
    """

    label_smoothing: float = 0.0
    no_digit: bool = False

    def __post_init__(self) -> None:
        check_numbers(self, "label_smoothing", at_least=0, below=1)


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """The sum over classes of the binary cross-entropy of each class."""


Loss: TypeAlias = SoftmaxCrossEntropy | SigmoidCrossEntropy
