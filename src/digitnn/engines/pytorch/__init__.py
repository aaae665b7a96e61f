"""Engine two: the same networks in PyTorch. The only folder that imports torch."""
