"""A page becomes lines of glyphs, each taken for one digit.

    picture -> ink -> rulings out -> marks -> lines -> pieces -> candidates, read -> best path

Axes: h w pixels of the picture, y x those of its reduced ink, n images.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.reader.ink.ink import find_ink
from digitnn.reader.input.opening import Picture
from digitnn.reader.layout.best_path import Candidate, best_path, candidates
from digitnn.reader.layout.cutting import slices
from digitnn.reader.layout.glyphs import Glyph, Line
from digitnn.reader.layout.lines import Row, find_rows
from digitnn.reader.layout.pieces import Box, Piece, bounding_box, image_of_pieces
from digitnn.reader.layout.rulings import without_rulings
from digitnn.reader.recogniser import ClassifyImages
from digitnn.reader.single_digit import FIRST, single

__all__ = ["Glyph", "Line", "segment", "single"]

LONGEST = 2048
"""The longest side of a page's ink: a digit of a hundredth of the page has 20 pixels."""

LOOSE = 0.7
"""A gap of so many digits' heights is narrow where there are too few to compare it with."""

FEW = 3
"""With so few glyphs left, a page is read with its rulings too."""

CLOSER = 0.6
"""Where all writing is within this share of a large picture, that part is looked at closely."""

SURE = 0.9
"""A mark that is read as a digit with this probability, and no wider than high, is not cut."""


def segment(picture: Picture, classify: ClassifyImages) -> tuple[Line, ...]:
    """The lines of a page, top to bottom; none where there is no ink.

    Where that leaves one mark or none, and not surely a digit, the picture may be one digit's.
    """
    lines = _lines(picture, classify)
    if sum(len(line.glyphs) for line in lines) <= 1 and _sureness(lines) < FIRST:
        alone = single(picture, classify)
        if alone is not None and alone.sureness > max(_sureness(lines), 0.5):
            return (Line((alone,), (False,)),)
    return lines


def _lines(picture: Picture, classify: ClassifyImages) -> tuple[Line, ...]:
    """The lines of a page, by its marks alone."""
    found = find_ink(picture.grey, LONGEST)
    if found.blank:
        return ()
    plain = without_rulings(found.ink)
    rows = find_rows(plain)
    closer = _closer(picture, rows, found.step)
    if closer is not None:
        crop, left, top = closer
        if lines := _lines(crop, classify):
            return tuple(_moved(line, left, top) for line in lines)
    shape = picture.grey.shape
    lines = _read_rows(plain, rows, classify, found.step, shape)
    few = sum(len(line.glyphs) for line in lines) <= FEW
    if plain is not found.ink and few:
        # The stem of a 4 that fills its picture looks like a ruling: what reads better stands.
        whole = _read_rows(found.ink, find_rows(found.ink), classify, found.step, shape)
        return max(lines, whole, key=_sureness)
    return lines


def _read_rows(
    ink: Float32[ndarray, "y x"],
    rows: Sequence[Row],
    classify: ClassifyImages,
    step: int,
    shape: tuple[int, int],
) -> tuple[Line, ...]:
    """The glyphs of each row, all candidates recognised at once."""
    pieces = _cut_rows(rows, ink, classify)
    runs = [candidates(own, row.height) for own, row in zip(pieces, rows, strict=True)]
    images = [
        [image_of_pieces(ink, own[run.first : run.last]) for run in row_runs]
        for own, row_runs in zip(pieces, runs, strict=True)
    ]
    page = []
    parts = zip(pieces, runs, images, _recognise_all(images, classify), strict=True)
    for own, row_runs, drawn, read in parts:
        path = best_path(own, row_runs, read)
        boxes = [_in_picture(own, row_runs[k], step, shape) for k in path]
        page.append([Glyph(drawn[k], box, read[k]) for k, box in zip(path, boxes, strict=True)])
    wide = spaces(
        [[glyph.box for glyph in glyphs] for glyphs in page], [row.height * step for row in rows]
    )
    return tuple(Line(tuple(glyphs), own) for glyphs, own in zip(page, wide, strict=True))


def _sureness(lines: Sequence[Line]) -> float:
    """The mean probability of each glyph's likeliest digit."""
    read = [glyph.sureness for line in lines for glyph in line.glyphs]
    return float(np.mean(read)) if read else 0.0


def spaces(page: Sequence[Sequence[Box]], heights: Sequence[float]) -> list[tuple[bool, ...]]:
    """Where a gap is wide, compared with the narrower gaps of its line, or of the page.

    page: the boxes of each line; heights: of each line's digits. In digits' heights, a gap is wide
    when it exceeds the narrow ones by 0.6, or by 0.6 of them where all digits stand far apart.
    """
    gaps = [
        [(after[0] - before[2]) / height for before, after in pairwise(boxes)]
        for boxes, height in zip(page, heights, strict=True)
    ]
    usual = _narrow([gap for line in gaps for gap in line])
    found = []
    for boxes, line in zip(page, gaps, strict=True):
        narrow = max(min(usual, _narrow(line)), 0.0)
        wide = narrow + max(0.6, 0.6 * narrow)
        found.append((False,) * min(len(boxes), 1) + tuple(gap > wide for gap in line))
    return found


def _narrow(gaps: Sequence[float]) -> float:
    """The gap that a third are narrower than; of one or two gaps, none is known to be narrow."""
    if len(gaps) < 3:
        return min([*gaps, LOOSE])
    return float(np.percentile(gaps, 30, method="lower"))


def _closer(picture: Picture, rows: Sequence[Row], step: int) -> tuple[Picture, int, int] | None:
    """The part of the picture that is written on, where that brings finer ink, and where it is."""
    if step == 1 or not rows:
        return None
    left, top, right, bottom = bounding_box([piece for row in rows for piece in row.pieces])
    margin = int(max(row.height for row in rows))
    height, width = picture.grey.shape
    left, top = max(left - margin, 0) * step, max(top - margin, 0) * step
    right, bottom = min((right + margin) * step, width), min((bottom + margin) * step, height)
    if max(right - left, bottom - top) > CLOSER * max(height, width):
        return None
    grey = np.ascontiguousarray(picture.grey[top:bottom, left:right])
    return Picture(grey, picture.name, picture.notes), left, top


def _moved(line: Line, left: int, top: int) -> Line:
    """`line` as found in a part of the picture that begins at `left`, `top`."""
    move = np.array([left, top, left, top])
    glyphs = []
    for glyph in line.glyphs:
        x, y, right, bottom = (int(side) for side in np.add(glyph.box, move))
        glyphs.append(replace(glyph, box=(x, y, right, bottom)))
    return replace(line, glyphs=tuple(glyphs))


def _cut_rows(
    rows: Sequence[Row], ink: Float32[ndarray, "y x"], classify: ClassifyImages
) -> list[list[Piece]]:
    """The marks of each line, cut where they are not surely one digit."""
    whole = [[image_of_pieces(ink, [piece]) for piece in row.pieces] for row in rows]
    cut_rows = []
    for row, read in zip(rows, _recognise_all(whole, classify), strict=True):
        pieces = []
        for piece, probabilities in zip(row.pieces, read, strict=True):
            sure = probabilities[:10].max() >= SURE and piece.width <= piece.height
            narrow = piece.width < 0.4 * row.height
            if sure or narrow or piece.height < 0.5 * row.height:
                pieces.append(piece)
            else:
                left, top, right, bottom = piece.box
                pieces += slices(piece, ink[top:bottom, left:right], row.height)
        cut_rows.append(sorted(pieces, key=lambda piece: piece.middle[0]))
    return cut_rows


def _recognise_all(
    images: Sequence[Sequence[ndarray]], classify: ClassifyImages
) -> list[Float32[ndarray, "n 11"]]:
    """One batch for the whole page, given back line by line."""
    flat = [image for line in images for image in line]
    if not flat:
        return []
    probabilities = classify(np.stack(flat))
    ends = np.cumsum([len(line) for line in images])
    return np.split(probabilities, ends[:-1])


def _in_picture(pieces: Sequence[Piece], run: Candidate, step: int, shape: tuple[int, int]) -> Box:
    """The box of a run of pieces, in pixels of a picture of `shape`."""
    left, top, right, bottom = bounding_box(pieces[run.first : run.last])
    return left * step, top * step, min(right * step, shape[1]), min(bottom * step, shape[0])
