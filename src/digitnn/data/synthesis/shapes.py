"""Non-digits drawn of strokes: letters, shapes, signs and scribbles, and the list of all figures.

Circles, single upright lines and letters that resemble digits are left out (see `fonts.LETTERS`).
Sizes are in any unit: drawings are scaled to fit. Letters have x from 0 to about 0.7, and y from 0
(top) to 1.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from digitnn.data.synthesis.digits import Drawer, Strokes
from digitnn.data.synthesis.pen import Stroke, arc, smooth

PenPoint = tuple[float, float]

STRAIGHT: Mapping[str, Strokes] = {
    "A": [[(0, 1), (0.35, 0), (0.7, 1)], [(0.12, 0.62), (0.58, 0.62)]],
    "E": [[(0.6, 0), (0, 0), (0, 1), (0.6, 1)], [(0, 0.5), (0.5, 0.5)]],
    "F": [[(0.6, 0), (0, 0), (0, 1)], [(0, 0.48), (0.5, 0.48)]],
    "H": [[(0, 0), (0, 1)], [(0.65, 0), (0.65, 1)], [(0, 0.5), (0.65, 0.5)]],
    "K": [[(0, 0), (0, 1)], [(0.6, 0), (0, 0.55), (0.65, 1)]],
    "M": [[(0, 1), (0.05, 0), (0.42, 0.7), (0.8, 0), (0.85, 1)]],
    "N": [[(0, 1), (0, 0), (0.65, 1), (0.65, 0)]],
    "V": [[(0, 0), (0.35, 1), (0.7, 0)]],
    "W": [[(0, 0), (0.22, 1), (0.45, 0.25), (0.68, 1), (0.9, 0)]],
    "X": [[(0, 0), (0.65, 1)], [(0.65, 0), (0, 1)]],
}
"""Letters of straight lines, by their corners."""

CURVED: Mapping[str, Strokes] = {
    "C": [[(0.65, 0.18), (0.35, 0), (0.02, 0.45), (0.3, 1), (0.68, 0.84)]],
    "P": [[(0, 0), (0, 0.5), (0, 1)], [(0, 0.05), (0.5, 0.05), (0.5, 0.45), (0, 0.52)]],
    "R": [
        [(0, 0), (0, 0.5), (0, 1)],
        [(0, 0.03), (0.5, 0.05), (0.48, 0.42), (0.05, 0.5), (0.35, 0.75), (0.62, 1)],
    ],
    "U": [[(0, 0), (0.02, 0.6), (0.33, 1), (0.64, 0.6), (0.66, 0)]],
    "d": [[(0.5, 0.55), (0.2, 0.45), (0, 0.75), (0.25, 1), (0.5, 0.7)], [(0.55, 0), (0.55, 1)]],
    "e": [[(0.05, 0.6), (0.6, 0.5), (0.35, 0.1), (0, 0.55), (0.3, 1), (0.68, 0.8)]],
    "h": [[(0, 0), (0, 1)], [(0, 0.65), (0.25, 0.45), (0.48, 0.6), (0.5, 1)]],
    "k": [[(0, 0), (0, 1)], [(0, 0.7), (0.35, 0.42), (0.3, 0.65), (0.05, 0.7), (0.45, 1)]],
    "m": [
        [(0, 0.1), (0.03, 0.5), (0.03, 1)],
        [(0.03, 0.45), (0.25, 0.1), (0.42, 0.4), (0.42, 1)],
        [(0.42, 0.45), (0.65, 0.1), (0.85, 0.4), (0.85, 1)],
    ],
    "n": [[(0, 0.1), (0.03, 0.5), (0.03, 1)], [(0.03, 0.5), (0.35, 0.05), (0.65, 0.4), (0.66, 1)]],
    "p": [[(0, 0), (0, 0.5), (0, 1)], [(0, 0.15), (0.3, 0), (0.5, 0.25), (0.3, 0.5), (0, 0.45)]],
    "u": [
        [(0, 0.05), (0.05, 0.7), (0.3, 0.95), (0.55, 0.6), (0.6, 0.05)],
        [(0.6, 0.05), (0.6, 0.6), (0.72, 1)],
    ],
    "w": [[(0, 0), (0.15, 0.9), (0.42, 0.85), (0.45, 0.2), (0.5, 0.9), (0.8, 0.85), (0.9, 0)]],
    "&": [
        [(0.7, 1), (0.2, 0.3), (0.3, 0), (0.5, 0.15), (0.1, 0.6)],
        [(0.1, 0.6), (0.1, 0.95), (0.45, 0.95), (0.75, 0.55)],
    ],
}
"""Letters of curves, by the points they pass."""

JITTER = 0.045
"""Standard deviation of the random move of each point, down and across."""


def letter(rng: np.random.Generator) -> Strokes:
    """Draw a random letter of `STRAIGHT` or `CURVED`, wide or narrow."""
    place, width = int(rng.integers(len(STRAIGHT) + len(CURVED))), rng.uniform(0.75, 1.3)
    curved = place >= len(STRAIGHT)
    strokes = [*STRAIGHT.values(), *CURVED.values()][place]
    moved = [_moved(stroke, width, rng) for stroke in strokes]
    return [smooth(stroke) for stroke in moved] if curved else moved


def dotted(rng: np.random.Generator) -> Strokes:
    """Draw a sign that is a non-digit only by its dot: ? and !, i and j.

    The dot is so far away that no pen of `PEN_WIDTHS` joins both: a 1 with a blot is still a 1.
    """
    below = rng.random() < 0.7
    line: Stroke
    gap, size = rng.uniform(0.28, 0.45), rng.uniform(0.0, 0.02)
    if below and rng.random() < 0.8:
        w = rng.uniform(0.4, 0.7)
        bow = [(0, rng.uniform(0.1, 0.3)), (w * 0.5, 0), (w, 0.22), (w * 0.75, 0.5)]
        line = smooth(_moved([*bow, (w * rng.uniform(0.3, 0.6), 1)], 1, rng))
    elif below or rng.random() < 0.5:
        line = _moved([(0, 0), (0, 0.5), (rng.uniform(-0.1, 0.1), 1)], 1, rng)
    else:
        line = smooth(_moved([(0, 0), (0, 0.5), (-0.05, 0.85), (-0.3, 1)], 1, rng))
    x, y = line[-1] if below else line[0]
    middle = (x + rng.normal(scale=0.04), y + gap if below else y - gap)
    return [line, arc(middle, (size, size), 0, 360, 6)]


def _moved(stroke: Stroke, width: float, rng: np.random.Generator) -> Stroke:
    shifts = rng.normal(scale=JITTER, size=(len(stroke), 2))
    return [(width * x + dx, y + dy) for (x, y), (dx, dy) in zip(stroke, shifts, strict=True)]


def _turned(points: Sequence[PenPoint], degrees: float, flatter: float) -> list[PenPoint]:
    """Return `points` flattened by the factor `flatter`, then turned about the origin."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return [
        (float(cos * x - sin * y * flatter), float(sin * x + cos * y * flatter)) for x, y in points
    ]


def polygon(rng: np.random.Generator) -> Strokes:
    """Draw a closed triangle to hexagon, flattened by a random factor."""
    corners = int(rng.integers(3, 7))
    ring = arc((0, 0), (1, 1), 0, 360, corners)
    return [_turned(ring, rng.uniform(0, 360), rng.uniform(0.6, 1))]


def star(rng: np.random.Generator) -> Strokes:
    """Draw a star with four to eight points, or lines that cross in one point."""
    points = int(rng.integers(4, 9))
    outer = arc((0, 0), (1, 1), -90, 270, points)
    inner = arc((0, 0), (0.45, 0.45), -90 + 180 / points, 270, points)
    if rng.random() < 0.4:
        return [[(-x, -y), (x, y)] for x, y in outer[: max(3, points // 2)]]
    return [[point for pair in zip(outer, inner, strict=True) for point in pair] + outer[:1]]


def arrow(rng: np.random.Generator) -> Strokes:
    """Draw a line with one or two arrowheads."""
    head = rng.uniform(0.25, 0.5)
    tip = [(1 - head, -head), (1.0, 0.0), (1 - head, head)]
    strokes: list[Stroke] = [[(-1, 0), (1, 0)], tip]
    if rng.random() < 0.3:
        strokes.append([(-x, y) for x, y in tip])
    angle = rng.uniform(0, 360)
    return [_turned(stroke, angle, 1) for stroke in strokes]


def heart(rng: np.random.Generator) -> Strokes:
    """Draw an upright heart."""
    half = [(0, 0.25), (0.35, -0.1), (0.8, 0), (0.85, 0.45), (0.4, 0.9), (0, 1.25)]
    w = rng.uniform(0.8, 1.2)
    return [smooth([(w * x, y) for x, y in half]), smooth([(-w * x, y) for x, y in half])]


def tick(rng: np.random.Generator) -> Strokes:
    """Draw a check mark."""
    start = (-0.4, rng.uniform(-0.4, 0))
    return [[start, (0, 0.5), (rng.uniform(0.6, 1.2), rng.uniform(-1, -0.5))]]


def cross(rng: np.random.Generator) -> Strokes:
    """Draw two crossing lines, as + or x."""
    reach = rng.uniform(0.6, 1)
    angle = rng.choice([0, 45]) + rng.uniform(-10, 10)
    return [_turned(line, angle, 1) for line in ([(-1, 0), (1, 0)], [(0, -reach), (0, reach)])]


def lattice(rng: np.random.Generator) -> Strokes:
    """Draw parallel lines, with or without crossing ones: hatching, hashes, rulings."""
    count = int(rng.integers(2, 5))
    places = np.linspace(-1, 1, count)
    lines: Strokes = [[(-1, float(y)), (1, float(y))] for y in places]
    if rng.random() < 0.6:
        lines += [[(float(x), -1), (float(x), 1)] for x in places]
    angle, lean = rng.choice([0, 45, 90]) + rng.uniform(-10, 10), rng.uniform(0.6, 1)
    return [_turned(line, angle, lean) for line in lines]


def wave(rng: np.random.Generator) -> Strokes:
    """Draw a horizontal wave or zigzag line."""
    turns = int(rng.integers(3, 7))
    points = [(float(i), float((-1) ** i) * rng.uniform(0.4, 0.9)) for i in range(turns + 1)]
    line = smooth(points) if rng.random() < 0.6 else points
    return [_turned(line, rng.uniform(-25, 25), 1)]


def zigzag(rng: np.random.Generator) -> Strokes:
    """Draw a zigzag that moves down: hatching with one stroke, dense or wide."""
    legs = int(rng.integers(6, 12))
    reach = rng.uniform(0.5, 1.0)
    across = [float(reach * (-1) ** leg + rng.normal(scale=0.12)) for leg in range(legs + 1)]
    line = [(x, 2 * leg / legs - 1) for leg, x in enumerate(across)]
    return [_turned(line, rng.uniform(-35, 35), 1)]


def dash(rng: np.random.Generator) -> Strokes:
    """Draw one or two horizontal lines."""
    lines: Strokes = [[(-1, 0), (1, rng.uniform(-0.15, 0.15))]]
    if rng.random() < 0.4:
        lines.append([(-1, 0.6), (1, 0.6 + rng.uniform(-0.15, 0.15))])
    return lines


def spiral(rng: np.random.Generator) -> Strokes:
    """Draw a spiral of two or more turns."""
    angles = np.linspace(0, rng.uniform(4, 7) * np.pi, 60) + rng.uniform(0, 6)
    radii = np.linspace(0.1, 1, 60)
    x, y = radii * np.cos(angles), radii * np.sin(angles)
    return [list(zip(x.tolist(), y.tolist(), strict=True))]


def crooked(rng: np.random.Generator) -> Strokes:
    """Draw a polyline of five to eight random corners, open or closed."""
    corners = rng.uniform(-1, 1, (int(rng.integers(5, 9)), 2))
    line = [(float(x), float(y)) for x, y in corners]
    return [line + line[:1] if rng.random() < 0.4 else line]


def composed(rng: np.random.Generator) -> Strokes:
    """Draw two to four bows, rings, polygons and lines at random places."""
    strokes: Strokes = []
    for _ in range(int(rng.integers(2, 5))):
        x, y = rng.uniform(-1, 1, 2)
        size, start = rng.uniform(0.25, 0.8), rng.uniform(0, 360)
        radii = (size, size * rng.uniform(0.6, 1))
        bow = arc((x, y), radii, start, start + rng.uniform(90, 270))
        ring = arc((x, y), radii, 0, 360)
        corners = arc((x, y), radii, start, start + 360, int(rng.integers(3, 6)))
        line = [(x - size, y), (x + size, y + rng.uniform(-size, size))]
        strokes.append((bow, ring, corners, line)[rng.integers(4)])
    return strokes


def bracket(rng: np.random.Generator) -> Strokes:
    """Draw half a box, half a ring on its side, or a corner, with or without its mirror image."""
    depth = rng.uniform(0.25, 0.7)
    box = [(depth, -1), (0, -1), (0, 1), (depth, 1)]
    ring = arc((depth, 0), (depth, 1), 90, 270)
    corner = [(depth, -1), (0, -1), (0, rng.uniform(0, 0.6))]
    kind = rng.integers(3)
    # An upright half ring may be read as a 1, a corner at the upper right as a 7.
    angle = rng.choice(((0, 90, 180, 270), (90, 270), (0, 180, 270))[kind])
    half: Stroke = (box, ring, corner)[kind]
    mirrored = [[(2.2 * depth + 0.4 - x, y) for x, y in half]]
    both = [half, *(mirrored if rng.random() < 0.4 else [])]
    return [_turned(stroke, angle + rng.uniform(-8, 8), 1) for stroke in both]


def target(rng: np.random.Generator) -> Strokes:
    """Draw a ring or a polygon with strokes inside that do not reach its outline."""
    radii = (1, rng.uniform(0.8, 1.2))
    strokes: Strokes = [arc((0, 0), radii, 0, 360, int(rng.choice([3, 4, 5, 20, 20, 20])))]
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(-0.4, 0.4, 2)
        size, start = rng.uniform(0.05, 0.4), rng.uniform(0, 360)
        bow = arc((x, y), (size, size), start, start + rng.uniform(90, 360))
        line = [(x - size, y), (x + size, y + rng.uniform(-size, size))]
        strokes.append((bow, line)[rng.integers(2)])
    return strokes


def whirl(rng: np.random.Generator) -> Strokes:
    """Draw rings of varying radius, as when something is blacked out."""
    turns = int(rng.integers(3, 9))
    place = np.linspace(0, turns, 20 * turns)
    angles = 2 * np.pi * place * rng.choice([-1, 1])
    knots = np.linspace(0, turns, 3 * turns)
    radii = np.interp(place, knots, rng.uniform(0, 1, len(knots)))
    flat = rng.uniform(0.6, 1)
    x, y = radii * np.cos(angles), flat * radii * np.sin(angles)
    return [list(zip(x.tolist(), y.tolist(), strict=True))]


def scribble(rng: np.random.Generator) -> Strokes:
    """Draw one to three curves through six or more random points each."""
    strokes: Strokes = []
    for _ in range(int(rng.integers(1, 4))):
        points = rng.uniform(-1, 1, (int(rng.integers(6, 15)), 2)) * [1, rng.uniform(0.5, 1)]
        strokes.append(smooth([(float(x), float(y)) for x, y in points]))
    return strokes


FIGURES: tuple[Drawer, ...] = (
    *(polygon, star, arrow, heart, tick, cross, lattice, wave, dash, spiral),
    *(crooked, composed, bracket),
    *(target, whirl, zigzag, dotted),
    *[letter] * 6,
)
