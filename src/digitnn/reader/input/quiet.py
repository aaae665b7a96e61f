"""Decoders that say on stderr what is wrong with a stranger's file: we say it once, in our words.

What is replaced here is the process's own, so one thread at a time; pixels are decoded outside, by
many threads, but for TIFF's.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from PIL import Image

_ONE_AT_A_TIME = Lock()
_STDERR = 2


@contextmanager
def quiet() -> Iterator[None]:
    """Pillow's warnings, all about damaged metadata, are not shown, and it has no pixel cap.

    Its cap warns below twice its value and cannot be moved for one picture; ours is checked next.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cap, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = cap


@contextmanager
def without_stderr() -> Iterator[None]:
    """What is written to file descriptor 2 goes nowhere: libtiff writes there by itself, in C."""
    with _ONE_AT_A_TIME:
        try:
            kept = os.dup(_STDERR)
        except OSError:  # it was closed, which is as quiet
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, _STDERR)
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            os.close(nowhere)
