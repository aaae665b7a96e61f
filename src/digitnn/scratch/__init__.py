"""Engine one: every derivative by hand, NumPy and SciPy only.

Read in this order: `layers` (each function with its derivative), `losses`, `chain` (backpropagation
through a whole network), `objective` (the mean loss over all images), `engine` (what the rest of
digitnn sees).
"""
