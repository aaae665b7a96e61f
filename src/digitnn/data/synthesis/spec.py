"""What is learned beside the training split, as data; `synthesis` makes the images."""

from dataclasses import dataclass, fields

from digitnn.errors import UsageError


@dataclass(frozen=True)
class SyntheticMix:
    """How many images of each kind.

    hands: digits of strokes, in styles that MNIST has few of.
    printed: digits of handwriting fonts.
    letters: junk from here on: letters and signs of the same fonts.
    figures: shapes, letters and signs of strokes.
    scribbles: curves through many points.
    halves: halves of digits.
    glued: two digits that touch.
    clothes: of Fashion-MNIST's training part.
    blots: spots of noise.
    """

    hands: int = 12000
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
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise UsageError(
                    f"SyntheticMix: {name} must be a whole number of at least 0, got {value!r}"
                )
