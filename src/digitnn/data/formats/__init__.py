"""Bytes to `Dataset` and back: IDX, `mnist_all.mat`, Keras' `mnist.npz`, folders of PNGs.

Every reader checks what a file promises before it believes it, reads only the part it is asked
for, and raises `FormatError` naming the file.
"""

from digitnn.data.dataset import PARTS, Part
from digitnn.data.formats.detect import FORMATS, Format, Found, detect, read_part
from digitnn.data.formats.export import TARGETS, destinations, export, infer_target

__all__ = [
    "FORMATS",
    "PARTS",
    "TARGETS",
    "Format",
    "Found",
    "Part",
    "destinations",
    "detect",
    "export",
    "infer_target",
    "read_part",
]
