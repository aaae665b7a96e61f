"""Pictures that kill the process that reads them, as a lack of memory does."""

import os
import signal
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray
from pictures import five

from digitnn.scaling.collections.items import SKIPPED, Item


@dataclass(frozen=True)
class DeadlySelection:
    """n fives, of which those in `deadly` kill. deaths: a file that grows by a byte each time.

    spared: the number of deaths after which they kill no more.
    """

    n: int
    deadly: tuple[int, ...]
    deaths: Path
    spared: int = 1000

    def __len__(self) -> int:
        return self.n

    def items(self, skip: Container[int]) -> Iterator[Item]:
        for place in range(self.n):
            if place in skip:
                yield Item(f"{place}.png", None, SKIPPED)
                continue
            if place in self.deadly and self._died() < self.spared:
                with self.deaths.open("ab") as file:
                    file.write(b"x")
                os.kill(os.getpid(), signal.SIGKILL)
            yield Item(f"{place}.png", None, self._image(place))

    def _died(self) -> int:
        return self.deaths.stat().st_size if self.deaths.exists() else 0

    def _image(self, place: int) -> ndarray:
        return np.array(five(28, 6 + place / 10, paper=0, ink=255))
