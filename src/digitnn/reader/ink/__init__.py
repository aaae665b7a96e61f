"""Turn luminance into ink, and the ink of one digit into a 28 x 28 image."""
