"""Engine one: every derivative by hand, NumPy and SciPy only.

Read in this order: `layers`, `convolution`, `pooling`, `normalisation`, `dropout` (each function
with its derivative), `losses`, `chain` (backpropagation through a whole network), `optimisers`,
`trainer` (a step), `objective` (the loss over all images), `blocks` (the use of all cores),
`engine` (what the rest of digitnn sees).
"""
