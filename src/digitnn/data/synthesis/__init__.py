"""Synthetic training images: their number of each kind. `generate` makes them."""

from dataclasses import dataclass, fields

from digitnn.errors import check_numbers


@dataclass(frozen=True)
class SyntheticMix:
    """The number of synthetic images of each kind; from `letters` on they are non-digits.

    hands: digits drawn of strokes, in styles that are rare in MNIST.
    printed: digits of handwriting fonts.
    letters: non-digits: letters and signs of the same fonts.
    figures: non-digits: shapes, letters and signs drawn of strokes.
    scribbles: non-digits: curves through many points.
    halves: non-digits: halves of digits.
    glued: non-digits: two touching digits.
    clothes: non-digits: images of Fashion-MNIST's training part.
    blots: non-digits: ragged blots.
    """

    hands: int = 15000
    printed: int = 2000
    letters: int = 7000
    figures: int = 10500
    scribbles: int = 3000
    halves: int = 4000
    glued: int = 5000
    clothes: int = 7000
    blots: int = 1000

    @property
    def non_digits(self) -> int:
        """Return how many of the images show no digit."""
        return sum(getattr(self, field.name) for field in fields(self)) - self.hands - self.printed

    def __post_init__(self) -> None:
        check_numbers(self, *(field.name for field in fields(self)), whole=True, at_least=0)
