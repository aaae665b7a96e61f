"""Compare classifiers from the nearest mean to the best network by accuracy and cost."""
