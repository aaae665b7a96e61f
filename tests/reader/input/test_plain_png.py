"""The fast way to open plain PNGs gives what `open_bytes` gives, or leaves the file to it."""

from io import BytesIO

import numpy as np
import pytest
from pictures import as_png, five
from PIL import Image, PngImagePlugin

from digitnn.reader.input.opening import DEFAULT_LIMITS, open_bytes
from digitnn.reader.input.plain_png import open_plain_png

PLAIN = as_png(five(28))


def test_plain_pngs_have_the_pixels_of_the_slow_way(rng):
    for high in (2, 30, 256):  # other contents make the encoder choose other filters
        grey = rng.integers(0, high, (28, 28), dtype=np.uint8)
        data = as_png(grey)
        np.testing.assert_array_equal(open_plain_png(data), grey)
        np.testing.assert_array_equal(open_bytes(data, "x", DEFAULT_LIMITS).grey, grey)


def saved(mode="L", side=28, **options):
    file = BytesIO()
    Image.fromarray(five(side)).convert(mode).save(file, "PNG", **options)
    return file.getvalue()


def with_text():
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "a scanner")
    return saved(pnginfo=info)


@pytest.mark.parametrize(
    "data",
    [saved("RGB"), saved("1"), saved("P"), saved(side=29), with_text(),
     PLAIN[:60], PLAIN[:-4], PLAIN + b"x", PLAIN.replace(b"IDAT", b"IDAX"),
     PLAIN[:60] + bytes(8) + PLAIN[68:], b"", b"no picture"],
)  # fmt: skip
def test_every_other_file_is_left_to_the_slow_way(data):
    assert open_plain_png(data) is None
