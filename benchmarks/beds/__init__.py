"""Test beds for the reader: pictures of written digits, of pages and of junk, drawn by a seed.

    MNIST's validation digits -> strokes -> a hand -> a pen -> paper -> a picture and what it says

Nothing here is shared with what augments the training images: a measure that looks like the
training measures the training.
"""
