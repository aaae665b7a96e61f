"""What runs a network: the protocols, the from-scratch engine and the PyTorch engine."""
