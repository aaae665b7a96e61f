"""Training images changed as they are drawn: shifted, distorted, disturbed, redrawn."""
