"""Segment a page into text lines of glyphs, each classified as one digit.

    picture -> ink -> remove rulings -> components -> rows -> pieces -> candidates -> best path

Axes: h w pixels of the picture, y x pixels of its reduced ink, n images.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.ink.components import Box, enlarge_box
from digitnn.reader.ink.ink import find_ink
from digitnn.reader.input.opening import Picture
from digitnn.reader.layout.best_path import best_path, find_candidates
from digitnn.reader.layout.cutting import cut_into_slices
from digitnn.reader.layout.glyphs import Glyph, InkPiece, Line, image_from_pieces, union_box
from digitnn.reader.layout.lines import Row, find_rows
from digitnn.reader.layout.rulings import remove_rulings
from digitnn.reader.single_digit import MIN_FIRST_CONFIDENCE, find_single_digit

MAX_PAGE_INK_SIDE = 2048
"""Longest side of a page's ink: a digit of a hundredth of the page has 20 pixels."""

MAX_RETRY_GLYPHS = 3
"""With so few glyphs left without rulings, the page is also segmented with them."""

MAX_CROP_SHARE = 0.6
"""If the writing covers at most this share of a large picture, that part is segmented alone."""

MIN_UNCUT_CONFIDENCE = 0.9
"""A component with this confidence, and no wider than high, is not cut."""


def segment(picture: Picture, classify: ClassifyImages) -> tuple[Line, ...]:
    """Return the text lines of a page, top to bottom; none if it has no ink.

    If at most one glyph of low confidence is found, also try the picture as a single digit.
    """
    lines = _segment_components(picture, classify)
    confidence = _mean_confidence(lines)
    if sum(len(line.glyphs) for line in lines) <= 1 and confidence < MIN_FIRST_CONFIDENCE:
        alone = find_single_digit(picture, classify)
        if alone is not None and alone.confidence > max(confidence, 0.5):
            return (Line((alone,), (False,)),)
    return lines


def _segment_components(picture: Picture, classify: ClassifyImages) -> tuple[Line, ...]:
    """Return the text lines of a page from its connected components alone."""
    found = find_ink(picture.grey, MAX_PAGE_INK_SIDE)
    if found.blank:
        return ()
    plain = remove_rulings(found.ink)
    rows = find_rows(plain)
    crop = _crop_to_writing(picture, rows, found.reduction)
    if crop is not None:
        part, left, top = crop
        if lines := _segment_components(part, classify):
            return tuple(_shift(line, left, top) for line in lines)
    shape = picture.grey.shape
    lines = _classify_rows(plain, rows, classify, found.reduction, shape)
    few = sum(len(line.glyphs) for line in lines) <= MAX_RETRY_GLYPHS
    if plain is not found.ink and few:
        # The stem of a 4 that fills its picture looks like a ruling: the higher confidence wins.
        rows = find_rows(found.ink)
        with_rulings = _classify_rows(found.ink, rows, classify, found.reduction, shape)
        return max(lines, with_rulings, key=_mean_confidence)
    return lines


def _classify_rows(
    ink: Float32[ndarray, "y x"],
    rows: Sequence[Row],
    classify: ClassifyImages,
    reduction: int,
    shape: tuple[int, int],
) -> tuple[Line, ...]:
    """Return the glyphs of each row; the candidates of all rows are classified in one batch."""
    pieces = _cut_rows(rows, ink, classify)
    candidates = [find_candidates(own, row.height) for own, row in zip(pieces, rows, strict=True)]
    images = [
        [image_from_pieces(ink, own[candidate.start : candidate.stop]) for candidate in found]
        for own, found in zip(pieces, candidates, strict=True)
    ]
    page = []
    parts = zip(pieces, candidates, images, _classify_all(images, classify), strict=True)
    for own, found, drawn, probabilities in parts:
        glyphs = []
        for k in best_path(own, found, probabilities):
            box = union_box(own[found[k].start : found[k].stop])
            glyphs.append(Glyph(drawn[k], enlarge_box(box, reduction, shape), probabilities[k]))
        page.append(glyphs)
    heights = [row.height * reduction for row in rows]
    wide = find_wide_gaps([[glyph.box for glyph in glyphs] for glyphs in page], heights)
    return tuple(Line(tuple(glyphs), own) for glyphs, own in zip(page, wide, strict=True))


def _mean_confidence(lines: Sequence[Line]) -> float:
    """Return the mean confidence of all glyphs; 0 if there are none."""
    confidences = [glyph.confidence for line in lines for glyph in line.glyphs]
    return float(np.mean(confidences)) if confidences else 0.0


def find_wide_gaps(
    page: Sequence[Sequence[Box]], heights: Sequence[float]
) -> list[tuple[bool, ...]]:
    """Return for each box of each line whether a wide gap, a space, precedes it.

    A gap is wide if it exceeds the narrow gaps of its line, or of the page, by 0.6 digit heights,
    and by 0.6 of the narrow gaps where all digits are far apart.
    page: the boxes of each line, from left to right; heights: the digit height of each line.
    """
    gaps = [
        [(after[0] - before[2]) / height for before, after in pairwise(boxes)]
        for boxes, height in zip(page, heights, strict=True)
    ]
    usual = _narrow_gap([gap for line in gaps for gap in line])
    found = []
    for boxes, line in zip(page, gaps, strict=True):
        narrow = max(min(usual, _narrow_gap(line)), 0.0)
        wide = narrow + max(0.6, 0.6 * narrow)
        found.append((False,) * min(len(boxes), 1) + tuple(gap > wide for gap in line))
    return found


def _narrow_gap(gaps: Sequence[float]) -> float:
    """Return the 30th percentile; of one or two gaps, which may both be wide, a capped minimum."""
    if len(gaps) < 3:
        return min([*gaps, 0.7])  # in digit heights
    return float(np.percentile(gaps, 30, method="lower"))


def _crop_to_writing(
    picture: Picture, rows: Sequence[Row], reduction: int
) -> tuple[Picture, int, int] | None:
    """Return the part with the writing, its left and top; None if it would gain no resolution."""
    if reduction == 1 or not rows:
        return None
    left, top, right, bottom = union_box([piece for row in rows for piece in row.pieces])
    margin = int(max(row.height for row in rows))
    box = (max(left - margin, 0), max(top - margin, 0), right + margin, bottom + margin)
    left, top, right, bottom = enlarge_box(box, reduction, picture.grey.shape)
    if max(right - left, bottom - top) > MAX_CROP_SHARE * max(picture.grey.shape):
        return None
    grey = np.ascontiguousarray(picture.grey[top:bottom, left:right])
    return Picture(grey, picture.name, picture.notes), left, top


def _shift(line: Line, left: int, top: int) -> Line:
    """Return `line`, found in a crop at `left`, `top`, with boxes in the whole picture's pixels."""
    glyphs = []
    for glyph in line.glyphs:
        x, y, right, bottom = glyph.box
        glyphs.append(replace(glyph, box=(x + left, y + top, right + left, bottom + top)))
    return replace(line, glyphs=tuple(glyphs))


def _cut_rows(
    rows: Sequence[Row], ink: Float32[ndarray, "y x"], classify: ClassifyImages
) -> list[list[InkPiece]]:
    """Return the components of each row, cut into slices unless they are surely one digit."""
    whole = [[image_from_pieces(ink, [piece]) for piece in row.pieces] for row in rows]
    cut_rows = []
    for row, classified in zip(rows, _classify_all(whole, classify), strict=True):
        pieces = []
        for piece, probabilities in zip(row.pieces, classified, strict=True):
            confident = probabilities[:10].max() >= MIN_UNCUT_CONFIDENCE
            sure = confident and piece.width <= piece.height
            narrow = piece.width < 0.4 * row.height
            if sure or narrow or piece.height < 0.5 * row.height:
                pieces.append(piece)
            else:
                left, top, right, bottom = piece.box
                pieces += cut_into_slices(piece, ink[top:bottom, left:right], row.height)
        cut_rows.append(sorted(pieces, key=lambda piece: piece.middle[0]))
    return cut_rows


def _classify_all(
    images: Sequence[Sequence[ndarray]], classify: ClassifyImages
) -> list[Float32[ndarray, "n 11"]]:
    """Classify the images of all lines in one batch; return the probabilities line by line."""
    flat = [image for line in images for image in line]
    if not flat:
        return []
    probabilities = classify(np.stack(flat))
    ends = np.cumsum([len(line) for line in images])
    return np.split(probabilities, ends[:-1])
