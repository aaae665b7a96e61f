"""Hyperparameter search: a recipe with ranges in place of values, tried by several workers."""
