"""The fast way to open plain PNGs gives what `open_bytes` gives, or leaves the file to it."""

import zlib
from io import BytesIO

import numpy as np
import pytest
from pictures import as_png, five
from PIL import Image, PngImagePlugin

from digitnn.reader.input.opening import DEFAULT_LIMITS, open_bytes
from digitnn.scaling.collections.plain_png import is_plain_png, open_plain_pngs

PLAIN = as_png(five(28))


def test_plain_pngs_have_the_pixels_of_the_slow_way(rng):
    for high in (2, 30, 256):  # other contents make the encoder choose other filters
        grey = rng.integers(0, high, (28, 28), dtype=np.uint8)
        data = as_png(grey)
        np.testing.assert_array_equal(open_plain_pngs([data])[0], grey)
        np.testing.assert_array_equal(open_bytes(data, "x", DEFAULT_LIMITS).grey, grey)


def saved(mode="L", side=28, **options):
    file = BytesIO()
    Image.fromarray(five(side)).convert(mode).save(file, "PNG", **options)
    return file.getvalue()


def with_text():
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "a scanner")
    return saved(pnginfo=info)


def with_rows(rows, end=b""):
    """A plain PNG with these filtered rows, each the number of its filter and 28 bytes."""
    stream = zlib.compress(rows) + end
    chunk = b"IDAT" + stream
    checksum = zlib.crc32(chunk).to_bytes(4, "big")
    return PLAIN[:33] + len(stream).to_bytes(4, "big") + chunk + checksum + PLAIN[-12:]


@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [0, 1, 2, 3, 4], [4, 2, 3]])
def test_every_filter_is_undone_within_its_own_picture(rng, filters):
    files = []
    for _ in range(3):
        rows = rng.integers(0, 256, (28, 29), dtype=np.uint8)
        rows[:, 0] = np.resize(filters, 28)
        files.append(with_rows(rows.tobytes()))
    for data, found in zip(files, open_plain_pngs(files), strict=True):
        np.testing.assert_array_equal(found, open_bytes(data, "x", DEFAULT_LIMITS).grey)


def test_files_that_are_not_opened_leave_the_others_in_their_places():
    other = as_png(five(28, 9))
    found = open_plain_pngs([b"", PLAIN, with_rows(bytes([5]) * 812), PLAIN[:60], other])
    assert [one is None for one in found] == [True, False, True, True, False]
    for one, data in ((found[1], PLAIN), (found[4], other)):
        np.testing.assert_array_equal(one, open_bytes(data, "x", DEFAULT_LIMITS).grey)
    assert open_plain_pngs([]) == []
    assert is_plain_png(PLAIN)
    assert not is_plain_png(b"no picture")


@pytest.mark.parametrize(
    "data",
    [saved("RGB"), saved("1"), saved("P"), saved(side=29), with_text(),
     PLAIN[:60], PLAIN[:-4], PLAIN + b"x", PLAIN.replace(b"IDAT", b"IDAX"),
     PLAIN[:29] + bytes(4) + PLAIN[33:], PLAIN[:60] + bytes(8) + PLAIN[68:],
     with_rows(bytes(811)), with_rows(bytes(813)), with_rows(bytes(10**6)),
     with_rows(bytes(812), b"x"),
     with_rows(bytes([5]) * 812), b"", b"no picture"],
)  # fmt: skip
def test_every_other_file_is_left_to_the_slow_way(data):
    assert open_plain_pngs([data]) == [None]
