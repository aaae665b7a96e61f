"""What was read, drawn onto the picture."""
