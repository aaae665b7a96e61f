"""Engine one: every derivative by hand, NumPy and SciPy only.

Read in this order: `layers`, `convolution`, `pooling`, `normalisation`, `dropout` (each function
with its derivative), `losses`, `chain` (backpropagation through a whole network), `flat` (all
parameters as one vector), `orthogonal` (what Muon does to a matrix), `optimisers`, `blocks` (the
use of all cores), `trainer` (a step), `objective` (the loss over all images), `engine` (what the
rest of digitnn sees).
For speed only, the same numbers again: `in_place` (optimisers), `compiled` and `kernels`.
"""
