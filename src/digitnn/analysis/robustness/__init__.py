"""Measure accuracy on changed images.

`corrupted`: the fifteen corruptions of MNIST-C, relative to a stored reference; `sweeps`: shifts,
rotations, sizes and thicknesses; `adversarial`: attacks by the gradient; `measure`: all of them.
"""
