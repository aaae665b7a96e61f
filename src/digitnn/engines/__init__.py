"""The engines that run networks: protocols, the from-scratch engine, the PyTorch engine."""
