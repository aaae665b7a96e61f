"""Reading arrays: the same digits whatever the range and shape; batches; classifying images."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from page_glyphs import always

from benchmarks.beds.paint import brush_80
from benchmarks.beds.styles import STYLES, written
from digitnn.data.fetch.sources import load
from digitnn.errors import PictureError
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.input.opening import open_picture
from digitnn.reader.reader import Reader

SCALED = {
    "0..1": lambda images: images / 255,
    "-1..1": lambda images: images / 127.5 - 1,
    "mean and standard deviation": lambda images: (images / 255 - 0.1307) / 0.3081,
    "a mean alone": lambda images: images - 103.94,
    "0..16": lambda images: np.rint(images / 255 * 16),
    "divided by 254": lambda images: images / 254,
    "divided by 255 twice": lambda images: images / 255**2,
    "overshooting": lambda images: images / 255 * 1.023 - 0.003,
    "12 bits": lambda images: np.rint(images / 255 * 4095).astype(np.uint16),
    "int64": lambda images: images.astype(np.int64),
    "half precision": lambda images: ((images / 255 - 0.1307) / 0.3081).astype(np.float16),
}
"""The ranges of `Reader`'s callers."""


@pytest.fixture(scope="module")
def drawn():
    """Return ten digits of 28 x 28, light on dark, as the network takes them."""
    names = [next(name for name in STYLES if name.startswith(str(digit))) for digit in range(10)]
    strokes = [written(STYLES[name], np.random.default_rng(7)) for name in names]
    found = [normalise(open_picture(brush_80(one, np.random.default_rng(7)))) for one in strokes]
    return np.stack([one.image for one in found])


@pytest.mark.parametrize("scale", SCALED.values(), ids=SCALED)
def test_the_same_digits_are_read_whatever_the_range(drawn, scale):
    reader = Reader.load()
    wanted = [reader.read(image, single=True).text for image in drawn]
    assert len(set(wanted) - {"?"}) >= 9
    scaled = scale(drawn)
    assert [reading.text for reading in reader.read_many(scaled, single=True)] == wanted
    assert [reader.read(image, single=True).text for image in scaled] == wanted
    assert_allclose(reader.classify(scaled), reader.classify(drawn), atol=0.05)


@pytest.mark.real_data
def test_the_same_digits_of_mnist_are_read_whatever_the_range():
    images = load("mnist").images[-20:]
    reader = Reader.load()
    wanted = [reading.text for reading in reader.read_many(images, single=True)]
    assert wanted.count("?") + wanted.count("") <= 1
    for scale in SCALED.values():
        found = list(reader.read_many(scale(images), single=True))
        assert [reading.text for reading in found] == wanted


def test_a_note_tells_how_an_array_was_scaled(drawn):
    reading = Reader.load().read((drawn[5] / 255 - 0.1307) / 0.3081)
    assert "pixels from -0.42421 to 2.8215 scaled to 0..255" in reading.notes


def test_a_batch_gives_a_reading_of_each_image(drawn):
    reader = Reader(lambda images: np.eye(11, dtype=np.float32)[images.sum((1, 2)) % 10])
    wanted = [reader.read(image, single=True) for image in drawn]
    batches = (drawn, drawn[:, None], drawn.reshape(-1, 784), torch.tensor(drawn), iter(drawn))
    for batch in batches:
        found = list(reader.read_many(batch, single=True, threads=3))
        assert [reading.text for reading in found] == [reading.text for reading in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert_array_equal(one.digits[0].image, other.digits[0].image)
    assert list(reader.read_many(drawn[:0])) == []


def test_a_bad_image_in_a_batch_is_an_error_in_its_place(drawn):
    batch = drawn / 255
    batch[3, 9, 9] = np.nan
    found = list(Reader(always(5, 1)).read_many(batch, single=True))
    assert [getattr(one, "text", None) for one in found] == ["5"] * 3 + [None] + ["5"] * 6
    assert str(found[3]).startswith("array[3]: ")


def test_read_takes_one_picture_and_read_many_takes_several(drawn):
    reader = Reader(always(5, 1))
    with pytest.raises(PictureError, match=r"uint8 \(10, 28, 28\); read_many reads a batch"):
        reader.read(drawn)
    with pytest.raises(PictureError, match=r"uint8 \(28, 28\); read reads one picture"):
        reader.read_many(drawn[0])  # at once, not when the first reading is taken


def test_classify_gives_the_probabilities_of_each_image(drawn):
    seen = []

    def record(images):
        seen.append(images)
        return always(5, 0.75)(images)

    reader = Reader(record)
    for images in (drawn, torch.tensor(drawn / 127.5 - 1)[:, None], drawn.reshape(-1, 784)):
        p = reader.classify(images)
        assert p.shape == (10, 11)
        assert_allclose(p[:, [5, 10]], np.tile([0.75, 0.25], (10, 1)))
        assert_array_equal(seen[-1], drawn)
    assert reader.classify(drawn[0]).shape == (1, 11)
    assert reader.classify(drawn[:0]).shape == (0, 11)
    with pytest.raises(PictureError, match=r"expected images.*got uint8 \(10, 14, 56\)"):
        reader.classify(drawn.reshape(10, 14, 56))


def test_the_shipped_network_classifies_images_as_it_reads_them(drawn):
    reader = Reader.load()
    readings = [reader.read(image, single=True) for image in drawn]
    p = reader.classify(np.stack([reading.digits[0].image for reading in readings]))
    assert p.dtype == np.float32
    assert [int(row.argmax()) for row in p[:, :10]] == [r.digits[0].most_likely for r in readings]
