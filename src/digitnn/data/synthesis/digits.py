"""Synthetic digits in handwriting styles that are rare in MNIST.

European 1s have a long up-stroke and 7s a bar; a 4 may be open or closed; the tail of a 9 and the
stem of a 6 may be straight or curled; a 2 has a loop or a corner; an 8 may be two circles, a 0 may
stay open. Each function draws one digit with random variations.
Coordinates are shares of the height: x from 0 to about 0.7, y from 0 (top) to 1.
"""

from collections.abc import Callable

import numpy as np

from digitnn.data.synthesis.pen import Stroke, arc, smooth

Strokes = list[Stroke]
Drawer = Callable[[np.random.Generator], Strokes]


def zero(rng: np.random.Generator) -> Strokes:
    """Draw a round or narrow ring, which ends before, at or inside its start."""
    w, start = rng.uniform(0.22, 0.45), rng.uniform(-140, -60)
    turn = rng.choice([-1, 1]) * (360 + rng.uniform(-28, 25))
    ring = arc((0.4, 0.5), (w, 0.5), start, start + turn, 28)
    inward = np.linspace(1, rng.uniform(0.8, 1.02), len(ring))
    pairs = zip(ring, inward, strict=True)
    return [[(0.4 + (x - 0.4) * s, 0.5 + (y - 0.5) * s) for (x, y), s in pairs]]


def one(rng: np.random.Generator) -> Strokes:
    """Draw a stem, mostly with a short or long up-stroke, sometimes with a foot."""
    strokes: Strokes = [[(0.5, 0), (0.5 + rng.uniform(-0.05, 0.05), 1)]]
    if rng.random() < 0.85:
        far = rng.random() < 0.35
        length = rng.uniform(0.3, 0.7) if far else rng.uniform(0.12, 0.5)
        # A long up-stroke that hardly drops would be the top of a 7.
        drop = rng.uniform(0.45, 0.95) if far else rng.uniform(max(0.12, 0.7 * length), 0.5)
        bend = (0.5 - length / 2, drop * rng.uniform(0.4, 0.7))
        strokes.append(smooth([(0.5 - length, drop), bend, (0.5, 0)]))
    if rng.random() < 0.35:
        foot = rng.uniform(0.1, 0.3)
        end = (0.5 + foot * rng.uniform(0.7, 1.2), 1 + rng.uniform(-0.04, 0.04))
        strokes.append([(0.5 - foot, 1), end])
    return strokes


def two(rng: np.random.Generator) -> Strokes:
    """Draw a bow, then a corner or a loop, then a straight or wavy base."""
    w, knee = rng.uniform(0.45, 0.7), rng.uniform(0.25, 0.35)
    bow = [(0.02, knee), (w * 0.2, 0.05), (w * 0.55, 0), (w * 0.95, 0.18), (w * 0.85, 0.45)]
    end = (w * rng.uniform(1.0, 1.25), 1 + rng.uniform(-0.06, 0.03))
    if rng.random() < 0.5:  # a loop at the lower left
        size = rng.uniform(0.06, 0.16)
        loop = [(w * 0.4, 0.8), (size, 1.0), (0, 1 - size), (size, 0.98 - 2 * size)]
        return [smooth([*bow, *loop, (w * 0.5, 0.95), end])]
    return [smooth([*bow, (0, 1)]), smooth([(0, 1), (w * 0.5, 1 + rng.uniform(-0.08, 0.03)), end])]


def three(rng: np.random.Generator) -> Strokes:
    """Draw two bows; or a flat top, a diagonal and one bow."""
    w, waist = rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.5)
    belly = [(w * 0.6, waist + 0.05), (w, (1 + waist) / 2 + 0.02), (w * 0.6, 0.97)]
    lower = [*belly, (w * 0.2, 1), (0, 0.87)]
    if rng.random() < 0.35:
        return [[(0, 0), (w * 0.95, 0), (w * 0.35, waist)], smooth([(w * 0.35, waist), *lower])]
    upper = [(0, 0.14), (w * 0.35, 0), (w * 0.85, 0.1), (w * 0.8, waist - 0.13)]
    return [
        smooth([*upper, (w * rng.uniform(0.25, 0.4), waist)]),
        smooth([(w * 0.3, waist), *lower]),
    ]


def four(rng: np.random.Generator) -> Strokes:
    """Draw a 4: open with two uprights, closed with a diagonal, or in one zigzag stroke."""
    bar, reach, stem = rng.uniform(0.5, 0.72), rng.uniform(0.6, 0.85), rng.uniform(0.4, 0.58)
    lean = rng.uniform(-0.05, 0.08)
    if rng.random() < 0.2:  # in one stroke
        end = (reach - rng.uniform(0, 0.2), 1.0)
        elbow = (reach - rng.uniform(0, 0.1), bar + rng.uniform(-0.1, 0.05))
        return [[(rng.uniform(0.2, 0.55), 0), (0, bar), elbow, end]]
    if rng.random() < 0.6:  # open
        top, start = rng.uniform(-0.02, 0.3), rng.uniform(0.02, 0.25)
        left = smooth([(start, 0), (start * 0.5, bar * 0.6), (0, bar)])
        across = [*left, (reach, bar + rng.uniform(-0.1, 0.04))]
        return [across, [(stem + lean, top), (stem - lean, 1)]]
    over = rng.uniform(0, 0.06)
    return [[(stem + over, 0), (0, bar), (reach, bar)], [(stem, over), (stem - lean, 1)]]


def five(rng: np.random.Generator) -> Strokes:
    """Draw a 5, whose bar is joined or a separate stroke that may not touch."""
    w, neck = rng.uniform(0.45, 0.65), rng.uniform(0.35, 0.48)
    left = w * rng.uniform(0.05, 0.25)
    belly = [(left * 0.6, neck), (w * 0.5, neck - 0.07), (w, 0.66), (w * 0.6, 0.97), (0, 0.9)]
    gap = rng.uniform(-0.02, 0.1) if rng.random() < 0.5 else 0.0
    start = (left + gap, rng.uniform(-0.05, 0.04))
    bar = [start, (w * rng.uniform(0.9, 1.2), rng.uniform(-0.06, 0.04))]
    return [bar, [(left, 0.02), (left * 0.6, neck)], smooth(belly)]


def six(rng: np.random.Generator) -> Strokes:
    """Draw a straight or bent, short or long stem, and a bowl."""
    w, bowl = rng.uniform(0.4, 0.6), rng.uniform(0.42, 0.66)
    top = (w * rng.uniform(0.5, 1.1), 0.0)
    stem = [top, (w * rng.uniform(0.15, 0.35), 0.3), (0, 0.68), (w * 0.3, 0.97)]
    ring = [(w * 0.75, 0.96), (w, 0.77), (w * 0.7, bowl), (w * 0.3, bowl + 0.06)]
    return [smooth([*stem, *ring, (0.02 + w * rng.uniform(0, 0.12), 0.78)])]


def seven(rng: np.random.Generator) -> Strokes:
    """Draw a 7 with a straight or bent stem, often with a bar, sometimes with a serif."""
    w, foot = rng.uniform(0.45, 0.7), rng.uniform(0.02, 0.4)
    top = smooth([(0, rng.uniform(-0.02, 0.08)), (w / 2, rng.uniform(-0.02, 0.05)), (w, 0)])
    bend = rng.uniform(-0.03, 0.1)
    stem = smooth([(w, 0), ((w + foot) / 2 - bend * 0.5, 0.45), (foot * w, 1)])
    strokes: Strokes = [top, stem]
    if rng.random() < 0.65:
        middle, half = rng.uniform(0.4, 0.58), rng.uniform(0.13, 0.3)
        x = w + (foot * w - w) * middle
        tilt = rng.uniform(-0.08, 0.05)
        strokes.append([(x - half, middle - tilt), (x + half, middle + tilt)])
    if rng.random() < 0.35:
        strokes.append([(0, 0), (rng.uniform(-0.03, 0.03), rng.uniform(0.08, 0.2))])
    return strokes


def eight(rng: np.random.Generator) -> Strokes:
    """Draw two circles, or one stroke that crosses itself."""
    upper, waist = rng.uniform(0.17, 0.27), rng.uniform(0.42, 0.52)
    lower = rng.uniform(0.22, 0.33)
    if rng.random() < 0.5:
        touch = rng.uniform(-0.02, 0.04)
        start = rng.uniform(0, 360)
        return [
            arc((0.35, waist / 2), (upper, waist / 2 + touch), start, start + 360, 20),
            arc((0.35, (1 + waist) / 2), (lower, (1 - waist) / 2), start, start + 360, 20),
        ]
    x = 0.35
    end = (x + upper * rng.uniform(0.5, 1.1), rng.uniform(0.02, 0.12))
    path = [(x + upper, 0.1), (x, 0), (x - upper, waist / 2), (x, waist), (x + lower, 0.75), (x, 1)]
    return [smooth([*path, (x - lower, 0.75), (x, waist), end])]


def nine(rng: np.random.Generator) -> Strokes:
    """Draw a ring and a tail: straight, slanted, or curled to the left; or a loop in one stroke."""
    if rng.random() < 0.25:  # from the left across the stem, up and around, down
        w, cross = rng.uniform(0.25, 0.45), rng.uniform(0.35, 0.5)
        start = (-rng.uniform(0.1, 0.4), cross + rng.uniform(-0.08, 0.08))
        loop = [(w * 0.5, cross - 0.02), (w, cross * 0.45), (w * 0.6, 0), (w * 0.1, cross * 0.4)]
        foot = (rng.uniform(-0.12, 0.12), 1.0)
        curl = [(foot[0] - rng.uniform(0.15, 0.35), 0.95)] if rng.random() < 0.3 else []
        return [smooth([start, *loop, (0.02, cross + 0.1), foot, *curl])]
    w, ring = rng.uniform(0.38, 0.56), rng.uniform(0.38, 0.52)
    bow = arc((w / 2, ring / 2), (w / 2, ring / 2), rng.uniform(-60, -10), -370, 22)
    if rng.random() < 0.5:
        return [bow, [(w, rng.uniform(-0.02, 0.15)), (w * rng.uniform(0.5, 1.05), 1)]]
    tail = [(w, ring * 0.3), (w, 0.6), (w * 0.8, 0.92), (w * 0.4, 1)]
    end = (w * rng.uniform(-0.1, 0.2), rng.uniform(0.82, 0.95))
    return [bow, smooth([*tail, end])]


DRAWERS: tuple[Drawer, ...] = (zero, one, two, three, four, five, six, seven, eight, nine)
"""One function for each digit."""


def jitter_strokes(strokes: Strokes, amount: float, rng: np.random.Generator) -> Strokes:
    """Move each stroke by its own small random amount: hands do not join strokes exactly."""
    shifts = rng.normal(scale=amount, size=(len(strokes), 2))
    pairs = zip(strokes, shifts, strict=True)
    return [[(x + dx, y + dy) for x, y in stroke] for stroke, (dx, dy) in pairs]
