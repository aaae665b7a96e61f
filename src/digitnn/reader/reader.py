"""Any picture in, digits out, each with a confidence; what is no digit is "?", not a guess.

picture -> glyphs -> probabilities -> digits -> text
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NO_DIGIT
from digitnn.errors import PictureError, UsageError
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import threads as usual_threads
from digitnn.reader.input.opening import (
    DEFAULT_LIMITS,
    Limits,
    Picture,
    PictureSource,
    open_picture,
)
from digitnn.reader.page import Glyph, Line, segment, single
from digitnn.reader.recogniser import ClassifyImages, load_image_classifier
from digitnn.reader.threads import map_in_order
from digitnn.wording import brief

DEFAULT_MIN_CONFIDENCE = 0.5
"""Below it a mark is refused. docs/reading.md shows what other thresholds accept and refuse."""

REFUSED = "?"


@dataclass(frozen=True, eq=False)
class Digit:
    """One mark of a picture.

    digit: None where it is refused; confidence: the probability of the likeliest digit; box: left,
    top, right, bottom in pixels of the upright picture, ends exclusive; image: what the network
    saw; probabilities: of 0 to 9 and, last, of "no digit".
    """

    digit: int | None
    confidence: float
    box: tuple[int, int, int, int]
    image: UInt8[ndarray, "28 28"]
    probabilities: Float32[ndarray, "11"]

    @property
    def likeliest(self) -> int:
        """The digit that it is most like, refused or not."""
        return int(self.probabilities[:NO_DIGIT].argmax())


@dataclass(frozen=True, eq=False)
class Reading:
    """What stands in a picture.

    text: a newline between lines, a space for a wide gap, "?" for a refused mark; empty where
    there is no ink. digits: one for each mark of `text`, in its order. notes: what was decided on
    the way, in words.
    """

    text: str
    digits: tuple[Digit, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads pictures. Keeps nothing between calls, so threads may share it.

    >>> Reader.load().read("seven.jpg").text  # doctest: +SKIP
    '7'
    """

    classify: ClassifyImages
    min_confidence: float = DEFAULT_MIN_CONFIDENCE
    limits: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(
                f"the least confidence must be from 0 to 1, got {brief(self.min_confidence)}"
            )

    @classmethod
    def load(
        cls,
        model: Path | str | None = None,
        min_confidence: float | None = None,
        limits: Limits | None = None,
    ) -> "Reader":
        """A reader with the network that comes with digitnn, or with a run or ensemble of yours.

        Raises `RunError` for what is no run, `UsageError` for a confidence outside 0..1.
        """
        least = DEFAULT_MIN_CONFIDENCE if min_confidence is None else min_confidence
        return cls(load_image_classifier(model), least, limits or DEFAULT_LIMITS)

    def read(self, source: PictureSource, single: bool = False) -> Reading:
        """The digits of a picture: a path, bytes, a file, a Pillow image or an array.

        single: it holds one digit at most, so that nothing is taken apart. Raises `PictureError`
        for what is no picture; one without any ink is a reading without digits.
        """
        return self.read_picture(open_picture(source, self.limits), single)

    def read_picture(self, picture: Picture, single: bool = False) -> Reading:
        """The same of a picture that is open already."""
        lines = _one_line(picture, self.classify) if single else segment(picture, self.classify)
        digits = tuple(self._judge(glyph) for line in lines for glyph in line.glyphs)
        notes = picture.notes if digits else (*picture.notes, "no ink that could be a digit")
        return Reading(_text(lines, digits), digits, notes)

    def read_many(
        self, sources: Iterable[PictureSource], single: bool = False, threads: int | None = None
    ) -> Iterator[Reading | PictureError]:
        """A reading of each source, in order; of one that cannot be read, the error.

        Several threads open and read; only few pictures are in memory, however many come.
        """

        def attempt(source: PictureSource) -> Reading | PictureError:
            try:
                return self.read(source, single)
            except PictureError as error:
                return error

        with one_core_blas:
            yield from map_in_order(attempt, sources, threads or usual_threads())

    def _judge(self, glyph: Glyph) -> Digit:
        likeliest = int(glyph.probabilities[:NO_DIGIT].argmax())
        confidence = min(float(glyph.probabilities[likeliest]), 1.0)
        digit = likeliest if confidence >= self.min_confidence else None
        return Digit(digit, confidence, glyph.box, glyph.image, glyph.probabilities)


def _one_line(picture: Picture, classify: ClassifyImages) -> tuple[Line, ...]:
    glyph = single(picture, classify)
    return () if glyph is None else (Line((glyph,), (False,)),)


def _text(lines: tuple[Line, ...], digits: tuple[Digit, ...]) -> str:
    marks = iter(REFUSED if digit.digit is None else str(digit.digit) for digit in digits)
    return "\n".join("".join(" " * space + next(marks) for space in line.spaces) for line in lines)
