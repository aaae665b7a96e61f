"""Augmentation of training images: shifted, distorted, disturbed or redrawn."""
