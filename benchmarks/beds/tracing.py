"""An image of MNIST becomes the lines that its pen went along.

    28 x 28 -> 140 x 140, bilevel -> skeleton -> pieces between ends and crossings -> smooth lines

Drawn again with any pen on any paper, they look like writing; an enlarged image looks like a blur.
Axes: h w pixels, k points of a stroke.
"""

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from numpy import ndarray
from scipy import ndimage

from benchmarks.beds.skeleton import neighbours, thin

FACTOR = 5
LEVEL = 0.42
"""Ink from here on, of 1: the enlarged image's strokes are then as wide as the image's."""

BLOB = 1.75
"""Where the ink is wider than this many times the median stroke, a loop has run full: its line
would be lost, and with it the digit."""

SMOOTH = 3.0
"""Standard deviation in pixels of the enlarged image: less than half a stroke's width."""

Strokes = tuple[Float64[ndarray, "k 2"], ...]
"""Lines of points x, y; y grows downwards."""

Pixel = tuple[int, int]


def trace(image: UInt8[ndarray, "28 28"]) -> Strokes | None:
    """The strokes of `image` in a box of longest side 1 around 0, 0; None if a loop has run full.

    Spurs that are no longer than the ink is wide there are left out.
    """
    large = ndimage.zoom(
        image.astype(np.float64) / 255, FACTOR, order=3, grid_mode=True, mode="grid-constant"
    )
    mark = largest_marks(ndimage.gaussian_filter(large, FACTOR / 4) > LEVEL)
    lines = thin(mark)
    depth = ndimage.distance_transform_edt(mark)
    if depth.max() > BLOB * float(np.median(depth[lines])):
        return None
    strokes = [smooth(piece) for piece in pieces(lines, depth) if len(piece) > 2]
    return fit_box(tuple(strokes)) if strokes else None


def fit_box(strokes: Strokes) -> Strokes:
    """Moved and scaled: the box around all points has its longest side 1 and its middle at 0, 0."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), 1e-9)
    return tuple((stroke - (low + high) / 2) / side for stroke in strokes)


def largest_marks(ink: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """`ink` without marks of less than a twentieth of it."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    kept = areas >= areas[1:].sum() / 20
    kept[0] = False
    return kept[labels]


def pieces(lines: Bool[ndarray, "h w"], depth: Float64[ndarray, "h w"]) -> list[ndarray]:
    """The skeleton cut at its crossings, each piece a line of x, y that begins and ends in them."""
    around_it = neighbours(np.pad(lines, 1))
    arms = ((around_it == 0) & (np.roll(around_it, -1, axis=0) == 1)).sum(axis=0)
    meeting = ndimage.binary_dilation(lines & (arms >= 3), np.ones((3, 3), bool)) & lines
    crossings, count = ndimage.label(meeting, np.ones((3, 3)))
    centres = ndimage.center_of_mass(crossings > 0, crossings, range(1, count + 1))
    left = {(int(y), int(x)) for y, x in np.argwhere(lines & (crossings == 0))}
    ends = sorted(p for p in left if len(near(p, left)) <= 1)
    found: list[ndarray] = []
    while left:
        start = next((p for p in ends if p in left), min(left))
        path = walk(start, left)
        links = [touched(p, crossings) for p in (path[0], path[-1])]
        if len(path) == 1 and links[0]:
            links[1] = next((c for c in around(path[0], crossings) if c != links[0]), 0)
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


def near(pixel: Pixel, among: set[Pixel]) -> list[Pixel]:
    """The neighbours of `pixel` in `among`, those that share a side first."""
    y, x = pixel
    steps = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
    return [(y + dy, x + dx) for dy, dx in steps if (y + dy, x + dx) in among]


def walk(start: Pixel, left: set[Pixel]) -> list[Pixel]:
    """From `start` along pixels that are left, taking them away, to the end."""
    path = [start]
    left.discard(start)
    while following := near(path[-1], left):
        path.append(following[0])
        left.discard(following[0])
    return path


def around(pixel: Pixel, crossings: ndarray) -> list[int]:
    """The crossings that `pixel` touches."""
    y, x = pixel
    part = crossings[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
    return sorted({int(c) for c in part.ravel()} - {0})


def touched(pixel: Pixel, crossings: ndarray) -> int:
    """The crossing that `pixel` touches, 0 where there is none."""
    found = around(pixel, crossings)
    return found[0] if found else 0


def smooth(piece: Float64[ndarray, "k 2"]) -> Float64[ndarray, "k 2"]:
    """The line without the pixels' steps, every second point; ends stay, a ring stays closed."""
    closed = len(piece) > 8 and bool((piece[0] == piece[-1]).all())
    if closed:
        ring = ndimage.gaussian_filter1d(piece[:-1], SMOOTH, axis=0, mode="wrap")
        return np.concatenate([ring[::2], ring[:1]])
    framed = np.concatenate([2 * piece[0] - piece[:0:-1], piece, 2 * piece[-1] - piece[-2::-1]])
    even = ndimage.gaussian_filter1d(framed, SMOOTH, axis=0)[len(piece) - 1 : 2 * len(piece) - 1]
    even[0], even[-1] = piece[0], piece[-1]
    return np.concatenate([even[:-1:2], even[-1:]])
