"""The two parts that every MNIST-like collection has, and the bound on what is unpacked."""

from typing import Literal

Part = Literal["train", "test"]
"""`train` is the training file (training and validation split), `test` the test file."""

PARTS: tuple[Part, Part] = ("train", "test")

MAX_UNPACKED = 1 << 31
"""Bytes that one array in a compressed file may unpack to: 2.7 million images, two gigabytes.

A file of some megabytes can unpack to terabytes; an uncompressed one cannot lie about its size.
"""

DEFLATE_RATIO = 1032
"""No deflate stream (gzip, ZIP) unpacks to more than this many bytes for each of its own
(https://zlib.net/zlib_tech.html), so that a greater promise is a lie and nothing need be read."""
