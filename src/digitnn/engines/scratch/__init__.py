"""The from-scratch engine: every derivative by hand, on NumPy and SciPy only.

Reading order: `layers`, `convolution`, `pooling`, `normalisation` (each function with its
derivative), `losses`, `backpropagation` (the chain rule through a network), `parameter_vector`
(all parameters as one vector), `newton_schulz` (Muon's orthogonalisation), `optimisers`, `blocks`
(use of all cores), `trainer` (a training step, and the loss over all images), `engine` (the
interface to the rest of digitnn).
Faster versions with the same results: `optimisers_in_place`, `compiled` and `kernels`.
"""
