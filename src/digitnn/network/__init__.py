"""Networks as data: layers, losses, initial parameters, and their JSON and files."""
