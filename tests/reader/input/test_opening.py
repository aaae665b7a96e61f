"""Opening pictures: each pixel format gives the luminance, each bad file a one-line error."""

import io
import re
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import ndarray
from numpy.testing import assert_allclose, assert_array_equal
from pictures import five
from PIL import Image

from digitnn.errors import PictureError
from digitnn.reader.input.opening import Limits, open_picture
from digitnn.reader.input.pages import pages_of
from digitnn.reader.input.signatures import looks_like_picture
from digitnn.wording import error_text

GREY = five(40)
GREY.flags.writeable = False
SAVED = ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM")


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(image: Image.Image, kind: str = "PNG", **options: object) -> ndarray:
    return open_picture(saved(image, kind, **options)).grey


@pytest.mark.parametrize("kind", SAVED)
def test_every_format_gives_the_luminance(kind):
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(kind, {})
    assert_allclose(opened(Image.fromarray(GREY), kind, **options).astype(int), GREY, atol=8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I", "F"])
def test_every_mode_gives_the_luminance(mode):
    grey = np.where(GREY > 127, 255, 0).astype(np.uint8)
    image = Image.fromarray(grey).convert(mode)
    assert_allclose(open_picture(image).grey.astype(int), grey, atol=2)


def test_sixteen_bits_keep_their_greys():
    wide = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert_array_equal(opened(wide, "PNG"), GREY)
    assert_array_equal(opened(wide, "TIFF"), GREY)


@pytest.mark.parametrize("ink", [0, 255])
def test_transparent_drawings_get_a_contrasting_background(ink):
    image = Image.merge("LA", [Image.new("L", (40, 40), ink), Image.fromarray(255 - GREY)])
    wanted = GREY if ink == 0 else 255 - GREY
    assert_array_equal(opened(image), wanted)


def test_transparent_corners_get_the_luminance_of_the_paper():
    paper = np.where(GREY < 128, 30, 200).astype(np.uint8)
    alpha = np.full((40, 40), 255, np.uint8)
    alpha[:6, :6] = 0
    grey = opened(Image.merge("LA", [Image.fromarray(paper), Image.fromarray(alpha)]))
    assert (grey[:6, :6] == 200).all()


def test_a_transparent_palette_entry_is_honoured():
    image = Image.fromarray(np.where(GREY > 127, 1, 0).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 9, 9, 9])
    grey = opened(image, transparency=1)
    assert grey[0, 0] == 255
    assert grey.min() == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(kind, orientation):
    upright = np.full((24, 40), 255, np.uint8)
    upright[2:10, 2:6] = 0
    # How a camera held so would store it: the inverse of what the EXIF standard says to do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = opened(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
    assert grey.shape == (24, 40)
    assert_allclose(grey.astype(int), upright, atol=60)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames_is_opened_with_a_note(kind):
    frames = [Image.fromarray(GREY), Image.new("L", (40, 40), 128), Image.new("L", (40, 40), 9)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    picture = open_picture(data)
    assert picture.notes == ("the first of 3 frames",)
    assert_allclose(picture.grey.astype(int), GREY, atol=30)


def test_a_path_a_file_bytes_and_an_image_are_the_same_picture(tmp_path):
    path = tmp_path / "five.jpg"  # a PNG: the suffix is no evidence
    path.write_bytes(saved(Image.fromarray(GREY)))
    with path.open("rb") as file:
        sources = [path, str(path), path.read_bytes(), file, Image.fromarray(GREY)]
        for source in sources:
            assert_array_equal(open_picture(source).grey, GREY)


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = b"\x00\x00\x00\x00IEND\xaeB`\x82"
    data = b"IDAT" + zlib.compress(b"")
    chunks = (
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + end


BAD = {
    "empty": (b"", "empty, 0 bytes"),
    "not a picture": (b"Dear Sir, ", "not a picture"),
    "SVG": (b'<?xml version="1.0"?><svg width="9">', "render it"),
    "PDF": (b"%PDF-1.7", "render its pages"),
    "truncated": (saved(Image.fromarray(GREY))[:200], "damaged PNG"),
    "bomb": (png_header(50_000, 50_000), "the limit is 64 megapixels"),
    "a line": (png_header(1, 100_000), "expected at least 5"),
    "film": (b"\x00\x00\x00\x18ftypisom", "a film"),
    "sound": (b"RIFF\x00\x00\x00\x00WAVEfmt ", "sound"),
}


@pytest.mark.parametrize(("data", "words"), BAD.values(), ids=BAD)
def test_a_file_that_is_no_picture_gives_a_one_line_error(data, words, tmp_path):
    path = tmp_path / "it.png"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=words) as caught:
        open_picture(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_errors(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        open_picture(tmp_path / "none.png")
    with pytest.raises(PictureError, match="a folder"):
        open_picture(tmp_path)


def test_heic_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match="pip install pillow-heif"):
        open_picture(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00")


def test_the_limits_can_be_changed():
    data = saved(Image.fromarray(GREY))
    with pytest.raises(PictureError, match=r"40 x 40 pixels; the limit is 0.001 megapixels"):
        open_picture(data, Limits(megapixels=0.001))
    with pytest.raises(PictureError, match="megapixels"):
        open_picture(GREY, Limits(megapixels=0.001))
    with pytest.raises(PictureError, match="MB"):
        open_picture(data, Limits(megabytes=0.0001))
    assert open_picture(png_white(10_000, 7_000), Limits(megapixels=70)).grey.shape == (
        7_000,
        10_000,
    )


def png_white(width: int, height: int) -> bytes:
    return saved(Image.new("1", (width, height), 1), compress_level=1)


def test_pillow_settings_and_warning_filters_are_restored():
    before, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    open_picture(saved(Image.fromarray(GREY)))
    assert before == Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters


def test_a_damaged_tiff_prints_nothing_on_stderr(capfd):
    data = bytearray(saved(Image.fromarray(GREY), "TIFF", compression="tiff_lzw"))
    data[8:60] = b"\x55" * 52
    with pytest.raises(PictureError, match="damaged TIFF"):
        open_picture(bytes(data))
    assert capfd.readouterr().err == ""


def test_threads_open_pictures_side_by_side():
    data = [saved(Image.fromarray(np.roll(GREY, n))) for n in range(9)]
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(open_picture, data * 10))
    for n, picture in enumerate(pictures):
        assert_array_equal(picture.grey, np.roll(GREY, n % 9))


@pytest.mark.parametrize("kind", SAVED)
def test_files_are_known_as_pictures_by_more_than_two_letters(kind):
    head = saved(Image.fromarray(GREY), kind)[:16]
    assert looks_like_picture(head) == (kind not in ("BMP", "PPM"))


def test_only_still_pictures_are_known_among_files():
    assert looks_like_picture(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00")
    for head in (b"\x00\x00\x00\x18ftypisom", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"%PDF-1.7", b""):
        assert not looks_like_picture(head)


WHOLE = {kind: saved(Image.fromarray(GREY), kind) for kind in SAVED}


def has_memory_address(error: Exception) -> bool:
    return re.search(r"0x[0-9a-f]{4}", str(error)) is not None


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(SAVED),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=4),
    st.floats(0.05, 1),
)
def test_damaged_files_give_a_picture_or_a_one_line_error(kind, changes, kept):
    data = bytearray(WHOLE[kind])
    for place, value in changes:
        start = int(place**3 * (len(data) - len(value)))  # headers first
        data[start : start + len(value)] = value
    try:
        grey = open_picture(bytes(data[: int(kept * len(data))])).grey
    except PictureError as error:
        assert "\n" not in str(error)
        assert not has_memory_address(error)
    else:
        assert grey.dtype == np.uint8
        assert grey.ndim == 2


@pytest.mark.parametrize("kind", [*SAVED, "PDF"])
def test_the_error_of_a_cut_or_garbled_file_names_it_without_a_memory_address(kind, tmp_path):
    if kind == "PDF":
        pytest.importorskip("pypdfium2")
    data = saved(Image.fromarray(GREY), kind)
    path = tmp_path / "five.png"
    errors = 0
    for kept in range(8, len(data), 13):
        for damaged in (data[:kept], data[:kept] + b"\xd7" * 8 + data[kept + 8 :]):
            path.write_bytes(damaged)
            for source, name in ((path, path), (io.BytesIO(damaged), "file")):
                try:
                    for page in pages_of(source):
                        page.open()
                except PictureError as error:
                    errors += 1
                    assert str(error).startswith(f"{name}: ")
                    assert not has_memory_address(error)
    assert errors


def test_the_error_of_a_cut_pillow_image_names_its_file(tmp_path):
    path = tmp_path / "five.png"
    path.write_bytes(saved(Image.fromarray(GREY))[:200])
    with Image.open(path) as image, pytest.raises(PictureError) as caught:
        open_picture(image)
    assert str(caught.value).startswith(f"{path}: damaged PNG (")


def test_a_library_message_is_quoted_without_memory_addresses():
    error = ValueError(f"cannot read {io.BytesIO()!r} at 0x10")
    assert error_text(error) == "cannot read <_io.BytesIO object> at 0x10"
    assert error_text(ValueError()) == "ValueError"
