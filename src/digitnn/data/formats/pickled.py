"""`mnist.pkl.gz`: MNIST as distributed with Theano's tutorials and Nielsen's book.

A gzipped or plain pickle of three pairs (images, labels): training, validation, test. Images are
float32 (n, 784), k / 256; other sizes and types are read as `values` does. The training file is
the training and the validation images, in MNIST's own order. The file is read by the restricted
loader, which runs no code.
"""

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy import ndarray

from digitnn.data.dataset import PARTS, Dataset, Part
from digitnn.data.formats.labels import as_labels
from digitnn.data.formats.magic import GZIP, MAX_UNPACKED, head_of
from digitnn.data.formats.values import as_pixels
from digitnn.errors import FormatError
from digitnn.pickles.loading import load_pickle
from digitnn.wording import error_text

PICKLE_NAMES = ("mnist.pkl.gz", "mnist.pkl")
_BLOCK = 1 << 20
_EXPECTED = "expected three pairs (images, labels): training, validation, test"


def find_pickle(path: Path) -> Path | None:
    """Return `path` if it is named as a pickle, or `mnist.pkl.gz` in the folder `path`."""
    if path.is_dir():
        return next((path / name for name in PICKLE_NAMES if (path / name).is_file()), None)
    return path if path.is_file() and path.name.endswith((".pkl", ".pkl.gz")) else None


def pickle_parts(path: Path) -> tuple[Part, ...]:
    """Return both parts; only loading the file shows what it holds."""
    return PARTS


def read_pickled(path: Path, part: Part, name: str) -> Dataset:
    """Read `part`. Raises `FormatError` for a hostile, damaged or differently laid out file."""
    value = _load(path)
    if not isinstance(value, tuple | list) or len(value) != 3:
        got = f"{type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else "a value"
        raise FormatError(f"{path}: {_EXPECTED}; got {got}")
    pairs = [_pair(path, value, n, name) for n in ((0, 1) if part == "train" else (2,))]
    classes = max((pair.classes for pair in pairs), key=len)
    first, *others = (pair.with_classes(classes) for pair in pairs)
    return sum(others, first)


def _pair(path: Path, value: Any, n: int, name: str) -> Dataset:
    pair = value[n]
    if (
        not isinstance(pair, tuple | list)
        or len(pair) != 2
        or not all(isinstance(array, ndarray) for array in pair)
    ):
        raise FormatError(f"{path}: {_EXPECTED}; pair {n} is no pair of arrays")
    images = as_pixels(pair[0], f"{path}: images of pair {n}")
    labels = as_labels(pair[1], f"{path}: labels of pair {n}")
    return labels.dataset(images, name, f"{path}: pair {n}")


def _load(path: Path) -> Any:
    with plain_pickle(path) as plain:
        return load_pickle(plain)


@contextmanager
def plain_pickle(path: Path) -> Iterator[Path]:
    """Yield `path`, or a temporary copy of it that is not gzipped; errors name `path`."""
    if not head_of(path, 2).startswith(GZIP):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="digitnn-") as folder:
        plain = Path(folder) / path.name
        _unpack(path, plain)
        try:
            yield plain
        except FormatError as error:
            raise FormatError(str(error).replace(str(plain), str(path))) from None


def _unpack(path: Path, plain: Path) -> None:
    """Gunzip `path` to `plain`, block by block."""
    try:
        with gzip.open(path) as source, plain.open("wb") as target:
            while block := source.read(_BLOCK):
                if target.tell() + len(block) > MAX_UNPACKED:
                    raise FormatError(f"{path}: unpacks to more than {MAX_UNPACKED:,} bytes")
                target.write(block)
    except EOFError:
        raise FormatError(f"{path}: truncated gzip data; fetch the file again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FormatError(f"{path}: damaged gzip data ({error_text(error)})") from None
