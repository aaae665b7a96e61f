"""Save what a training has done so far, and load it again. Everything carries a SHA-256.

A mini-batch training saves checkpoints, each written to a sibling folder and renamed, so that it is
whole or not there. The newest two are kept: if one is damaged, the other is used.

    step-00001564/arrays.safetensors   every array as "group/name"
    step-00001564/progress.json        position, history, seconds; SHA-256 over both files

A full-batch training logs its evaluations in a file that only grows. One record per evaluation, all
of the same length, for p parameters, with little-endian numbers:

    32 bytes   SHA-256 of the rest of the record
    32 bytes   SHA-256 of the training's fingerprint and of the point evaluated
    8, 8, 8    seconds of training, the loss (float64 each), images classified correctly (int64)
    4 p bytes  the gradient, float32

A damaged record is ignored and a truncated one is overwritten; both are computed again, so training
never waits for the disk.
"""

import json
import os
import shutil
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.atomic_files import new_directory, write_text
from digitnn.engines.protocols import Outcome
from digitnn.errors import CheckpointError, FormatError
from digitnn.network.storage.safetensors import load_safetensors, save_safetensors
from digitnn.training.fullbatch import EvaluatedPoint
from digitnn.training.training import Checkpoint
from digitnn.wording import Notify

CHECKPOINT_FORMAT = 1
ARRAYS, PROGRESS = "arrays.safetensors", "progress.json"
MAX_CHECKPOINTS = 2

_HASH_BYTES = 32
_NUMBERS = struct.Struct("<ddq")


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


class EvaluationLog:
    """Stores evaluated points in the file `path`; see `training.fullbatch.PointCache`.

    training: the fingerprint of the training; notify: receives a line about damage, and one if the
    disk is full, after which evaluations are no longer stored but training continues.
    """

    def __init__(self, path: Path, training: str, notify: Notify) -> None:
        self._path, self._training, self._notify = path, training, notify
        self._places: dict[bytes, int] = {}
        self._end: int | None = None
        self._failed = False

    def find(self, point: Float32[ndarray, " p"]) -> EvaluatedPoint | None:
        """Return what was stored for exactly this point."""
        if self._end is None:
            self._read(point.size)
        place = self._places.get(self._key(point))
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place)
            record = file.read(_length(point.size))
        if not _is_sound(record):
            return None
        seconds, total, correct = _NUMBERS.unpack_from(record, 2 * _HASH_BYTES)
        gradient = np.frombuffer(record, "<f4", offset=2 * _HASH_BYTES + _NUMBERS.size)
        return EvaluatedPoint(Outcome(total, correct), gradient.astype(np.float32), seconds)

    def add(self, point: Float32[ndarray, " p"], evaluated: EvaluatedPoint) -> None:
        """Store an evaluated point; `find` must have been called before."""
        assert self._end is not None, "find comes before add"
        key, outcome = self._key(point), evaluated.outcome
        numbers = _NUMBERS.pack(evaluated.seconds, outcome.total, outcome.correct)
        rest = key + numbers + evaluated.gradient.astype("<f4").tobytes()
        try:
            with self._path.open("r+b" if self._path.exists() else "xb", buffering=0) as file:
                file.seek(self._end)  # overwrites what a full disk left of another
                _write_all(file.fileno(), sha256(rest).digest() + rest)
        except OSError as error:
            if not self._failed:
                self._notify(f"cannot write {self._path} ({error.strerror}): training continues")
            self._failed = True
            return
        self._places[key] = self._end
        self._end += _HASH_BYTES + len(rest)

    def _read(self, p: int) -> None:
        """Index every sound record, up to the first that is truncated."""
        length, damaged = _length(p), 0
        self._end = 0
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while len(record := file.read(length)) == length:
                if _is_sound(record):
                    self._places[record[_HASH_BYTES : 2 * _HASH_BYTES]] = self._end
                else:
                    damaged += 1
                self._end += length
        if damaged or record:
            what = f"{damaged} damaged" if damaged else "the last evaluation is truncated"
            self._notify(f"{self._path}: {what}, computed again")

    def _key(self, point: Float32[ndarray, " p"]) -> bytes:
        return sha256(self._training.encode() + point.astype("<f4").tobytes()).digest()


def _length(p: int) -> int:
    return 2 * _HASH_BYTES + _NUMBERS.size + 4 * p


def _is_sound(record: bytes) -> bool:
    return record[:_HASH_BYTES] == sha256(memoryview(record)[_HASH_BYTES:]).digest()


def _write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`; a nearly full disk takes a part and then fails."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
