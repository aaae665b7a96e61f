"""Arrays of any range, type, shape and container give the luminance, or an error that says why."""

import re

import numpy as np
import pytest
import torch
from numpy import ndarray
from numpy.testing import assert_allclose, assert_array_equal
from pictures import five
from PIL import Image

from digitnn.errors import PictureError
from digitnn.reader.input.arrays import digit_images
from digitnn.reader.input.opening import DEFAULT_LIMITS, Limits, open_each, open_picture
from digitnn.reader.input.pages import pages_of

GREY = five(28)
GREY.flags.writeable = False
SHARE = GREY / 255
MEAN, STD = 0.1307, 0.3081

RANGES = {
    "uint8": (GREY, None),
    "bools": (GREY > 127, None),
    "uint8 of 0 and 1": ((GREY > 127).astype(np.uint8), "0 to 1"),
    "integers of 0 and 1": ((GREY > 127).astype(int), "0 to 1"),
    "0..1": (SHARE, None),
    "0..1, float32": (SHARE.astype(np.float32), None),
    "0..1, float16": (SHARE.astype(np.float16), None),
    "0..255, floats": (GREY.astype(float), None),
    "0..255, int64": (GREY.astype(np.int64), None),
    "-1..1": (SHARE * 2 - 1, "-1 to 1"),
    "-0.5..0.5": (SHARE - 0.5, "-0.5 to 0.5"),
    "-128..127": (GREY.astype(np.int16) - 128, "-128 to 127"),
    "-128..127, int8": ((GREY.astype(np.int16) - 128).astype(np.int8), "-128 to 127"),
    "-255..0": (GREY - 255.0, "-255 to 0"),
    "mean and standard deviation": ((SHARE - MEAN) / STD, "-0.42421 to 2.8215"),
    "the same, negative": ((MEAN - SHARE) / STD, "-2.8215 to 0.42421"),
    "0..16": (SHARE * 16, "0 to 16"),
    "0..16, int64": (np.rint(SHARE * 16).astype(int), "0 to 16"),
    "0..16, uint8": (np.rint(SHARE * 16).astype(np.uint8), "0 to 16"),
    "divided by 254": (GREY / 254, "0 to 1.0039"),
    "divided by 255 twice": (SHARE / 255, "0 to 0.0039216"),
    "overshooting 0..1": (SHARE * 1.023 - 0.003, "-0.003 to 1.02"),
    "overshooting 0..255": (GREY * 1.03 - 4, "-4 to 258.65"),
    "10 bits": (np.rint(SHARE * 1023).astype(np.uint16), "0 to 1023"),
    "12 bits": (np.rint(SHARE * 4095).astype(np.uint16), "0 to 4095"),
    "16 bits": (GREY.astype(np.uint16) * 257, None),
    "32 bits": (GREY.astype(np.uint32) * 2**24, "0 to 4.2782e+09"),
    "a million": (SHARE * 1e6, "0 to 1e+06"),
}
"""The same 5 in the ranges that people use, and the range in its note."""


@pytest.mark.parametrize(("array", "noted"), RANGES.values(), ids=RANGES)
def test_every_range_gives_the_same_luminance(array, noted):
    picture = open_picture(array)
    wanted = GREY.astype(int)
    steps = len(np.unique(array))
    if steps == 2:
        wanted = (GREY > 127) * 255
    elif array[0, 0] == array.min():  # light ink on dark paper
        wanted = 255 - wanted
    assert_allclose(picture.grey.astype(int), wanted, atol=8 if steps <= 17 else 1)
    assert picture.notes == (() if noted is None else (f"pixels from {noted} scaled to 0..255",))


def pale(low: float, high: float) -> ndarray:
    return SHARE * (high - low) + low


@pytest.mark.parametrize(
    ("array", "low", "high"),
    [
        (pale(200, 240).astype(np.uint8), 200, 240),
        (pale(200, 240), 200, 240),
        (pale(200, 240).astype(np.int64), 200, 240),
        (pale(-0.02, 0.2), 0, 55),
        (pale(0.8, 0.9), 204, 229.5),
        (pale(0.8, 1.02), 200, 255),
        (pale(0.2, 0.9) * 2 - 1, 51, 229.5),
        (pale(-60, 100).astype(np.int16), 68, 228),
        (pale(-0.3, 0.4), 51, 229.5),
        (pale(500, 900).astype(np.uint16), 125, 224),
        (pale(3000, 3500).astype(np.uint16), 187, 218),
        (pale(20, 60).astype(np.uint8), 20, 60),
        (pale(0, 0.05), 0, 12.75),
        (pale(0, 8).astype(np.uint8), 0, 8),
    ],
)
def test_a_pale_or_dark_picture_is_not_stretched(array, low, high):
    grey = open_picture(array).grey
    assert_allclose([grey.min(), grey.max()], [low, high], atol=1.5)


@pytest.mark.parametrize("value", [0, 1, -1, 0.5, -0.4242, -2.1, 5.0, 255, 3e9, 1e-9, False, True])
def test_a_constant_array_is_blank(value):
    picture = open_picture(np.full((28, 28), value))
    assert picture.grey.min() == picture.grey.max()
    assert value or picture.notes == ()


def test_noise_far_below_one_grey_level_is_not_stretched(rng):
    for level in (0, 1, -1):
        grey = open_picture(level + rng.normal(0, 1e-8, (28, 28))).grey
        assert np.ptp(grey) <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("good", [SHARE, (SHARE - MEAN) / STD])
def test_pixels_that_are_no_finite_numbers_are_one_error(good, bad):
    array = good.copy()
    array[3, 4] = bad
    words = r"array: .*1 of 784 are NaN or infinite, got float64 \(28, 28\)"
    with pytest.raises(PictureError, match=words):
        open_picture(array)


def test_nothing_but_nan_is_the_same_error():
    with pytest.raises(PictureError, match="784 of 784 are NaN"):
        open_picture(np.full((28, 28), np.nan, np.float16))


SHAPES = {
    "h w": GREY,
    "1 h w": GREY[None],
    "1 1 h w": GREY[None, None],
    "h w 1": GREY[..., None],
    "1 h w 1": GREY[None, ..., None],
    "784": GREY.ravel(),
    "1 784": GREY.reshape(1, 784),
    "h w 3": np.repeat(GREY[..., None], 3, axis=2),
    "1 h w 3": np.repeat(GREY[None, ..., None], 3, axis=3),
    "1 3 h w": np.repeat(GREY[None, None], 3, axis=1),
    "h w 4": np.dstack([GREY] * 3 + [np.full_like(GREY, 255)]),
    "1 4 h w": np.stack([GREY] * 3 + [np.full_like(GREY, 255)])[None],
    "columns first": np.asfortranarray(GREY),
    "every second": np.repeat(np.repeat(GREY, 2, axis=0), 2, axis=1)[::2, ::2],
}


@pytest.mark.parametrize("array", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "convert", [np.asarray, ndarray.tolist, torch.tensor], ids=["array", "lists", "tensor"]
)
def test_every_shape_and_container_of_one_picture_is_opened(array, convert):
    source = convert(array)
    assert_allclose(open_picture(source).grey.astype(int), GREY, atol=1)
    (page,) = pages_of(source)
    assert_array_equal(page.open().grey, open_picture(source).grey)


def test_colours_become_luminance_whatever_the_range_and_order():
    rgb = np.zeros((30, 40, 3), np.uint8)
    rgb[:10], rgb[10:20], rgb[20:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    wanted = np.asarray(Image.fromarray(rgb).convert("L"))
    for array in (rgb, rgb / 255, rgb / 127.5 - 1, (rgb / 255 - MEAN) / STD):
        assert_allclose(open_picture(array).grey.astype(int), wanted, atol=1)
        first = open_picture(np.moveaxis(array, -1, 0))
        assert_allclose(first.grey.astype(int), wanted, atol=1)
        assert "shape (3, 30, 40): the first of three axes taken as channels" in first.notes


def test_transparency_in_an_array_is_honoured():
    ink = np.dstack([np.zeros((*GREY.shape, 3), np.uint8), 255 - GREY])
    for array in (ink, ink / 255):
        picture = open_picture(array)
        assert_array_equal(picture.grey, GREY)
        assert picture.notes == ("transparent: put on white",)


class Holder:
    """Converts itself to an array, as the tensors and tables of many libraries do."""

    def __init__(self, array: ndarray) -> None:
        self.array = array

    def __array__(self, dtype=None, copy=None) -> ndarray:
        return self.array


def test_whatever_converts_itself_to_an_array_is_opened():
    assert_array_equal(open_picture(Holder(GREY)).grey, GREY)
    with pytest.raises(PictureError, match=r"Holder: .*got uint8 \(5, 28, 28\)"):
        open_picture(Holder(np.stack([GREY] * 5)))


NOT_ONE_PICTURE = {
    "a batch": (np.zeros((5, 28, 28), np.float32), r"float32 \(5, 28, 28\); read_many reads a"),
    "a batch with channels": (np.zeros((5, 1, 28, 28)), r"\(5, 1, 28, 28\); read_many"),
    "a few flat images": (np.zeros((3, 784)), r"float64 \(3, 784\); read_many reads a batch"),
    "three images or channels": (np.zeros((3, 28, 28)), r"3 images or the channels .*np.moveaxis"),
    "four images or channels": (np.zeros((4, 28, 28)), r"may be 4 images or the channels of one"),
    "a scalar": (np.array(3), r"expected one picture.*int64 \(\)"),
    "a line": (np.zeros(9), r"expected one picture.*float64 \(9,\)"),
    "five channels": (np.zeros((9, 9, 5)), r"expected one picture.*float64 \(9, 9, 5\)"),
    "nothing": (np.zeros((0, 28)), r"expected one picture.*\(0, 28\)"),
    "complex": (np.zeros((9, 9), complex), r"expected one picture, numbers.*complex128 \(9, 9\)"),
    "text": (["a.png", "b.png"], r"list: expected one picture, numbers.*<U5 \(2,\); read_many"),
    "objects": (np.array([[None] * 9] * 9), r"numbers.*object \(9, 9\)"),
    "ragged": ([[1, 2, 3], [4, 5]], r"list: cannot be made an array \(setting an array element"),
    "a narrow picture": (
        np.zeros((4, 90)),
        r"float64 \(4, 90\): 90 x 4 pixels; expected at least 5",
    ),
}


@pytest.mark.parametrize(("source", "words"), NOT_ONE_PICTURE.values(), ids=NOT_ONE_PICTURE)
def test_what_is_not_one_picture_is_an_error_with_its_shape(source, words):
    with pytest.raises(PictureError, match=words) as caught:
        open_picture(source)
    assert "\n" not in str(caught.value)


def test_a_tensor_that_cannot_be_converted_is_an_error_with_torchs_remedy():
    with pytest.raises(PictureError, match=r"Tensor: .*detach\(\)"):
        open_picture(torch.tensor(SHARE, requires_grad=True))
    with pytest.raises(PictureError, match=r"Tensor: cannot be made an array"):
        open_picture(torch.zeros(28, 28, device="meta"))


def test_a_picture_784_pixels_wide_has_a_note_about_batches():
    picture = open_picture(np.zeros((100, 784), np.uint8))
    assert picture.grey.shape == (100, 784)
    assert "read_many reads a batch" in picture.notes[0]


def opened(source, limits: Limits = DEFAULT_LIMITS) -> list[ndarray]:
    return [open_it().grey for open_it in open_each(source, limits)]


BATCH = np.stack([GREY, 255 - GREY, np.roll(GREY, 3, axis=1), np.roll(GREY, 2, axis=0)])
BATCHES = {
    "n h w": BATCH,
    "n 1 h w": BATCH[:, None],
    "n h w 1": BATCH[..., None],
    "n 784": BATCH.reshape(-1, 784),
    "n 3 h w": np.repeat(BATCH[:, None], 3, axis=1),
    "n h w 3": np.repeat(BATCH[..., None], 3, axis=3),
    "a few": BATCH[:3],
    "one": BATCH[:1],
    "none": BATCH[:0],
}


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize(
    "convert", [np.asarray, torch.tensor, Holder, list], ids=["array", "tensor", "holder", "list"]
)
def test_a_batch_gives_its_pictures_in_order(batch, convert):
    if convert is list and batch.shape == (4, 3, 28, 28):
        batch = batch[:, None]  # in a list each is a source of its own, and (3, 28, 28) ambiguous
    found = opened(convert(batch))
    assert len(found) == len(batch)
    for grey, wanted in zip(found, BATCH, strict=False):
        assert_array_equal(grey, wanted)


def test_all_pictures_of_a_batch_have_one_scale():
    batch = (np.stack([GREY, GREY // 4, GREY * 0]) / 255 - MEAN) / STD
    dark, blank = opened(batch)[1:]
    assert_allclose(dark, GREY // 4, atol=1)
    assert blank.max() == 0
    assert open_picture(batch[1]).grey.max() > 200  # its own range is all that is known


def test_a_batch_with_a_bad_picture_gives_the_others():
    batch = (BATCH / 255 - MEAN) / STD
    batch[1, 0, 0], batch[2, 5, 5] = np.nan, np.inf
    first, second, third, last = open_each(batch)
    assert_array_equal(first().grey, BATCH[0])
    assert_array_equal(last().grey, BATCH[3])
    for index, bad in ((1, second), (2, third)):
        with pytest.raises(PictureError, match=rf"array\[{index}\]: .* 1 of 784 are NaN"):
            bad()


NOT_A_BATCH = {
    "a picture": (GREY, r"expected a batch.*got uint8 \(28, 28\); read reads one"),
    "a flat picture": (np.zeros(784), r"expected a batch.*float64 \(784,\)"),
    "rows of another length": (np.zeros((3, 196)), r"expected a batch.*\(3, 196\)"),
    "five channels": (np.zeros((2, 5, 28, 28)), r"expected a batch.*\(2, 5, 28, 28\)"),
    "a colour picture": (
        np.zeros((480, 640, 3)),
        r"array, float64 \(480, 640, 3\): 3 x 640 pixels",
    ),
    "complex": (np.zeros((9, 28, 28), complex), r"complex128 \(9, 28, 28\)"),
    "a tensor": (torch.zeros(28, 28), r"Tensor: expected a batch.*float32 \(28, 28\)"),
    "a path": ("a.png", r"str: expected several pictures"),
    "bytes": (b"PNG", r"bytes: expected several pictures"),
    "a number": (3, r"int: expected several pictures"),
    "nothing": (None, r"NoneType: expected several pictures"),
    "one object": (np.array(None, object), r"ndarray: expected several pictures"),
    "a Pillow image": (Image.new("L", (9, 9)), r"Image: expected several pictures"),
}


@pytest.mark.parametrize(("source", "words"), NOT_A_BATCH.values(), ids=NOT_A_BATCH)
def test_what_is_not_a_batch_is_an_error_at_once(source, words):
    with pytest.raises(PictureError, match=words):
        open_each(source)


def test_an_array_of_paths_is_iterated_over(tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for path in paths:
        Image.fromarray(GREY).save(path)
    for sources in (np.array([str(path) for path in paths]), np.array(paths, object), paths):
        assert_array_equal(opened(sources), [GREY] * 3)


def test_a_batch_may_be_larger_than_the_limit_of_a_picture():
    limits = Limits(megapixels=0.001)
    assert len(opened(BATCH, limits)) == 4
    with pytest.raises(PictureError, match="megapixels"):
        opened(np.zeros((2, 40, 40), np.uint8), limits)


IMAGES = {
    "n h w": BATCH,
    "n 1 h w": BATCH[:, None],
    "n h w 1": BATCH[..., None],
    "n 784": BATCH.reshape(-1, 784),
    "none": BATCH[:0],
    "h w": BATCH[0],
    "1 h w": BATCH[:1],
    "784": BATCH[0].ravel(),
    "h w 1": BATCH[0][..., None],
    "28 images": np.resize(BATCH, (28, 28, 28)),
    "many": np.resize(BATCH, (5000, 28, 28)),
}


@pytest.mark.parametrize("images", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize(
    "convert",
    [np.asarray, torch.tensor, lambda a: (a / 255 - MEAN) / STD, lambda a: a / 127.5 - 1],
    ids=["array", "tensor", "standardised", "-1..1"],
)
def test_images_for_the_network_have_every_shape_and_range(images, convert):
    n = images.size // 784
    found = digit_images(convert(images))
    assert found.dtype == np.uint8
    assert_array_equal(found, np.resize(BATCH, (n, 28, 28)))


NOT_IMAGES = {
    "20 x 20": (np.zeros((20, 20)), r"array: expected images.*28\).*got float64 \(20, 20\)"),
    "colours": (np.zeros((3, 28, 28, 3)), r"got float64 \(3, 28, 28, 3\)"),
    "channels": (np.zeros((2, 3, 28, 28)), r"got float64 \(2, 3, 28, 28\)"),
    "complex": (np.zeros((5, 28, 28), complex), r"got complex128 \(5, 28, 28\)"),
    "NaN": (np.full((5, 28, 28), np.nan), r"3,920 of 3,920 are NaN"),
    "a number": (3, r"int: expected an array"),
    "a path": ("five.png", r"str: expected an array"),
    "paths": (["five.png"], r"list: expected images.*got <U8 \(1,\)"),
    "nothing": ([], r"list: expected images.*got float64 \(0,\)"),
}


@pytest.mark.parametrize(("images", "words"), NOT_IMAGES.values(), ids=NOT_IMAGES)
def test_what_are_not_images_for_the_network_is_an_error(images, words):
    with pytest.raises(PictureError, match=words):
        digit_images(images)


def test_no_error_about_an_array_holds_a_memory_address():
    for source in ([object()], Holder(np.array([object()])), [[object()], []], {"a": 1}, object()):
        with pytest.raises(PictureError) as caught:
            open_picture(source)
        assert not re.search(r"0x[0-9a-f]{4}", str(caught.value))
