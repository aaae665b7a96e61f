"""Folders of four IDX files, named as on LeCun's page and by torchvision and Keras.

    train-images-idx3-ubyte  train-labels-idx1-ubyte  t10k-images-idx3-ubyte  t10k-labels-idx1-ubyte

Each may be gzipped, with or without the suffix `.gz`, and may have a dot before `idx`.
torchvision's `MNIST/raw` is such a folder.
"""

from pathlib import Path
from typing import Literal

from digitnn.data.dataset import PARTS, Dataset, Part, check_images
from digitnn.data.formats.idx import read_idx, write_idx
from digitnn.errors import DataError, FormatError

Content = Literal["images", "labels"]

PREFIX: dict[Part, str] = {"train": "train", "test": "t10k"}
AXES: dict[Content, int] = {"images": 3, "labels": 1}


def idx_name(part: Part, content: Content) -> str:
    """Return the canonical name: `idx_name("test", "labels")` is t10k-labels-idx1-ubyte."""
    return f"{PREFIX[part]}-{content}-idx{AXES[content]}-ubyte"


def idx_file(folder: Path, part: Part, content: Content) -> Path | None:
    """Return the file in `folder` with `content` of `part`, under any of its usual names."""
    name = idx_name(part, content)
    for stem in (name, name.replace("-idx", ".idx")):
        for suffix in ("", ".gz"):
            if (folder / (stem + suffix)).is_file():
                return folder / (stem + suffix)
    return None


def idx_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts whose images exist in `folder`."""
    return tuple(part for part in PARTS if idx_file(folder, part, "images"))


def read_idx_folder(folder: Path, part: Part, name: str) -> Dataset:
    """Read the two files of `part`. Raises `FormatError` naming a missing or damaged file."""
    paths: dict[Content, Path] = {}
    for content in AXES:
        path = idx_file(folder, part, content)
        if path is None:
            raise FormatError(f"{folder}: no file {idx_name(part, content)} (plain or .gz)")
        paths[content] = path
    images, labels = (read_idx(path) for path in paths.values())
    at_fault = paths["images"]
    try:
        check_images(images, name)
        at_fault = paths["labels"]
        return Dataset(images, labels, name)
    except DataError as error:
        raise FormatError(f"{at_fault}: {error}") from None


def write_idx_folder(folder: Path, train: Dataset, test: Dataset, compress: bool = False) -> None:
    """Write the four files, gzipped and with the suffix `.gz` if `compress`."""
    suffix = ".gz" if compress else ""
    for part, data in zip(PARTS, (train, test), strict=True):
        write_idx(folder / (idx_name(part, "images") + suffix), data.images, compress)
        write_idx(folder / (idx_name(part, "labels") + suffix), data.labels, compress)
