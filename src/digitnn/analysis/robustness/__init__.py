"""How a classifier fares on images that are not quite what it learned from.

corrupted: the fifteen corruptions of MNIST-C, each set against a stored reference; sweeps: shifts,
turns, sizes and thicknesses, as curves; adversarial: small steps up the loss. All take a split as
it is and change its images alone.
"""
