"""What writes the figures into README.md and docs/."""
