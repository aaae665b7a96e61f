"""A page becomes lines of glyphs, each taken for one digit.

    picture -> ink -> rulings out -> marks -> lines -> pieces -> candidates, read -> best path

Axes: h w pixels of the picture, y x those of its reduced ink, n images.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.picture.cutting import slices
from digitnn.picture.glyphs import Glyph, Line
from digitnn.picture.ink import find_ink
from digitnn.picture.lines import Row, find_rows
from digitnn.picture.opening import Picture
from digitnn.picture.path import Candidate, best_path, candidates
from digitnn.picture.pieces import Box, Piece, hull, image_of_pieces
from digitnn.picture.recognise import Recognise
from digitnn.picture.rulings import without_rulings
from digitnn.picture.single import single

__all__ = ["Glyph", "Line", "segment", "single"]

LONGEST = 2048
"""The longest side of a page's ink: a digit of a hundredth of the page has 20 pixels."""

CLOSER = 0.6
"""Where all writing is within this share of a large picture, that part is looked at more closely."""

SURE = 0.9
"""A mark that is read as a digit with this probability, and no wider than high, is not cut."""


def segment(picture: Picture, recognise: Recognise) -> tuple[Line, ...]:
    """The lines of a page, top to bottom; none where there is no ink."""
    found = find_ink(picture.grey, LONGEST)
    if found.blank:
        return ()
    ink = without_rulings(found.ink)
    rows = find_rows(ink)
    closer = _closer(picture, rows, found.step)
    if closer is not None:
        crop, left, top = closer
        if lines := segment(crop, recognise):
            return tuple(_moved(line, left, top) for line in lines)
    pieces = _cut_rows(rows, ink, recognise)
    runs = [candidates(p, row.height) for p, row in zip(pieces, rows, strict=True)]
    images = [
        [image_of_pieces(ink, p[run.first : run.last]) for run in line]
        for p, line in zip(pieces, runs, strict=True)
    ]
    probabilities = _recognise_all(images, recognise)
    lines = []
    for row, p, line, drawn, read in zip(rows, pieces, runs, images, probabilities, strict=True):
        path = best_path(p, line, read)
        glyphs = tuple(
            Glyph(drawn[k], _in_picture(p, line[k], found.step, picture), read[k]) for k in path
        )
        lines.append(Line(glyphs, spaces([glyph.box for glyph in glyphs], row.height * found.step)))
    return tuple(lines)


def spaces(boxes: Sequence[Box], height: float) -> tuple[bool, ...]:
    """Where a gap is wide, compared with the narrower gaps of the line and with its digits."""
    gaps = [(after[0] - before[2]) / height for before, after in zip(boxes, boxes[1:], strict=False)]
    if not gaps:
        return (False,) * len(boxes)
    narrow = float(np.percentile(gaps, 30)) if len(gaps) > 1 else 0.7
    wide = max(narrow, 0) + max(0.6, 0.6 * narrow)
    return (False, *(gap > wide for gap in gaps))


def _closer(
    picture: Picture, rows: Sequence[Row], step: int
) -> tuple[Picture, int, int] | None:
    """The part of the picture that is written on, where that brings finer ink, and where it is."""
    if step == 1 or not rows:
        return None
    left, top, right, bottom = hull([piece for row in rows for piece in row.pieces])
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
    rows: Sequence[Row], ink: Float32[ndarray, "y x"], recognise: Recognise
) -> list[list[Piece]]:
    """The marks of each line, cut where they are not surely one digit."""
    whole = [[image_of_pieces(ink, [piece]) for piece in row.pieces] for row in rows]
    cut_rows = []
    for row, read in zip(rows, _recognise_all(whole, recognise), strict=True):
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
    images: Sequence[Sequence[ndarray]], recognise: Recognise
) -> list[Float32[ndarray, "n 11"]]:
    """One batch for the whole page, given back line by line."""
    flat = [image for line in images for image in line]
    if not flat:
        return []
    probabilities = recognise(np.stack(flat))
    ends = np.cumsum([len(line) for line in images])
    return np.split(probabilities, ends[:-1])


def _in_picture(pieces: Sequence[Piece], run: Candidate, step: int, picture: Picture) -> Box:
    """The box of a run of pieces, in pixels of the picture."""
    left, top, right, bottom = hull(pieces[run.first : run.last])
    height, width = picture.grey.shape
    return left * step, top * step, min(right * step, width), min(bottom * step, height)
