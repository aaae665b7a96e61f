"""Synthetic training images: digits in rare styles, and non-digits."""
