"""Turn luminance into ink, 0 paper to 1 ink, for any polarity, lighting and paper.

    grey -> reduce -> lighting and polarity -> contrast -> smooth and threshold -> stretch

Contrast is how much darker a pixel is than the paper around it, as a share of that paper's
luminance: paper in shadow reflects the same share of the light.
Axes: h w pixels. Luminance 255 is light.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray
from PIL import Image, ImageFilter

MIN_CONTRAST = 0.04
"""Fainter differences are paper: JPEG ringing, creases, print showing through the sheet."""

NOISE_FACTOR = 5.0
"""Ink must exceed the paper's noise by this factor."""

SMOOTHING_RADII = (0, 1, 2, 4)
"""Radii of the box filters tried in turn, until the noise is below a tenth of the ink."""

MIN_UNEVEN_SIDE = 64
"""Pictures with a shorter longest side count as evenly lit: values between ink and paper are soft
edges there. At 14 x 14 pixels, a quarter of all digits was taken for shadow otherwise."""

COARSE_SIDE = 256
"""Longest side of the reduced picture on which lighting and polarity are judged."""


@dataclass(frozen=True)
class Ink:
    """The ink of a picture, and how it was found.

    ink: 0..1, all zero if `blank`; reduction: picture pixels per ink pixel, each way; contrast: of
    typical ink, 0..1.
    """

    ink: Float32[ndarray, "h w"]
    reduction: int
    light_paper: bool
    evenly_lit: bool
    contrast: float

    @property
    def blank(self) -> bool:
        """Whether nothing differs enough from the paper to be ink."""
        return self.contrast == 0

    @property
    def notes(self) -> tuple[str, ...]:
        """The decisions taken, in words."""
        if self.blank:
            return ("no ink",)
        polarity = "dark ink on light paper" if self.light_paper else "light ink on dark paper"
        light = () if self.evenly_lit else ("uneven light taken out",)
        faint = (f"faint ink stretched, contrast {self.contrast:.2f}",)
        return (polarity, *light, *(faint if self.contrast < 0.5 else ()))


def find_ink(grey: UInt8[ndarray, "h w"], max_side: int = 2048, inverted: bool = False) -> Ink:
    """Return the ink of `grey`, reduced by the smallest integer that fits it into `max_side`.

    inverted: use the opposite of the polarity that would be chosen.
    """
    reduction = -(-max(grey.shape) // max_side)
    reduced = _reduce(grey, reduction)
    coarse = _reduce(reduced, -(-max(reduced.shape) // COARSE_SIDE))
    evenly_lit, light_paper = judge_lighting(coarse)
    light_paper ^= inverted
    values = reduced if light_paper else 255 - reduced
    coarse = coarse if light_paper else 255 - coarse
    if evenly_lit:
        bright = coarse[coarse > otsu(coarse)]
        paper: ndarray | np.float32 = np.float32(np.median(bright if bright.size else coarse))
    else:
        paper = _uneven_paper_luminance(coarse, values.shape)
    contrast = 1 - values / np.maximum(paper, np.float32(1))
    for radius in SMOOTHING_RADII:
        if radius > max(values.shape) / 100:
            break
        smooth = box_mean(contrast, radius)
        level, noise = paper_noise(smooth)
        smooth -= np.float32(level)
        threshold = max(MIN_CONTRAST, NOISE_FACTOR * noise)
        strong = smooth[smooth > threshold]
        typical = float(np.percentile(strong, 90)) if strong.size else 0.0
        if 10 * noise < typical:
            break
    if typical < 1.3 * threshold or typical < 2 * MIN_CONTRAST:
        blank = np.zeros(values.shape, np.float32)
        return Ink(blank, reduction, light_paper, evenly_lit, 0.0)
    # Start at half of `threshold`, so that the soft edges of faint strokes survive.
    foot = min(noise * NOISE_FACTOR / 2, typical / 3)
    ink = np.clip((smooth - np.float32(foot)) / np.float32(typical - foot), 0, 1)
    if not (evenly_lit or inverted) and _is_border_dark(values, ink):
        return find_ink(grey, max_side, inverted=True)
    return Ink(ink, reduction, light_paper, evenly_lit, typical)


def _is_border_dark(values: UInt8[ndarray, "h w"], ink: Float32[ndarray, "h w"]) -> bool:
    """Return whether half of the border is as dark as the ink, so that the polarity is wrong.

    Otherwise the light gap between two dark trouser legs is read as a 1.
    """
    border = np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
    return float(np.median(border)) <= float(np.median(values[ink > 0.5]))


def judge_lighting(coarse: UInt8[ndarray, "h w"]) -> tuple[bool, bool]:
    """Return (evenly lit, paper lighter than ink).

    The light is even if the luminance on the paper's side of Otsu's threshold varies by less than
    a quarter of its distance to the ink, and the ink consists of strokes: a solid block would be a
    part in shadow or in light. Under even light, the paper is the side that covers more of the
    picture and of its border. Under uneven light, the threshold separates light from shadow, so
    area and border say nothing. But ink differs strongly from its surroundings in few places, so
    the sign of the skewness of the local differences gives the polarity.
    """
    threshold = otsu(coarse)
    light = coarse > threshold
    border = np.concatenate([light[0], light[-1], light[1:-1, 0], light[1:-1, -1]])
    shares = float(light.mean()) + float(border.mean())
    light_paper = shares > 1
    paper, ink = coarse[light == light_paper], coarse[light != light_paper]
    if not paper.size or not ink.size:
        return True, light_paper
    low, middle, high = np.percentile(paper, [5, 50, 95])
    small = max(coarse.shape) < MIN_UNEVEN_SIDE
    uniform = bool(high - low <= abs(float(np.median(ink)) - middle) / 4)
    if small or (uniform and not _is_solid(light != light_paper)):
        return True, light_paper
    radius = max(2, max(coarse.shape) // 12)
    around = box_mean(coarse.astype(np.float32), radius)
    skew = float(((coarse - around) ** 3).mean())
    return False, skew < 0


def _is_solid(ink: Bool[ndarray, "h w"]) -> bool:
    """Return whether a square of a fifth of the longest side is all ink; no stroke is so wide."""
    radius = max(ink.shape) // 10
    return bool(box_mean(ink.astype(np.float32), radius).max() > 0.98)


def otsu(grey: UInt8[ndarray, "..."]) -> int:
    """Return the t that minimises the variance within the classes <= t and > t (Otsu 1979)."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    product = below * above
    difference = sums * below[-1] - sums[-1] * below
    between = np.divide(difference**2, product, out=np.zeros(256), where=product > 0)
    best = np.flatnonzero(between == between.max())
    return int(best[len(best) // 2])  # the middle of the gap, if the classes have one between them


def paper_noise(contrast: Float32[ndarray, "h w"]) -> tuple[float, float]:
    """Return (median, noise) of the paper's contrast.

    The noise is the distance from the median to the 16th percentile: the side without ink.
    """
    sample = contrast.ravel()[:: max(1, contrast.size // 100_000)]
    scaled = np.clip(sample * 255 + 64, 0, 255).astype(np.uint8)
    paper = sample[scaled <= otsu(scaled)]
    if not paper.size:
        return 0.0, 0.0
    low, level = np.percentile(paper, [16, 50])
    return float(level), float(level - low)


def box_mean(values: Float32[ndarray, "h w"], radius: int) -> Float32[ndarray, "h w"]:
    """Return the mean over squares of side 2 radius + 1; border pixels are repeated outside."""
    if radius == 0:
        return values.copy()
    size, margins = 2 * radius + 1, ((radius + 1, radius), (0, 0))
    for _ in range(2):  # down the columns, then along the rows
        sums = np.cumsum(np.pad(values, margins, mode="edge"), axis=0, dtype=np.float64)
        values = ((sums[size:] - sums[:-size]) / size).astype(np.float32).T
    return values


def dilate_by_square(values: Float32[ndarray, "h w"], size: int) -> Float32[ndarray, "y x"]:
    """Return the maximum of every square of side `size` that fits, in log2(size) steps."""
    for _ in range(2):  # down the columns, then along the rows
        covered = 1
        while covered < size:
            shift = min(covered, size - covered)
            values = np.maximum(values[:-shift], values[shift:])
            covered += shift
        values = values.T
    return values


def _reduce(grey: UInt8[ndarray, "h w"], factor: int) -> UInt8[ndarray, "h w"]:
    return grey if factor <= 1 else np.asarray(Image.fromarray(grey).reduce(factor))


def _uneven_paper_luminance(
    coarse: UInt8[ndarray, "h w"], shape: tuple[int, int]
) -> Float32[ndarray, "h w"]:
    """Return the paper's luminance at each pixel of a picture of `shape`, also under the ink.

    A closing (dilate, then erode) fills what is darker than its surroundings and narrower than a
    quarter of the picture, and keeps the edges of shadows in place.
    """
    smooth = np.asarray(Image.fromarray(coarse).filter(ImageFilter.MedianFilter(5)), np.float32)
    size = max(3, min(coarse.shape) // 4)
    padded = np.pad(smooth, size - 1, mode="edge")
    closed = -dilate_by_square(-dilate_by_square(padded, size), size)
    return np.asarray(Image.fromarray(closed).resize(shape[::-1], Image.Resampling.BILINEAR))
