"""Readers and writers of data sets: IDX, `mnist_all.mat`, Keras' `mnist.npz`, folders of PNGs.

A reader checks a file's header against its size before it allocates memory, reads only the part
that is asked for, and raises `FormatError` naming the file.
"""
