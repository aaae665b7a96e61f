"""Luminance becomes ink: 0 paper to 1 ink, whatever the polarity, the light and the paper.

    grey -> reduced -> which side is paper -> even light -> paper's grain -> ink stretched

Axes: h w pixels. Light means grey 255. Contrast is how much darker than the paper around it a pixel
is, as a share of that paper's luminance: paper reflects the same share of light in shadow.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray
from PIL import Image, ImageFilter

MIN_CONTRAST = 0.04
"""Fainter than this is paper: JPEG's ringing, creases, the back of the sheet."""

GRAINS = 5.0
"""Ink differs from the paper by more than this many times what paper differs from itself."""

FEW_GRAINS = 2.5
"""The same where faint ink is looked for on rough paper, and what is found is doubted."""

DOUBT = 0.5
"""Paper and border of the picture, 0 to 2 shares in all, that one side must exceed the other by for
its polarity to be beyond doubt: a digit that fills its box covers the border too."""

SMOOTH = (0, 1, 2, 4)
"""Radii of the means that are tried, in turn, until grain is below a tenth of the ink."""

MIN_UNEVEN = 64
"""Pictures with a shorter longest side are taken as evenly lit: what lies between their ink and
their paper is soft edges. On 14 x 14 pixels a quarter of all digits was taken for shadow."""

COARSE = 256
"""Longest side of the picture on which light and polarity are judged."""


@dataclass(frozen=True)
class Ink:
    """ink: 0..1, empty of ink where `blank`; step: side of a pixel of it, in the picture's pixels.

    light_paper: whether the ink is darker than the paper; even: whether the light is; contrast: of
    typical ink, 0..1; doubtful: whether ink and paper might be the other way about.
    """

    ink: Float32[ndarray, "h w"]
    step: int
    light_paper: bool
    even: bool
    contrast: float
    doubtful: bool = False

    @property
    def blank(self) -> bool:
        """Whether nothing differs enough from the paper to be ink."""
        return self.contrast == 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided, in words."""
        if self.blank:
            return ("no ink",)
        polarity = "dark ink on light paper" if self.light_paper else "light ink on dark paper"
        light = () if self.even else ("uneven light taken out",)
        faint = (f"faint ink stretched, contrast {self.contrast:.2f}",)
        return (polarity, *light, *(faint if self.contrast < 0.5 else ()))


def find_ink(
    grey: UInt8[ndarray, "h w"], longest: int = 2048, grains: float = GRAINS, turned: bool = False
) -> Ink:
    """The ink of `grey`, on a copy reduced by the least whole step to `longest` or fewer a side.

    grains: see `GRAINS`. turned: take for paper what is otherwise taken for ink.
    """
    step = -(-max(grey.shape) // longest)
    reduced = _reduce(grey, step)
    coarse = _reduce(reduced, -(-max(reduced.shape) // COARSE))
    even, light_paper, doubtful = judge_paper(coarse)
    light_paper ^= turned
    values = reduced if light_paper else 255 - reduced
    coarse = coarse if light_paper else 255 - coarse
    if even:
        paper: ndarray | np.float32 = _even_paper(coarse)
    else:
        paper = _uneven_paper(coarse, values.shape)
    contrast = 1 - values / np.maximum(paper, np.float32(1))
    for radius in SMOOTH:
        if radius > max(values.shape) / 100:
            break
        smooth = box_mean(contrast, radius)
        level, grain = paper_grain(smooth)
        smooth -= np.float32(level)
        least = max(MIN_CONTRAST, grains * grain)
        strong = smooth[smooth > least]
        typical = float(np.percentile(strong, 90)) if strong.size else 0.0
        if 10 * grain < typical:
            break
    if typical < 1.3 * least or typical < 2 * MIN_CONTRAST:
        return Ink(np.zeros(values.shape, np.float32), step, light_paper, even, 0.0, doubtful)
    # Grain fades out below half of `least`, so that the soft edges of faint strokes stay.
    foot = min(grain * grains / 2, typical / 3)
    ink = np.clip((smooth - np.float32(foot)) / np.float32(typical - foot), 0, 1)
    if not (even or turned) and _border_is_ink(values, ink):
        return find_ink(grey, longest, grains, turned=True)
    return Ink(ink, step, light_paper, even, typical, doubtful)


def _border_is_ink(values: UInt8[ndarray, "h w"], ink: Float32[ndarray, "h w"]) -> bool:
    """Whether half of the border is as dark as the ink that was found: then paper was taken for it.

    What is seen between two trouser legs is no 1, though it is lighter than what is around it.
    """
    border = np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
    return float(np.median(border)) <= float(np.median(values[ink > 0.5]))


def judge_paper(coarse: UInt8[ndarray, "h w"]) -> tuple[bool, bool, bool]:
    """(Whether the light is even, whether the paper is lighter than the ink, whether in doubt).

    Even: what Otsu's threshold calls paper differs less among itself than a quarter of what ink
    differs from it, and ink is strokes, no block: that would be a part in shadow, or in light.
    Then paper is what most of the picture, and most of its border, is. Uneven:
    the threshold parts light from shadow, and border and area say nothing; but ink differs much
    from what is around it in few places, so the differences are skewed to its side.
    """
    threshold = otsu(coarse)
    light = coarse > threshold
    border = np.concatenate([light[0], light[-1], light[1:-1, 0], light[1:-1, -1]])
    shares = float(light.mean()) + float(border.mean())
    light_paper, doubtful = shares > 1, abs(shares - 1) < DOUBT / 2
    paper, ink = coarse[light == light_paper], coarse[light != light_paper]
    if not paper.size or not ink.size:
        return True, light_paper, doubtful
    low, middle, high = np.percentile(paper, [5, 50, 95])
    small = max(coarse.shape) < MIN_UNEVEN
    alike = bool(high - low <= abs(float(np.median(ink)) - middle) / 4)
    even = small or (alike and not _is_solid(light != light_paper))
    if even:
        return True, light_paper, doubtful
    radius = max(2, max(coarse.shape) // 12)
    around = box_mean(coarse.astype(np.float32), radius)
    skew = float(((coarse - around) ** 3).mean())
    return False, skew < 0, False


def level_light(grey: UInt8[ndarray, "h w"]) -> UInt8[ndarray, "h w"]:
    """`grey` as if lit evenly, where the light falls off to one side: a plane through the paper.

    For pictures too small to tell shadow from ink. The plane is fitted four times, each time
    without what is far off it, which is the ink.
    """
    h, w = grey.shape
    y, x = np.indices(grey.shape) / max(h, w) - 0.5
    design = np.stack([np.ones(grey.size), y.ravel(), x.ravel()], axis=1)
    values = grey.ravel().astype(np.float64)
    kept = np.ones(grey.size, bool)
    for _ in range(4):
        plane = design @ np.linalg.lstsq(design[kept], values[kept], rcond=None)[0]
        off = np.abs(values - plane)
        kept = off <= np.percentile(off, 60)
    level = values * np.median(plane) / np.maximum(plane, 1)
    return np.clip(np.rint(level), 0, 255).astype(np.uint8).reshape(h, w)


def _is_solid(ink: Bool[ndarray, "h w"]) -> bool:
    """Whether a square of a fifth of the longest side is all ink: no stroke is so wide."""
    radius = max(ink.shape) // 10
    return bool(box_mean(ink.astype(np.float32), radius).max() > 0.98)


def otsu(grey: UInt8[ndarray, "..."]) -> int:
    """The threshold that parts `grey` into <= t and > t of least variance within (Otsu 1979)."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    product = below * above
    difference = sums * below[-1] - sums[-1] * below
    between = np.divide(difference**2, product, out=np.zeros(256), where=product > 0)
    best = np.flatnonzero(between == between.max())
    return int(best[len(best) // 2])  # the middle of a gap, if nothing is in between


def paper_grain(contrast: Float32[ndarray, "h w"]) -> tuple[float, float]:
    """(The paper's own level, how far it spreads), in contrast.

    The spread is taken on the side where no ink is: from the median up to what is lighter.
    """
    sample = contrast.ravel()[:: max(1, contrast.size // 100_000)]
    scaled = np.clip(sample * 255 + 64, 0, 255).astype(np.uint8)
    paper = sample[scaled <= otsu(scaled)]
    if not paper.size:
        return 0.0, 0.0
    low, level = np.percentile(paper, [16, 50])
    return float(level), float(level - low)


def box_mean(values: Float32[ndarray, "h w"], radius: int) -> Float32[ndarray, "h w"]:
    """The mean over a square of 2 radius + 1 pixels a side; the border's pixels go on outside."""
    if radius == 0:
        return values.copy()
    size = 2 * radius + 1
    for axis in (0, 1):
        margins = [(0, 0), (0, 0)]
        margins[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(values, margins, mode="edge"), axis=axis, dtype=np.float64)
        ends, starts = [slice(None)] * 2, [slice(None)] * 2
        ends[axis], starts[axis] = slice(size, None), slice(None, -size)
        values = ((sums[tuple(ends)] - sums[tuple(starts)]) / size).astype(np.float32)
    return values


def running_max(values: Float32[ndarray, "h w"], size: int) -> Float32[ndarray, "y x"]:
    """The greatest of every square of `size` pixels a side that fits, in log2 size steps."""
    for axis in (0, 1):
        line = np.moveaxis(values, axis, 0)
        covered = 1
        while covered < size:
            shift = min(covered, size - covered)
            line = np.maximum(line[:-shift], line[shift:])
            covered += shift
        values = np.moveaxis(line, 0, axis)
    return values


def _reduce(grey: UInt8[ndarray, "h w"], step: int) -> UInt8[ndarray, "h w"]:
    return grey if step <= 1 else np.asarray(Image.fromarray(grey).reduce(step))


def _even_paper(coarse: UInt8[ndarray, "h w"]) -> np.float32:
    """The commonest luminance of what is lighter than ink; of everything, if it is all the same."""
    paper = coarse[coarse > otsu(coarse)]
    return np.float32(np.median(paper if paper.size else coarse))


def _uneven_paper(coarse: UInt8[ndarray, "h w"], shape: tuple[int, int]) -> Float32[ndarray, "h w"]:
    """The paper's luminance everywhere, under the ink too, on a picture of `shape`.

    Closing (the greatest nearby, then the least of those) fills what is darker than its
    surroundings and narrower than a quarter of the picture, and keeps a shadow's edge where it is.
    """
    smooth = np.asarray(Image.fromarray(coarse).filter(ImageFilter.MedianFilter(5)), np.float32)
    size = max(3, min(coarse.shape) // 4)
    framed = np.pad(smooth, size - 1, mode="edge")
    closed = -running_max(-running_max(framed, size), size)
    return np.asarray(Image.fromarray(closed).resize(shape[::-1], Image.Resampling.BILINEAR))
