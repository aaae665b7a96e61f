"""Networks that know the truth instead of being trained, and glyphs as they find them."""

from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray

from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.ink.components import find_components
from digitnn.reader.page.network import (
    ANSWERS,
    CHARACTERS,
    OTHER,
    STRIDE,
    Detections,
    PageNetwork,
    box_code,
)


def always(digit: int, p: float) -> ClassifyImages:
    """Return a classifier that gives `digit` probability p, and "no digit" the rest."""

    def classify(images: ndarray) -> ndarray:
        row = np.zeros(11, np.float32)
        row[[digit, 10]] = p, 1 - p
        return np.tile(row, (len(images), 1))

    return classify


def undecided(images: ndarray) -> ndarray:
    """A glyph network that sees some glyph in every window, and does not say which."""
    row = np.append(np.full(OTHER + 1, 0.99 / (OTHER + 1)), 0.01).astype(np.float32)
    return np.tile(row, (len(images), 1))


def row_of(character: str, p: float = 0.97) -> ndarray:
    """The probabilities of a glyph that is `character`, or another shape if it is no such one."""
    row = np.full(OTHER + 1, (1 - p) / OTHER, np.float32)
    row[CHARACTERS.index(character) if character in CHARACTERS else OTHER] = p
    return row


def detections(*glyphs: tuple[tuple[float, float, float, float], float, str]) -> Detections:
    """Glyphs from (box, score, character)."""
    return Detections(
        np.array([box for box, _, _ in glyphs], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in glyphs], np.float32),
        np.array([row_of(name) for _, _, name in glyphs], np.float32).reshape(-1, OTHER + 1),
    )


def typed(text: str, left: float = 20, top: float = 20, high: float = 30) -> Detections:
    """Detections of `text` in one hand, lines below one another, spaces wide."""
    glyphs = []
    for line in text.split("\n"):
        x = left
        for character in line:
            wide, y0, y1 = 0.6 * high, top, top + high
            if character in ".,":
                wide, y0 = 0.12 * high, top + 0.85 * high
            if character == "-":
                y0, y1 = top + 0.45 * high, top + 0.55 * high
            if character != " ":
                glyphs.append(((x, y0, x + wide, y1), 0.9, character))
            x += wide + 0.2 * high
        top += 2 * high
    return detections(*glyphs)


@dataclass(frozen=True, eq=False)
class DarkBoxes(PageNetwork):
    """Finds what is dark as a trained network finds glyphs of 12 to 40 pixels, all as sevens.

    Asks for a closer look at what is smaller. `seen`: the pages it was asked about.
    """

    params: dict[str, ndarray] = field(default_factory=dict)
    seen: list[ndarray] = field(default_factory=list)

    def __call__(self, page: ndarray) -> ndarray:
        self.seen.append(page.copy())
        h, w = page.shape
        answers = np.full((h // STRIDE, w // STRIDE, ANSWERS), -8, np.float32)
        for left, top, right, bottom in find_components(page < 128).boxes:
            if bottom - top < 12:
                answers[
                    top // STRIDE : -(-bottom // STRIDE), left // STRIDE : -(-right // STRIDE), 1
                ] = 2
            elif bottom - top <= 40:
                row, column = (top + bottom) // 2 // STRIDE, (left + right) // 2 // STRIDE
                x, y = (np.array([cell + 0.5], np.float32) for cell in (column, row))
                box = np.array([left, top, right, bottom], np.float32)
                answers[row, column, 0] = 3
                answers[row, column, 2:6] = box_code(box, x, y)[:, 0]
                answers[row, column, 6 + 7] = 8
        return answers


@dataclass(frozen=True, eq=False)
class Asking(PageNetwork):
    """Finds nothing, but asks for a closer look at the `cells` cells in the middle of each page."""

    cells: int = 0
    params: dict[str, ndarray] = field(default_factory=dict)
    seen: list[ndarray] = field(default_factory=list)

    def __call__(self, page: ndarray) -> ndarray:
        self.seen.append(page.copy())
        h, w = page.shape
        answers = np.full((h // STRIDE, w // STRIDE, ANSWERS), -8, np.float32)
        y, x = np.indices(answers.shape[:2])
        distance = (y - h // STRIDE / 2) ** 2 + (x - w // STRIDE / 2) ** 2
        answers[:, :, 1].flat[np.argsort(distance, axis=None)[: self.cells]] = 1
        return answers
