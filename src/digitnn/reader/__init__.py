"""Read pictures of handwritten digits: open, find the ink, segment, classify."""
