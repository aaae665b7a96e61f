"""Readers and writers of data sets: IDX, `mnist_all.mat`, Keras' `mnist.npz`, folders of PNGs.

A reader checks a file's header against its size before it allocates memory, reads only the part
that is asked for, and raises `FormatError` naming the file.
"""

from digitnn.data.dataset import PARTS, Part
from digitnn.data.formats.detect import FORMATS, Format, Found, detect, read_part
from digitnn.data.formats.export import EXPORT_FORMATS, destinations, export, infer_format

__all__ = [
    "EXPORT_FORMATS",
    "FORMATS",
    "PARTS",
    "Format",
    "Found",
    "Part",
    "destinations",
    "detect",
    "export",
    "infer_format",
    "read_part",
]
