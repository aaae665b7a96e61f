"""Checkpoints of mini-batch trainings on disk: a folder each, whole and checked or not at all.

    step-00001564/arrays.safetensors   every array as "group/name"
    step-00001564/progress.json        position, history, seconds; SHA-256 over both files

A new one is written to a sibling and renamed; the one before it stays until the next is whole, so
that there are two as soon as two have been written.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy import ndarray

from digitnn.atomic_files import new_directory, write_text
from digitnn.errors import CheckpointError, FormatError
from digitnn.network.storage.safetensors import load_safetensors, save_safetensors
from digitnn.training.training import Checkpoint

FORMAT_VERSION = 1
ARRAYS, PROGRESS = "arrays.safetensors", "progress.json"
KEPT = 2
"""How many are kept: should the newest be damaged, the one before it is used."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, training: str) -> None:
    """Write `checkpoint` into `folder` and remove all but the newest two.

    training: the fingerprint of what is trained. Raises `OSError`, and leaves what was there.
    """
    path = folder / f"step-{checkpoint.step:08}"
    if path.exists():  # a training that goes on bit for bit would write the same again
        return
    arrays = {
        f"{group}/{name}": array
        for group, named in checkpoint.arrays.items()
        for name, array in named.items()
    }
    with new_directory(path) as sibling:
        save_safetensors(sibling / ARRAYS, arrays)
        write_checked_json(
            sibling / PROGRESS,
            {"format": FORMAT_VERSION, "training": training, "progress": checkpoint.progress},
            beside=(sibling / ARRAYS).read_bytes(),
        )
    for old in saved_checkpoints(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def saved_checkpoints(folder: Path) -> list[Path]:
    """Every checkpoint in `folder`, damaged or not, the newest first."""
    return sorted(folder.glob("step-*"), reverse=True)


def load_checkpoint(path: Path, training: str) -> Checkpoint:
    """Read one back. Raises `CheckpointError`, naming it, for damage and for another training's."""
    try:
        with _named(path):
            content = (path / ARRAYS).read_bytes()
            about = read_checked_json(path / PROGRESS, beside=content)
            if about.get("format") != FORMAT_VERSION:
                raise CheckpointError(
                    f"{path} has checkpoint format {about.get('format')}; this digitnn reads "
                    f"{FORMAT_VERSION}: use the digitnn that wrote it"
                )
            if about["training"] != training:
                raise CheckpointError(f"{path} is of a training with other recipe, seed or data")
            flat = load_safetensors(path / ARRAYS)
    except FormatError as error:
        raise CheckpointError(str(error)) from None
    arrays: dict[str, dict[str, ndarray]] = {}
    for name, array in flat.items():
        group, _, inner = name.partition("/")
        arrays.setdefault(group, {})[inner] = array
    return Checkpoint(arrays, about["progress"])


def write_checked_json(path: Path, content: Mapping[str, Any], beside: bytes = b"") -> None:
    """Write `content` with a SHA-256 over itself and the bytes of the file `beside` it."""
    digest = _digest(content, beside)
    write_text(path, json.dumps({**content, "sha256": digest}, indent=1) + "\n")


def read_checked_json(path: Path, beside: bytes = b"") -> dict[str, Any]:
    """What `write_checked_json` wrote. Raises `CheckpointError` if the bytes differ."""
    with _named(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        digest = content.pop("sha256")
        if digest != _digest(content, beside):
            raise CheckpointError(f"{path} is damaged: its checksum does not match")
    return dict(content)


def _digest(content: Mapping[str, Any], beside: bytes) -> str:
    return sha256(json.dumps(content).encode() + beside).hexdigest()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What can go wrong with a damaged file, as an error that names it."""
    try:
        yield
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise CheckpointError(f"{path} is damaged: {missing} is missing") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
