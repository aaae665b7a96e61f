"""A map of images on which each is its digit, in the page's own colours."""

from dataclasses import dataclass

from digitnn.analysis.explain.maps import ImageMap

WIDTH, HEIGHT, MARGIN = 640.0, 560.0, 14.0


@dataclass(frozen=True)
class Group:
    """Where the images of one digit are: x and y in the picture's units, rounded."""

    digit: int
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class DigitMap:
    """groups: by label; wrong: where a ring is drawn, for what was read as another digit."""

    width: int
    height: int
    label: str
    groups: tuple[Group, ...]
    wrong: tuple[tuple[int, int], ...]


def digit_map(found: ImageMap) -> DigitMap:
    """The positions brought to the size of a picture, y upwards."""
    low, high = found.positions.min(axis=0), found.positions.max(axis=0)
    spread = (high - low).clip(1e-9)
    x = MARGIN + (found.positions[:, 0] - low[0]) / spread[0] * (WIDTH - 2 * MARGIN)
    y = MARGIN + (high[1] - found.positions[:, 1]) / spread[1] * (HEIGHT - 2 * MARGIN)
    places = [(round(float(a)), round(float(b))) for a, b in zip(x, y, strict=True)]
    groups = tuple(
        Group(
            digit,
            tuple(
                place for place, label in zip(places, found.labels, strict=True) if label == digit
            ),
        )
        for digit in sorted({int(label) for label in found.labels})
    )
    wrong = tuple(
        place
        for place, label, read in zip(places, found.labels, found.read, strict=True)
        if label != read
    )
    label = (
        f"{found.method} map of {len(places):,} images: for {100 * found.together:.0f} % of them "
        f"the nearest has the same label; {len(wrong)} were read as another digit."
    )
    return DigitMap(int(WIDTH), int(HEIGHT), label, groups, wrong)
