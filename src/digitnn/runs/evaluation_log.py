"""Log the evaluations of a full-batch training in a file that only grows.

One record per evaluation, all of the same length, for p parameters:

    32 bytes   SHA-256 of the rest of the record
    32 bytes   SHA-256 of the training's fingerprint and of the point evaluated
    8, 8, 8    seconds of training, the loss (float64 each), images classified correctly (int64)
    4 p bytes  the gradient, float32

Numbers are little-endian. A damaged record is ignored and a truncated one is overwritten; both are
computed again, so training never waits for the disk.
"""

import os
import struct
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.engines.protocols import Outcome
from digitnn.training.fullbatch import EvaluatedPoint
from digitnn.wording import Notify

_HASH = 32
_NUMBERS = struct.Struct("<ddq")


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
        seconds, total, correct = _NUMBERS.unpack_from(record, 2 * _HASH)
        gradient = np.frombuffer(record, "<f4", offset=2 * _HASH + _NUMBERS.size)
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
        self._end += _HASH + len(rest)

    def _read(self, p: int) -> None:
        """Index every sound record, up to the first that is truncated."""
        length, damaged = _length(p), 0
        self._end = 0
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while len(record := file.read(length)) == length:
                if _is_sound(record):
                    self._places[record[_HASH : 2 * _HASH]] = self._end
                else:
                    damaged += 1
                self._end += length
        if damaged or record:
            what = f"{damaged} damaged" if damaged else "the last evaluation is truncated"
            self._notify(f"{self._path}: {what}, computed again")

    def _key(self, point: Float32[ndarray, " p"]) -> bytes:
        return sha256(self._training.encode() + point.astype("<f4").tobytes()).digest()


def _length(p: int) -> int:
    return 2 * _HASH + _NUMBERS.size + 4 * p


def _is_sound(record: bytes) -> bool:
    return record[:_HASH] == sha256(memoryview(record)[_HASH:]).digest()


def _write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`; a nearly full disk takes a part and then fails."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
