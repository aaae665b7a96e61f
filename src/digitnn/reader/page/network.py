"""The network that finds and reads the glyphs of a page: its shape, its code for boxes, its use.

A fully convolutional network looks at the page at one scale and answers for each cell of 4 x 4
pixels: is there the centre of a glyph, where is its box, which character is it (after "Objects as
Points", Zhou, Wang and Krähenbühl 2019). It finds digits of 12 to 40 pixels; a pyramid of pages,
each with half the pixels of the one before, covers all sizes.

Axes: h w pixels, y x cells, n glyphs.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.data.dataset import NON_DIGIT
from digitnn.engines.scratch.large_images import convolve, enlarge
from digitnn.errors import DataError, FormatError, RunError
from digitnn.network.network import Params
from digitnn.network.storage.safetensors import load_safetensors
from digitnn.network.storage.saved_network import dequantise

SHIPPED_FILE = Path(__file__).parent.parent / "shipped" / "page.safetensors"
"""The trained network; written by `tools.page_reader.ship`."""

STRIDE = 4
"""Side of a cell, in pixels."""

CHARACTERS = "0123456789.,-/:"
"""The characters that it tells apart."""

OTHER = len(CHARACTERS)
"""The class of letters, other symbols and shapes."""

ANSWERS = 1 + 1 + 4 + len(CHARACTERS) + 1
"""Numbers for each cell: the logit of a glyph's centre, the logit of writing too small to be read,
four of its box, and the logits of the characters and of `OTHER`."""

UNIT = 24.0
"""Box sides are coded as log(side / UNIT), in pixels."""


def box_code(
    box: Float32[ndarray, "4"], x: Float32[ndarray, " n"], y: Float32[ndarray, " n"]
) -> Float32[ndarray, "4 n"]:
    """Return the code of a box for cells at x, y: where its centre is, and the logs of its sides.

    box: left, top, right, bottom in pixels; x, y: middles of cells, in cells.
    """
    left, top, right, bottom = box
    code = np.empty((4, len(x)), np.float32)
    code[0] = (left + right) / 2 / STRIDE - x
    code[1] = (top + bottom) / 2 / STRIDE - y
    code[2], code[3] = np.log((right - left) / UNIT), np.log((bottom - top) / UNIT)
    return code


@dataclass(frozen=True, eq=False)
class PageNetwork:
    """The trained network; `params` are named as in training, with BatchNorm folded in."""

    params: Params

    @classmethod
    def load(cls, file: Path = SHIPPED_FILE) -> "PageNetwork":
        """Load the shipped network, or another file of the same kind. Raises `RunError`."""
        try:
            return cls(dequantise(load_safetensors(file)))
        except OSError as error:
            raise RunError(f"{file}: cannot be read ({error.strerror or error})") from None
        except FormatError as error:  # which names the file
            raise RunError(str(error)) from None
        except DataError as error:
            raise RunError(f"{file}: {error}") from None

    def __call__(self, page: UInt8[ndarray, "h w"]) -> Float32[ndarray, "y x 22"]:
        """Return the answers of all cells; the sides of the page must be multiples of 16."""
        x = page[:, :, None].astype(np.float32)
        x /= 255
        x -= 0.5
        fine = self._residual("fine", self._layer("to_fine", self._layer("stem", x, 2), 2))
        middle = self._layer("to_middle", fine, 2)
        for k in range(2):
            middle = self._residual(f"middle.{k}", middle)
        coarse = self._layer("to_coarse", middle, 2)
        for k in range(3):
            coarse = self._residual(f"coarse.{k}", coarse)
        up = enlarge(self._layer("from_coarse", coarse, relu=False))
        middle = self._layer("merged", np.maximum(middle + up, 0))
        up = enlarge(self._layer("from_middle", middle, relu=False))
        head = self._layer("from_fine", fine, shortcut=up)
        return self._layer("answer", self._residual("head", head), relu=False)

    def _layer(
        self,
        name: str,
        x: Float32[ndarray, "h w c"],
        stride: int = 1,
        relu: bool = True,
        shortcut: Float32[ndarray, "a b u"] | None = None,
    ) -> Float32[ndarray, "a b u"]:
        weight, bias = self.params[f"{name}.weight"], self.params[f"{name}.bias"]
        return convolve(x, weight, bias, stride, relu, shortcut)

    def _residual(self, name: str, x: Float32[ndarray, "h w c"]) -> Float32[ndarray, "h w c"]:
        first = self._layer(f"{name}.first", x)
        return self._layer(f"{name}.second", first, shortcut=x)


@cache
def shipped_page_network() -> PageNetwork:
    """Return the network of the package; it is loaded once."""
    return PageNetwork.load()


@dataclass(frozen=True, eq=False)
class Detections:
    """Glyphs that were found.

    boxes: left, top, right, bottom in pixels; scores: the probability that there is a glyph;
    characters: the probabilities of `CHARACTERS` and of `OTHER`, if there is one; too_small:
    whether there is writing that is too small to be read.
    """

    boxes: Float32[ndarray, "n 4"]
    scores: Float32[ndarray, " n"]
    characters: Float32[ndarray, "n 16"]
    too_small: bool = False

    @property
    def symbols(self) -> Bool[ndarray, " n"]:
        """Which are symbols rather than digits or other shapes."""
        return self.characters[:, NON_DIGIT:OTHER].sum(axis=1) > 0.5

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: ndarray) -> "Detections":
        return replace(
            self,
            boxes=self.boxes[which],
            scores=self.scores[which],
            characters=self.characters[which],
        )


def decode(answers: Float32[ndarray, "y x 22"], min_score: float) -> Detections:
    """Return the glyphs of one scale: the cells whose centre logit is the largest of 3 x 3."""
    logits = answers[:, :, 0]
    framed = np.pad(logits, 1, constant_values=-np.inf)
    largest = sliding_window_view(framed, (3, 3)).max(axis=(2, 3))
    y, x = np.nonzero((logits == largest) & (logits > np.log(min_score / (1 - min_score))))
    own = answers[y, x]
    middle = (np.stack([x, y], axis=1) + 0.5 + own[:, 2:4]) * STRIDE
    half = UNIT * np.exp(np.clip(own[:, 4:6], -4, 3)) / 2
    return Detections(
        np.concatenate([middle - half, middle + half], axis=1).astype(np.float32),
        1 / (1 + np.exp(-own[:, 0])),
        softmax(own[:, 6:]),
    )


def softmax(logits: Float32[ndarray, "n k"]) -> Float32[ndarray, "n k"]:
    """Return the probabilities of each row of logits; there may be no rows."""
    z = np.exp(logits - logits.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)
