"""Save and load checkpoints of mini-batch trainings, each a folder with checksums.

    step-00001564/arrays.safetensors   every array as "group/name"
    step-00001564/progress.json        position, history, seconds; SHA-256 over both files

A checkpoint is written to a sibling folder and renamed, so it is whole or not there. The newest two
are kept: if one is damaged, the other is used.
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

CHECKPOINT_FORMAT = 1
ARRAYS, PROGRESS = "arrays.safetensors", "progress.json"
MAX_CHECKPOINTS = 2


def save_checkpoint(folder: Path, checkpoint: Checkpoint, training: str) -> None:
    """Write `checkpoint` into `folder` and remove all but the newest two.

    training: the fingerprint of the training. Raises `OSError`; older checkpoints then remain.
    """
    path = folder / f"step-{checkpoint.step:08}"
    if path.exists():  # a training that was resumed would write the same bytes
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
            {"format": CHECKPOINT_FORMAT, "training": training, "progress": checkpoint.progress},
            companion=(sibling / ARRAYS).read_bytes(),
        )
    for old in saved_checkpoints(folder)[MAX_CHECKPOINTS:]:
        shutil.rmtree(old, ignore_errors=True)


def saved_checkpoints(folder: Path) -> list[Path]:
    """Return all checkpoints in `folder`, damaged or not, the newest first."""
    return sorted(folder.glob("step-*"), reverse=True)


def load_checkpoint(path: Path, training: str) -> Checkpoint:
    """Load a checkpoint. Raises `CheckpointError` if it is damaged or of another training."""
    try:
        with _named(path):
            content = (path / ARRAYS).read_bytes()
            about = read_checked_json(path / PROGRESS, companion=content)
            if about.get("format") != CHECKPOINT_FORMAT:
                raise CheckpointError(
                    f"{path} has checkpoint format {about.get('format')}; this digitnn reads "
                    f"{CHECKPOINT_FORMAT}: use the digitnn that wrote it"
                )
            if about["training"] != training:
                raise CheckpointError(
                    f"{path} is of another training: its recipe, seed or data differ"
                )
            flat = load_safetensors(path / ARRAYS)
    except FormatError as error:
        raise CheckpointError(str(error)) from None
    arrays: dict[str, dict[str, ndarray]] = {}
    for name, array in flat.items():
        group, _, inner = name.partition("/")
        arrays.setdefault(group, {})[inner] = array
    return Checkpoint(arrays, about["progress"])


def write_checked_json(path: Path, content: Mapping[str, Any], companion: bytes = b"") -> None:
    """Write `content` with a SHA-256 over itself and over the bytes of a `companion` file."""
    digest = _digest(content, companion)
    write_text(path, json.dumps({**content, "sha256": digest}, indent=1) + "\n")


def read_checked_json(path: Path, companion: bytes = b"") -> dict[str, Any]:
    """Return what `write_checked_json` wrote. Raises `CheckpointError` if the bytes differ."""
    with _named(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        digest = content.pop("sha256")
        if digest != _digest(content, companion):
            raise CheckpointError(f"{path} is damaged: its checksum does not match")
    return dict(content)


def _digest(content: Mapping[str, Any], companion: bytes) -> str:
    return sha256(json.dumps(content).encode() + companion).hexdigest()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn errors that a damaged file can cause into a `CheckpointError` that names it."""
    try:
        yield
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise CheckpointError(f"{path} is damaged: {missing} is missing") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
