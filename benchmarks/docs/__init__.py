"""Write the measured figures into README.md and docs/."""
