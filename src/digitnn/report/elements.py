"""What sections are made of: charts with their words and numbers, tables, pictures of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from digitnn.evaluation.intervals import Interval


@dataclass(frozen=True)
class Table:
    """Text in rows; the first cell of each names the row. caption: what the rows are; prose: cells
    hold words, which may be broken into lines, rather than numbers."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    prose: bool = False


@dataclass(frozen=True)
class Chart:
    """svg: an `<svg>` element, already safe; words: what it shows, for everybody; table: its
    numbers."""

    svg: str
    words: str
    table: Table


@dataclass(frozen=True)
class Pixels:
    """A picture whose pixels are meant to be seen. src: a data URI; zoom: CSS pixels a pixel;
    ink: black on white, so that a dark page may show it the other way round."""

    src: str
    width: int
    height: int
    alt: str
    zoom: float
    ink: bool = False


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], prose: bool = False
) -> Table:
    """A `Table` of any sequences."""
    return Table(caption, tuple(head), tuple(tuple(row) for row in rows), prose)


def between(interval: Interval) -> str:
    """(0.991, 0.995) as "99.10 to 99.50 %"."""
    low, high = interval
    return f"{100 * low:.2f} to {100 * high:.2f} %"
