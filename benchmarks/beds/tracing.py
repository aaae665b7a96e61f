"""Trace an MNIST image: recover the lines along which its pen moved.

    28 x 28 -> 140 x 140, bilevel -> skeleton -> pieces between ends and crossings -> smooth lines

Redrawn with any pen on any paper, the lines look like handwriting; an enlarged image is blurred.
Axes: h w pixels, k points of a stroke.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt8
from numpy import ndarray
from scipy import ndimage

ENLARGEMENT = 5
INK_THRESHOLD = 0.42
"""Ink level, of 1, that makes the enlarged strokes as wide as those of the image."""

MAX_WIDTH_RATIO = 1.75
"""Ink wider than this multiple of the median stroke is a loop full of ink, whose line is lost."""

SMOOTHING_PIXELS = 3.0
"""Standard deviation in pixels of the enlarged image; less than half a stroke's width."""

Strokes = tuple[Float64[ndarray, "k 2"], ...]
"""Lines of points (x, y); y grows downwards."""

Pixel = tuple[int, int]


def trace(image: UInt8[ndarray, "28 28"]) -> Strokes | None:
    """Return the strokes of `image` in a box of longest side 1 around 0, 0.

    Spurs no longer than the local width of the ink are dropped. Returns None if a loop is full of
    ink.
    """
    large = ndimage.zoom(
        image.astype(np.float64) / 255, ENLARGEMENT, order=3, grid_mode=True, mode="grid-constant"
    )
    ink = without_specks(ndimage.gaussian_filter(large, ENLARGEMENT / 4) > INK_THRESHOLD)
    lines = thin(ink)
    depth = ndimage.distance_transform_edt(ink)
    if depth.max() > MAX_WIDTH_RATIO * float(np.median(depth[lines])):
        return None
    strokes = [smooth(piece) for piece in pieces(lines, depth) if len(piece) > 2]
    return fit_box(tuple(strokes)) if strokes else None


def fit_box(strokes: Strokes) -> Strokes:
    """Move and scale strokes so that their bounding box has longest side 1 and its middle at 0."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), 1e-9)
    return tuple((stroke - (low + high) / 2) / side for stroke in strokes)


def without_specks(ink: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Remove connected components of less than a twentieth of all ink."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    kept = areas >= areas[1:].sum() / 20
    kept[0] = False
    return kept[labels]


def thin(ink: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Return the skeleton of `ink`, lines of one pixel (Zhang and Suen 1984).

    Removes pixels from two sides in turn until nothing changes: those on the current side that have
    2 to 6 neighbours in one arc.
    """
    padded = np.pad(ink, 1)
    while True:
        before = int(padded.sum())
        for first in (True, False):
            p = neighbours(padded)
            count = p.sum(axis=0)
            arcs = count_arcs(p)
            north, east, south, west = p[0], p[2], p[4], p[6]
            if first:
                side = (north * east * south == 0) & (east * south * west == 0)
            else:
                side = (north * east * west == 0) & (north * south * west == 0)
            gone = padded[1:-1, 1:-1] & (count >= 2) & (count <= 6) & (arcs == 1) & side
            padded[1:-1, 1:-1] &= ~gone
        if int(padded.sum()) == before:
            return padded[1:-1, 1:-1]


def neighbours(framed: Bool[ndarray, "H W"]) -> Int[ndarray, "8 h w"]:
    """Return the eight neighbours, 0 or 1, of each pixel in the frame, clockwise from north."""
    h, w = framed.shape[0] - 2, framed.shape[1] - 2
    steps = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))
    return np.stack([framed[y : y + h, x : x + w] for y, x in steps]).astype(np.int8)


def count_arcs(around: Int[ndarray, "8 h w"]) -> Int[ndarray, "h w"]:
    """Return how many arcs of ink the eight neighbours of each pixel form."""
    return ((around == 0) & (np.roll(around, -1, axis=0) == 1)).sum(axis=0)


def pieces(lines: Bool[ndarray, "h w"], depth: Float64[ndarray, "h w"]) -> list[ndarray]:
    """Cut the skeleton at its crossings into lines of (x, y) that begin and end in them."""
    arms = count_arcs(neighbours(np.pad(lines, 1)))
    meeting = ndimage.binary_dilation(lines & (arms >= 3), np.ones((3, 3), bool)) & lines
    crossings, count = ndimage.label(meeting, np.ones((3, 3)))
    centres = ndimage.center_of_mass(crossings > 0, crossings, range(1, count + 1))
    left = {(int(y), int(x)) for y, x in np.argwhere(lines & (crossings == 0))}
    ends = sorted(p for p in left if len(neighbours_among(p, left)) <= 1)
    found: list[ndarray] = []
    while left:
        start = next((p for p in ends if p in left), min(left))
        path = walk(start, left)
        links = [first_crossing(p, crossings) for p in (path[0], path[-1])]
        if len(path) == 1 and links[0]:
            links[1] = next((c for c in touched_crossings(path[0], crossings) if c != links[0]), 0)
        free = links.count(0)
        if free == 1 and len(path) < 1.5 * depth[path[0]] + 2:
            continue
        points = [np.array(p, float) for p in path]
        if links[0]:
            points.insert(0, np.array(centres[links[0] - 1]))
        if links[1]:
            points.append(np.array(centres[links[1] - 1]))
        if free == 2 and len(path) > 8 and np.abs(points[0] - points[-1]).max() <= 1:
            points.append(points[0])  # a ring
        found.append(np.array(points)[:, ::-1])
    return found


def neighbours_among(pixel: Pixel, among: set[Pixel]) -> list[Pixel]:
    """Return the neighbours of `pixel` in `among`, those that share a side first."""
    y, x = pixel
    steps = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
    return [(y + dy, x + dx) for dy, dx in steps if (y + dy, x + dx) in among]


def walk(start: Pixel, left: set[Pixel]) -> list[Pixel]:
    """Follow pixels of `left` from `start` to the end, and remove them from `left`."""
    path = [start]
    left.discard(start)
    while following := neighbours_among(path[-1], left):
        path.append(following[0])
        left.discard(following[0])
    return path


def touched_crossings(pixel: Pixel, crossings: ndarray) -> list[int]:
    """Return the crossings that `pixel` touches."""
    y, x = pixel
    part = crossings[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
    return sorted({int(c) for c in part.ravel()} - {0})


def first_crossing(pixel: Pixel, crossings: ndarray) -> int:
    """Return the first crossing that `pixel` touches, or 0."""
    found = touched_crossings(pixel, crossings)
    return found[0] if found else 0


def smooth(piece: Float64[ndarray, "k 2"]) -> Float64[ndarray, "k 2"]:
    """Smooth a line of pixels and keep every second point; ends stay, a ring stays closed."""
    closed = len(piece) > 8 and bool((piece[0] == piece[-1]).all())
    if closed:
        ring = ndimage.gaussian_filter1d(piece[:-1], SMOOTHING_PIXELS, axis=0, mode="wrap")
        return np.concatenate([ring[::2], ring[:1]])
    framed = np.concatenate([2 * piece[0] - piece[:0:-1], piece, 2 * piece[-1] - piece[-2::-1]])
    even = ndimage.gaussian_filter1d(framed, SMOOTHING_PIXELS, axis=0)[
        len(piece) - 1 : 2 * len(piece) - 1
    ]
    even[0], even[-1] = piece[0], piece[-1]
    return np.concatenate([even[:-1:2], even[-1:]])
