"""Test beds for the reader: pictures of digits, pages and non-digits, drawn from a seed.

    MNIST's validation digits -> strokes -> varied handwriting -> pen -> paper -> picture and truth

The beds share no code with the augmentation of training images. Otherwise they would measure how
well the reader knows its own training data.
"""
