"""Files of one array each, as KMNIST and Kuzushiji-49 publish them for NumPy.

    kmnist-train-imgs.npz  kmnist-train-labels.npz  kmnist-test-imgs.npz  kmnist-test-labels.npz

Each holds `arr_0`: uint8 (n, 28, 28), or integers (n,) (Clanuwat et al. 2018, "Deep Learning for
Classical Japanese Literature").
"""

import re
from pathlib import Path

from digitnn.data.dataset import PARTS, Dataset, Part
from digitnn.data.formats.labels import as_labels
from digitnn.data.formats.npz import read_array
from digitnn.data.formats.values import as_pixels
from digitnn.errors import FormatError

ARRAY = "arr_0"
_NAME = re.compile(r"(?P<prefix>.*?)(?P<part>train|test)-(?:imgs|images|labels)\.npz")


def find_kmnist(path: Path) -> Path | None:
    """Return `path` if it is one of the files, or a folder with those of one collection."""
    return path if kmnist_parts(path) else None


def kmnist_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts of which the images exist."""
    return tuple(part for part in PARTS if _images_of(path, part))


def read_kmnist(path: Path, part: Part, name: str) -> Dataset:
    """Read the two files of `part`. Raises `FormatError` naming a missing or damaged file."""
    images = _images_of(path, part)
    if images is None:
        kind = "test" if part == "test" else "training"
        raise FormatError(f"{path}: no {kind} part; a file kmnist-{part}-imgs.npz would be one")
    labels = images.with_name(re.sub(r"(imgs|images)\.npz$", "labels.npz", images.name))
    if not labels.is_file():
        raise FormatError(f"{images}: no labels next to it; expected {labels.name}")
    found = as_labels(read_array(labels, ARRAY), str(labels))
    return found.dataset(as_pixels(read_array(images, ARRAY), str(images)), name, str(labels))


def _images_of(path: Path, part: Part) -> Path | None:
    """Return the images of `part` in a folder of one collection, or beside one of its files."""
    prefix = None
    if path.is_file():
        match = _NAME.fullmatch(path.name)
        if match is None:
            return None
        path, prefix = path.parent, match["prefix"]
    if not path.is_dir():
        return None
    files = [(_NAME.fullmatch(file.name), file) for file in sorted(path.glob("*.npz"))]
    named = [(match, file) for match, file in files if match and "labels" not in file.name]
    prefixes = {match["prefix"] for match, _ in named} if prefix is None else {prefix}
    if len(prefixes) != 1:
        return None
    return next(
        (file for match, file in named if match["part"] == part and match["prefix"] in prefixes),
        None,
    )
