"""Folders of PNGs: the order survives, and every picture must be as MNIST's are."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_collection import assert_same_data, tiny_test, tiny_train

from digitnn.data.formats.png_folder import png_parts, read_png_folder, write_png_folder
from digitnn.errors import FormatError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_png_folder(tmp_path, tiny_train(), tiny_test())
    return tmp_path


def refusal(folder: Path, part: str = "train") -> str:
    with pytest.raises(FormatError) as raised:
        read_png_folder(folder, part, "tiny")
    message = str(raised.value)
    assert message.startswith(str(folder))
    assert "\n" not in message
    return message


def test_a_picture_lies_in_its_class_under_its_number(folder):
    data = tiny_train()
    with Image.open(folder / "train" / str(data.labels[7]) / "00007.png") as picture:
        assert (picture.mode, picture.size) == ("L", (28, 28))
        np.testing.assert_array_equal(np.asarray(picture), data.images[7])


def test_pictures_come_back_in_the_order_in_which_they_were_written(folder):
    assert_same_data(read_png_folder(folder, "train", "tiny"), tiny_train())
    assert_same_data(read_png_folder(folder, "test", "tiny"), tiny_test())


def test_numbers_are_ordered_as_numbers_and_names_come_after_them(tmp_path):
    for digit, stem, shade in ((1, "10", 3), (1, "9", 2), (0, "b", 5), (2, "2", 1), (3, "a", 4)):
        (tmp_path / str(digit)).mkdir(exist_ok=True)
        picture = Image.fromarray(np.full((28, 28), shade, np.uint8))
        picture.save(tmp_path / str(digit) / f"{stem}.png")
    found = read_png_folder(tmp_path, "train", "few")
    assert found.images[:, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert found.labels.tolist() == [2, 1, 1, 3, 0]


def test_class_folders_alone_are_a_training_file_only(folder):
    train = folder / "train"
    assert png_parts(train) == ("train",)
    assert_same_data(read_png_folder(train, "train", "tiny"), tiny_train())
    assert "no test part" in refusal(train, "test")


def test_reading_the_training_part_does_not_open_the_test_pictures(folder):
    for path in (folder / "test").rglob("*.png"):
        path.write_bytes(b"not a picture")
    assert len(read_png_folder(folder, "train", "tiny")) == 60


def test_files_that_are_no_pictures_and_hidden_ones_are_passed_over(folder):
    (folder / "train" / "3" / "notes.txt").write_text("hello")
    (folder / "train" / "3" / "._00001.png").write_bytes(b"of a Macintosh")
    (folder / "train" / ".git").mkdir()
    assert_same_data(read_png_folder(folder, "train", "tiny"), tiny_train())


def test_a_folder_that_is_no_class_is_refused(folder):
    (folder / "train" / "10").mkdir()
    assert "10: not a class" in refusal(folder)


def test_classes_without_pictures_are_refused(tmp_path):
    (tmp_path / "0").mkdir()
    assert "no PNG in its folders 0 to 9" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("mode", "size", "got"),
    [
        ("L", (28, 27), "28 x 27, mode L"),
        ("RGB", (28, 28), "28 x 28, mode RGB"),
        ("1", (28, 28), "28 x 28, mode 1"),
        ("L", (3000, 3000), "3000 x 3000, mode L"),
    ],
)
def test_a_picture_of_another_size_or_mode_is_refused_by_name(folder, mode, size, got):
    Image.new(mode, size).save(folder / "train" / "5" / "99999.png")
    message = refusal(folder)
    assert "99999.png: expected 28 x 28 greyscale (mode L)" in message
    assert got in message


def test_a_jpeg_called_png_is_refused(folder):
    Image.new("L", (28, 28)).save(folder / "train" / "5" / "99999.png", format="JPEG")
    assert "99999.png: not a PNG: it looks like a JPEG image" in refusal(folder)


def test_a_picture_that_claims_to_be_enormous_is_not_unpacked(folder):
    content = bytearray(whole_png())
    content[16:24] = b"\x00\x10\x00\x00" * 2  # 2**20 by 2**20
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (folder / "train" / "5" / "99999.png").write_bytes(bytes(content))
    assert "99999.png" in refusal(folder)


def test_a_cut_picture_is_refused(folder):
    content = whole_png()
    for length in (0, 9, 30, len(content) // 2):
        (folder / "train" / "5" / "99999.png").write_bytes(content[:length])
        assert "99999.png" in refusal(folder)


def whole_png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(tiny_train().images[0]).save(file, format="PNG")
    return file.getvalue()
