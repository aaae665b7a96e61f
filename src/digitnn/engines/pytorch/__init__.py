"""The PyTorch engine: the same networks in PyTorch. Only this folder imports torch."""
