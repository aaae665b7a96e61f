"""What is read of a shard: images all at once, other pictures as `digitnn read` reads them."""

from dataclasses import dataclass

import numpy as np
import pytest
from handwriting import write
from pictures import as_png, five
from PIL import Image
from small_collections import fives

from digitnn.errors import PictureError
from digitnn.reader.reader import Reader, Reading
from digitnn.reader.results import PictureResult, read_pages, result_to_json
from digitnn.scaling.collections.batch import (
    IMAGE_NOTE,
    Losses,
    ReadingOptions,
    read_selection,
)
from digitnn.scaling.collections.items import SKIPPED, Item
from digitnn.scaling.collections.rows import to_table

READER = Reader.load()


@dataclass(frozen=True)
class Listed:
    contents: list

    def __len__(self):
        return len(self.contents)

    def items(self, skip):
        for k, content in enumerate(self.contents):
            yield Item(f"{k}.png", None, SKIPPED if k in skip else content)


def read(contents, options=ReadingOptions(), reader=READER, **more):  # noqa: B008
    return [row.result for row in read_selection(reader, options, Listed(contents), **more)]


@pytest.fixture
def batches(monkeypatch):
    """The number of images of each call of the classifier."""
    sizes = []

    def classify(images):
        sizes.append(len(images))
        return READER.classify_images(images)

    return sizes, Reader(classify)


def test_equal_images_are_classified_in_one_call(batches):
    sizes, reader = batches
    results = read([as_png(image) for image in fives(9)], reader=reader)
    assert sizes == [9]
    assert [result.path for result in results] == [f"{k}.png" for k in range(9)]
    assert [result.found.text for result in results] == ["5"] * 9
    confidences = READER.classify(np.stack(fives(9)))[:, 5]
    found = [result.found.digits[0].confidence for result in results]
    np.testing.assert_allclose(found, confidences, rtol=1e-5)
    assert results[0].found.notes == (IMAGE_NOTE,)


def test_the_box_of_an_image_is_that_of_its_ink():
    image = np.zeros((28, 28), np.uint8)
    image[5:20, 9:12] = 255
    (result,) = read([image])
    assert result.found.digits[0].box == (9, 5, 12, 20)


def test_images_in_between_keep_their_places(batches):
    sizes, reader = batches
    page = as_png(write("12").grey.astype(np.uint8))
    results = read([fives(1)[0], b"no picture", as_png(fives(2)[1]), page], reader=reader)
    assert sizes[-1] == 2
    assert [isinstance(result.found, Reading) for result in results] == [True, False, True, True]
    assert [result.found.text for result in results[::2]] == ["5", "5"]
    assert str(results[1].found).startswith("1.png: not a picture")
    assert results[3].found.text == "12"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (as_png(five(28)), {}),  # dark ink on light paper
        (as_png(np.zeros((28, 28), np.uint8)), {}),
        (as_png(five(29, paper=0, ink=255)), {}),
        (as_png(fives(1)[0]), {"images": False}),
        (as_png(fives(1)[0]), {"symbols": True}),
        (as_png(five(120)), {"single": True}),
        (b"", {}),
    ],
)
def test_everything_else_is_read_as_by_digitnn_read(content, options):
    options = ReadingOptions(**options)
    reader = options.reader()
    (result,) = read([content], options, reader)
    (expected,) = read_pages(reader, content, "0.png", options.single)
    found, wanted = result_to_json(result), result_to_json(expected)
    assert IMAGE_NOTE not in found["notes"]
    if wanted["error"]:
        wanted["error"] = wanted["error"].replace("bytes:", "0.png:")
    assert found == wanted


def test_a_damaged_png_of_28_by_28_pixels_is_an_error_in_its_place(batches):
    sizes, reader = batches
    whole, damaged = as_png(fives(1)[0]), as_png(fives(2)[1])[:60]
    dark = as_png(five(28))
    results = read([whole, damaged, fives(3)[2], dark, whole], reader=reader)
    assert sizes[0] == 3
    assert str(results[1].found).startswith("1.png: ")
    assert isinstance(results[1].found, PictureError)
    texts = [result.found.text for k, result in enumerate(results) if k != 1]
    assert texts == ["5"] * 4
    assert [result.path for result in results] == [f"{k}.png" for k in range(5)]


def test_each_page_of_a_document_is_a_row(tmp_path):
    pages = [Image.fromarray(five(60, pen=pen)) for pen in (8, 12)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    results = read([as_png(fives(1)[0]), (tmp_path / "two.tif").read_bytes(), b"no"])
    assert [(result.path, result.page) for result in results] == [
        ("0.png", None), ("1.png", 1), ("1.png", 2), ("2.png", None),
    ]  # fmt: skip


def test_an_unexpected_error_is_a_row(monkeypatch):
    def fail(self, picture, single):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Reader, "read_picture", fail)
    first, second = read([as_png(five(60)), fives(1)[0]])
    assert str(first.found) == "0.png: unexpected ZeroDivisionError: by zero"
    assert second.found.text == "5"


def test_pictures_that_killed_a_worker_are_errors_and_the_others_are_read(batches):
    sizes, reader = batches
    losses = Losses(alone=True, errors={1: "the process that read it was killed"})
    reached = []
    results = read(fives(3), reader=reader, losses=losses, at=reached.append)
    assert reached == [0, 1, 2]
    assert sizes == [1, 1]
    assert [getattr(result.found, "text", None) for result in results] == ["5", None, "5"]
    assert str(results[1].found) == "1.png: the process that read it was killed"


def test_a_row_has_the_documented_columns():
    rows = read_selection(READER, ReadingOptions(), Listed([fives(1)[0], b"no picture"]))
    first, second = to_table(rows).to_pylist()
    assert list(first) == [
        "source", "path", "page", "text", "digits", "confidence", "notes", "error",
    ]  # fmt: skip
    (digit,) = first["digits"]
    assert (digit["digit"], digit["symbol"]) == (5, None)
    assert first["confidence"] == digit["confidence"] > 0.9
    assert (first["path"], first["text"], first["error"]) == ("0.png", "5", None)
    assert (second["text"], second["digits"], second["confidence"]) == ("", [], None)
    assert second["error"].startswith("1.png: not a picture")


def test_a_path_that_is_no_utf8_can_be_written():
    path = b"\xff.png".decode("utf-8", "surrogateescape")
    row = read_selection(READER, ReadingOptions(), Listed([b""]))[0]
    odd = type(row)(None, PictureResult(path, None, row.result.found), 1.0)
    assert to_table([odd]).to_pylist()[0]["path"] == "\\udcff.png"
