"""A network as data: layers, losses, initial parameters, and their form as JSON."""
