"""Non-digits drawn of strokes: shapes, signs and scribbles, and the list of all figures.

Circles and single upright lines are left out: they cannot be distinguished from 0 and 1.
Sizes are in any unit: drawings are scaled to fit.
"""

from collections.abc import Sequence

import numpy as np

from digitnn.data.synthesis.digits import Drawer, Strokes
from digitnn.data.synthesis.letters import dotted, letter
from digitnn.data.synthesis.pen import Stroke, arc, smooth

PenPoint = tuple[float, float]


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
    outer, inner = (
        arc((0, 0), (1, 1), -90, 270, points),
        arc((0, 0), (0.45, 0.45), -90 + 180 / points, 270, points),
    )
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
    return [
        [(-0.4, rng.uniform(-0.4, 0)), (0, 0.5), (rng.uniform(0.6, 1.2), rng.uniform(-1, -0.5))]
    ]


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
    line = [
        (float(reach * (-1) ** leg + rng.normal(scale=0.12)), 2 * leg / legs - 1)
        for leg in range(legs + 1)
    ]
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
    return [
        [(float(r * np.cos(a)), float(r * np.sin(a))) for a, r in zip(angles, radii, strict=True)]
    ]


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
    outline = arc(
        (0, 0), (1, rng.uniform(0.8, 1.2)), 0, 360, int(rng.choice([3, 4, 5, 20, 20, 20]))
    )
    strokes: Strokes = [outline]
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
    polygon,
    star,
    arrow,
    heart,
    tick,
    cross,
    lattice,
    wave,
    dash,
    spiral,
    *(crooked, composed, bracket),
    *(target, whirl, zigzag, dotted),
    *[letter] * 6,
)
