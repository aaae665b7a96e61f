"""Draw one digit as a photo: pencil, pen, marker, chalk, and a camera's whole picture."""

from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.paint import somewhere
from benchmarks.beds.paper import Camera, pencilled, photograph, tinted
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import encode_jpeg, to_uint8
from benchmarks.beds.tracing import Strokes

PAPERS = ((250, 248, 240), (235, 240, 248), (245, 238, 220), (240, 240, 240))
PENS = ((30, 40, 110), (30, 30, 35), (120, 30, 40), (20, 80, 60))


def pencil(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw a crop of a phone's photo, 300 to 550 pixels: pencil on grainy paper."""
    side = int(rng.integers(300, 551))
    place = somewhere(side, 0.5, 0.85, rng)
    ink = draw(
        strokes, (side, side), place, place.size * rng.uniform(0.02, 0.06), rng, pressure=0.25
    )
    camera = Camera(
        paper=rng.uniform(175, 225), contrast=rng.uniform(0.3, 0.65), slope=rng.uniform(0, 0.2),
        fibre=rng.uniform(2, 5), blur=rng.uniform(0.8, 2.5), noise=rng.uniform(1, 4),
    )  # fmt: skip
    return to_uint8(photograph(pencilled(ink, rng, rng.uniform(0.3, 0.9)), camera, rng))


def pen(strokes: Strokes, rng: Generator) -> bytes:
    """Draw with a ball-point or fountain pen in colour, in uneven light, as JPEG."""
    side = int(rng.integers(150, 500))
    place = somewhere(side, 0.35, 0.8, rng)
    ink = draw(
        strokes, (side, side), place, place.size * rng.uniform(0.015, 0.045), rng, pressure=0.15
    )
    camera = Camera(
        paper=rng.uniform(150, 240), contrast=rng.uniform(0.5, 0.85), slope=rng.uniform(0.1, 0.5),
        fibre=rng.uniform(1, 3), blur=rng.uniform(0.6, 1.6), noise=rng.uniform(1, 5),
    )  # fmt: skip
    grey = photograph(ink, camera, rng)
    hues = (PAPERS[rng.integers(len(PAPERS))], PENS[rng.integers(len(PENS))])
    return encode_jpeg(to_uint8(tinted(grey, *hues, ink)), int(rng.integers(50, 95)))


def shadowed(strokes: Strokes, rng: Generator) -> bytes:
    """Draw with a felt-tip pen, with a shadow across as of a phone."""
    side = int(rng.integers(200, 600))
    place = somewhere(side, 0.35, 0.75, rng)
    ink = draw(
        strokes, (side, side), place, place.size * rng.uniform(0.05, 0.11), rng, pressure=0.1
    )
    camera = Camera(
        paper=rng.uniform(160, 235), contrast=rng.uniform(0.6, 0.9), slope=rng.uniform(0.1, 0.4),
        shadow=rng.uniform(0.2, 0.5), penumbra=side * rng.uniform(0.03, 0.25),
        fibre=rng.uniform(1, 3), blur=rng.uniform(0.8, 2.0), noise=rng.uniform(1, 5),
    )  # fmt: skip
    return encode_jpeg(to_uint8(photograph(ink, camera, rng)), int(rng.integers(50, 95)))


def chalk(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw with chalk on a dark board: grainy light ink over wiped clouds."""
    side = int(rng.integers(160, 500))
    place = somewhere(side, 0.4, 0.85, rng)
    ink = draw(
        strokes, (side, side), place, place.size * rng.uniform(0.04, 0.09), rng, pressure=0.2
    )
    camera = Camera(
        paper=rng.uniform(170, 215), contrast=rng.uniform(0.45, 0.75), slope=rng.uniform(0, 0.25),
        fibre=rng.uniform(2, 5), blur=rng.uniform(0.8, 1.8), noise=rng.uniform(2, 6),
    )  # fmt: skip
    return to_uint8(255 - photograph(pencilled(ink, rng, 0.8), camera, rng))


def camera(strokes: Strokes, rng: Generator) -> bytes:
    """Draw a camera's picture of 3 to 12 megapixels: a sheet of paper with one small digit."""
    scale = rng.uniform(0.5, 1.0)
    shape = (int(3000 * scale), int(4000 * scale))
    if rng.random() < 0.5:
        shape = shape[::-1]
    size = min(shape) * rng.uniform(0.12, 0.5)
    middle = (rng.uniform(0.3, 0.7) * shape[1], rng.uniform(0.3, 0.7) * shape[0])
    ink = draw(
        strokes, shape, Place(*middle, size), size * rng.uniform(0.025, 0.08), rng, pressure=0.15
    )
    taken = Camera(
        paper=rng.uniform(150, 225), contrast=rng.uniform(0.5, 0.85), slope=rng.uniform(0.1, 0.4),
        shadow=rng.uniform(0, 0.35), penumbra=min(shape) * rng.uniform(0.05, 0.3),
        fibre=rng.uniform(1, 3), blur=rng.uniform(1.2, 3.0), noise=rng.uniform(2, 6),
    )  # fmt: skip
    return encode_jpeg(to_uint8(photograph(ink, taken, rng)), int(rng.integers(75, 93)))
