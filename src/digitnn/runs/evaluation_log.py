"""The evaluations of a full-batch training on disk: a file that only grows.

One record an evaluation, all of one length, for p numbers to learn:

    32 bytes   SHA-256 of the rest of the record
    32 bytes   SHA-256 of the training's fingerprint and of the point: what the answer belongs to
    8, 8, 8    seconds of training, the loss (float64 each), images read right (int64)
    4 p bytes  the gradient, float32

Little-endian. A record that is damaged is not found, and one that was cut is taken off: both are
computed again. So nothing here needs to reach the disk before training may go on.
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

    training: the fingerprint of what is trained; notify: hears, in a line, of damage, and once of a
    disk that takes no more, after which evaluations are forgotten but training goes on.
    """

    def __init__(self, path: Path, training: str, notify: Notify) -> None:
        self._path, self._training, self._notify = path, training, notify
        self._places: dict[bytes, int] = {}
        self._end: int | None = None
        self._failed = False

    def find(self, point: Float32[ndarray, " p"]) -> EvaluatedPoint | None:
        """What was answered at exactly this point."""
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
        """Remember this one."""
        assert self._end is not None, "asked before told"
        key, outcome = self._key(point), evaluated.outcome
        numbers = _NUMBERS.pack(evaluated.seconds, outcome.total, outcome.correct)
        rest = key + numbers + evaluated.gradient.astype("<f4").tobytes()
        try:
            with self._path.open("r+b" if self._path.exists() else "xb", buffering=0) as file:
                file.seek(self._end)  # over what a full disk has left of an earlier one
                _write_all(file.fileno(), sha256(rest).digest() + rest)
        except OSError as error:
            if not self._failed:
                self._notify(f"cannot write {self._path} ({error.strerror}): training goes on")
            self._failed = True
            return
        self._places[key] = self._end
        self._end += _HASH + len(rest)

    def _read(self, p: int) -> None:
        """Find every sound record; take off what was cut at the end."""
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
            what = f"{damaged} damaged" if damaged else "one cut at the end"
            self._notify(f"{self._path}: of its evaluations {what}, computed again")

    def _key(self, point: Float32[ndarray, " p"]) -> bytes:
        return sha256(self._training.encode() + point.astype("<f4").tobytes()).digest()


def _length(p: int) -> int:
    return 2 * _HASH + _NUMBERS.size + 4 * p


def _is_sound(record: bytes) -> bool:
    return record[:_HASH] == sha256(memoryview(record)[_HASH:]).digest()


def _write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`; a disk that is nearly full takes a part and then none."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
