"""Read the digits in a picture, each with a confidence; reject what is not a digit.

picture -> glyphs -> probabilities -> digits -> text
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.errors import PictureError, UsageError
from digitnn.machine.blas import one_core_blas
from digitnn.machine.in_order import map_in_order
from digitnn.machine.resources import threads as usual_threads
from digitnn.reader.digit_classifier import ClassifyImages, load_image_classifier
from digitnn.reader.glyphs import Glyph, Line
from digitnn.reader.ink.components import Box
from digitnn.reader.input.arrays import ArraySource, digit_images
from digitnn.reader.input.opening import (
    DEFAULT_LIMITS,
    Limits,
    Picture,
    PictureSource,
    open_each,
    open_picture,
)
from digitnn.reader.page.reading import read_page
from digitnn.reader.page.second_look import PageNetworks, shipped_page_networks
from digitnn.reader.single_digit import find_single_digit, surer_of, whole_ink
from digitnn.wording import brief

DEFAULT_MIN_CONFIDENCE = 0.5
"""The rejection threshold. docs/reading.md shows what other thresholds accept and reject."""

MIN_SURE_CONFIDENCE = 0.8
"""Accepted digits of lower confidence are pointed out as unsure in texts and drawings."""

REJECTED = "?"
"""Stands for a rejected glyph in the text."""

SMALL_SIDE = 32
"""A picture of at most this side is first taken for one digit, as MNIST's images are."""

MIN_SMALL_CONFIDENCE = 0.9
"""With this confidence it is one; else it is read like a page."""

MAX_PAPER = 25
"""Pixels of an image up to this value are paper, of 255: the box of its ink leaves them out."""


@dataclass(frozen=True, eq=False)
class Digit:
    """One glyph of a picture.

    digit: None if rejected or a symbol; confidence: the probability of the most likely digit, or of
    the symbol; box: left, top,
    right, bottom in pixels of the upright picture, right and bottom exclusive; image: the input of
    the network; probabilities: of 0 to 9 and, last, of "no digit"; symbol: one of `.,-/:`, if
    symbols are read and it is one, else "".
    """

    digit: int | None
    confidence: float
    box: Box
    image: UInt8[ndarray, "28 28"]
    probabilities: Float32[ndarray, "11"]
    symbol: str = ""

    @property
    def most_likely(self) -> int:
        """The most likely digit, whether rejected or not."""
        return int(self.probabilities[:NON_DIGIT].argmax())

    @property
    def character(self) -> str:
        """The character that stands for it in `Reading.text`."""
        return self.symbol or (REJECTED if self.digit is None else str(self.digit))

    @property
    def verdict(self) -> str:
        """What was decided, and with what probability, in words."""
        share = f"{100 * self.confidence:.0f} %"
        if self.symbol:
            return f"{self.symbol}: confidence {share}"
        if self.digit is not None:
            return f"{self.digit}: confidence {share}"
        if (p := float(self.probabilities[NON_DIGIT])) > self.confidence:
            return f"?: not a digit, {100 * p:.0f} %"
        return f"?: unclear, most likely {self.most_likely}, {share}"


@dataclass(frozen=True, eq=False)
class Reading:
    """The digits of a picture.

    text: a newline between lines, a space for a wide gap, "?" for a rejected glyph; empty if the
    picture has no ink. digits: in the order of `text`. notes: the decisions taken, in words.
    """

    text: str
    digits: tuple[Digit, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads pictures. It holds no state between calls, so threads may share it.

    symbols: read points, commas, dashes, slashes and colons as such, instead of rejecting them;
    rotate: try a page that reads badly on its sides and upside down.

    >>> Reader.load().read("seven.jpg").text  # doctest: +SKIP
    '7'
    """

    classify_images: ClassifyImages
    min_confidence: float = DEFAULT_MIN_CONFIDENCE
    limits: Limits = DEFAULT_LIMITS
    symbols: bool = False
    rotate: bool = True
    page_networks: PageNetworks = field(default_factory=shipped_page_networks)

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(
                f"the rejection threshold must be from 0 to 1, got {brief(self.min_confidence)}"
            )

    @classmethod
    def load(
        cls,
        model: Path | str | None = None,
        min_confidence: float | None = None,
        limits: Limits | None = None,
        *,
        symbols: bool = False,
        rotate: bool = True,
    ) -> "Reader":
        """Return a reader with the shipped network, or with the run or ensemble `model`.

        Raises `RunError` if it is neither, `UsageError` if `min_confidence` is outside 0..1.
        """
        threshold = DEFAULT_MIN_CONFIDENCE if min_confidence is None else min_confidence
        classify = load_image_classifier(model)
        return cls(classify, threshold, limits or DEFAULT_LIMITS, symbols, rotate)

    def read(self, source: PictureSource, single: bool = False) -> Reading:
        """Read a picture: a path, bytes, an open file, a Pillow image, an array or a tensor.

        single: take the picture for one digit at most. A picture without ink has no digits.
        Raises `PictureError` if `source` is damaged, not a picture, or a batch of several.
        """
        return self.read_picture(open_picture(source, self.limits), single)

    def read_picture(self, picture: Picture, single: bool = False) -> Reading:
        """Read a picture that is already open."""
        lines, notes = self._find_lines(picture, single)
        digits = tuple(self._decide(glyph) for line in lines for glyph in line.glyphs)
        if not digits:
            notes = (*notes, "nothing that could be a digit")
        return Reading(_text(lines, digits), digits, picture.notes + notes)

    def _find_lines(
        self, picture: Picture, single: bool
    ) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """Return the lines of a picture, and notes."""
        if single:
            glyph = find_single_digit(picture, self.page_networks, self.classify_images)
            return _one_line(glyph), ()
        if max(picture.grey.shape) <= SMALL_SIDE:
            glyph = whole_ink(picture, self.classify_images)
            if glyph is not None and glyph.confidence >= MIN_SMALL_CONFIDENCE:
                return _one_line(glyph), ()
        page = read_page(picture.grey, self.page_networks, self.classify_images, self.rotate)
        lines, notes = page.lines, []
        if page.quarters:
            notes.append(f"read after turning it by {90 * page.quarters} degrees anticlockwise")
        elif len(lines) == 1 and len(lines[0].glyphs) == 1:
            lines = _one_line(
                surer_of(lines[0].glyphs[0], whole_ink(picture, self.classify_images))
            )
        if page.too_small:
            notes.append("there may be writing that is too small to be read: come closer")
        return lines, tuple(notes)

    def read_many(
        self,
        sources: Iterable[PictureSource] | ArraySource,
        single: bool = False,
        threads: int | None = None,
    ) -> Iterator[Reading | PictureError]:
        """Return an iterator of a reading of each source in order, or its error.

        An array or tensor is a batch: a picture for each index of its first axis, all on one scale.
        Several threads open and read; only a few pictures are in memory at a time.
        Raises `PictureError` if the shape of an array is not that of a batch, `UsageError` for
        fewer than one thread.
        """
        if threads is not None and threads < 1:
            raise UsageError(f"threads must be at least 1, got {brief(threads)}")
        return self._read_opened(open_each(sources, self.limits), single, threads)

    def _read_opened(
        self, pictures: Iterable[Callable[[], Picture]], single: bool, threads: int | None
    ) -> Iterator[Reading | PictureError]:
        def attempt(open_it: Callable[[], Picture]) -> Reading | PictureError:
            try:
                return self.read_picture(open_it(), single)
            except PictureError as error:
                return error

        with one_core_blas:
            yield from map_in_order(attempt, pictures, threads or usual_threads())

    def classify(self, images: ArraySource) -> Float32[ndarray, "n 11"]:
        """Return the probabilities of the ten digits and, last, of "no digit" for each image.

        images: n digits of 28 x 28 pixels as in MNIST, light ink on dark paper, centred: shape
        (n, 28, 28), (n, 1, 28, 28) or (n, 784), or one image without n; any range. Unlike `read`,
        this neither searches for the digit nor inverts, crops or centres anything.
        Raises `PictureError` for other shapes, and for NaN and infinity.
        """
        return self.classify_images(digit_images(images))

    def read_images(
        self, images: UInt8[ndarray, "n 28 28"], notes: tuple[str, ...] = ()
    ) -> list[Reading]:
        """Take each image for one digit as it is, 0 paper to 255 ink, and classify all at once.

        Several times faster than `read`, for images as in MNIST. The box is that of the ink; every
        reading gets the `notes`.
        """
        ink = images > MAX_PAPER
        readings = []
        for image, p, box in zip(
            images, self.classify_images(images), _boxes(ink).tolist(), strict=True
        ):
            digit = self._decide(Glyph(image, tuple(box), p))
            readings.append(Reading(digit.character, (digit,), notes))
        return readings

    def _decide(self, glyph: Glyph) -> Digit:
        most_likely = int(glyph.probabilities[:NON_DIGIT].argmax())
        confidence = min(float(glyph.probabilities[most_likely]), 1.0)
        digit = most_likely if confidence >= self.min_confidence else None
        doubtful = confidence < min(glyph.symbol_confidence, DEFAULT_MIN_CONFIDENCE)
        symbol = glyph.symbol if self.symbols and (digit is None or doubtful) else ""
        digit, confidence = (None, glyph.symbol_confidence) if symbol else (digit, confidence)
        return Digit(digit, confidence, glyph.box, glyph.image, glyph.probabilities, symbol)


def _boxes(ink: Bool[ndarray, "n h w"]) -> Int64[ndarray, "n 4"]:
    """Return the bounding box of each mask; 0, 0, w, h if it is empty."""
    h, w = ink.shape[1:]
    rows, columns = np.asarray(ink.any(axis=2)), np.asarray(ink.any(axis=1))
    right, bottom = w - columns[:, ::-1].argmax(axis=1), h - rows[:, ::-1].argmax(axis=1)
    return np.stack([columns.argmax(axis=1), rows.argmax(axis=1), right, bottom], axis=1)


def _one_line(glyph: Glyph | None) -> tuple[Line, ...]:
    return (Line((glyph,), (False,)),) if glyph else ()


def _text(lines: tuple[Line, ...], digits: tuple[Digit, ...]) -> str:
    characters = iter(digit.character for digit in digits)
    return "\n".join(
        "".join(" " * space + next(characters) for space in line.spaces) for line in lines
    )
