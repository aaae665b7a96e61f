"""A page: a flat sheet with glyphs and printed lines at their places.

Places are in page pixels: x to the right, y downwards, from the middle of the page.
"""

from dataclasses import dataclass, field

from tools.page_reader.glyphs import Glyph


@dataclass(frozen=True, eq=False)
class Placed:
    """A glyph on the page.

    character: what it is; "" for a shape that is no character. x: its left edge; y: the line it
    stands on; size: the height of a digit there; lean: to the right per unit of height;
    tone: the darkness of its ink, 0 to 1.
    """

    glyph: Glyph
    character: str
    x: float
    y: float
    size: float
    lean: float
    tone: float


@dataclass(frozen=True)
class Ruling:
    """A printed line of the page from (x0, y0) to (x1, y1), `width` pixels wide."""

    x0: float
    y0: float
    x1: float
    y1: float
    width: float
    tone: float


@dataclass
class Page:
    """What is written and printed inside the page's rectangle."""

    width: float
    height: float
    glyphs: list[Placed] = field(default_factory=list)
    rulings: list[Ruling] = field(default_factory=list)
