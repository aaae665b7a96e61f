"""Folders of pictures: every layout, size and mode; what is written comes back unchanged."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_collection import assert_same_data, tiny_test, tiny_train

from digitnn.data.formats.picture_folder import read_picture_folder, write_png_folder
from digitnn.data.formats.picture_layout import picture_parts
from digitnn.data.formats.picture_options import PictureOptions, offer_fit, options_from_json
from digitnn.data.formats.pictures import fit_picture, read_grey
from digitnn.data.formats.storage import detect
from digitnn.errors import FormatError, PictureError, UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_png_folder(tmp_path, tiny_train(), tiny_test())
    return tmp_path


def refusal(folder: Path, part: str = "train") -> str:
    with pytest.raises(FormatError) as raised:
        read_picture_folder(folder, part, "tiny")
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
    assert_same_data(read_picture_folder(folder, "train", "tiny"), tiny_train())
    assert_same_data(read_picture_folder(folder, "test", "tiny"), tiny_test())


def test_numbers_are_ordered_as_numbers_and_names_come_after_them(tmp_path):
    for digit, stem, shade in ((1, "10", 3), (1, "9", 2), (0, "b", 5), (2, "2", 1), (3, "a", 4)):
        (tmp_path / str(digit)).mkdir(exist_ok=True)
        picture = Image.fromarray(np.full((28, 28), shade, np.uint8))
        picture.save(tmp_path / str(digit) / f"{stem}.png")
    found = read_picture_folder(tmp_path, "train", "few")
    assert found.images[:, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert found.labels.tolist() == [2, 1, 1, 3, 0]


def test_class_folders_alone_are_a_training_file_only(folder):
    train = folder / "train"
    assert picture_parts(train) == ("train",)
    assert_same_data(read_picture_folder(train, "train", "tiny"), tiny_train())
    assert "no test part" in refusal(train, "test")


def test_reading_the_training_part_does_not_open_the_test_pictures(folder):
    for path in (folder / "test").rglob("*.png"):
        path.write_bytes(b"not a picture")
    assert len(read_picture_folder(folder, "train", "tiny")) == 60


def test_files_that_are_no_pictures_and_hidden_ones_are_passed_over(folder):
    (folder / "train" / "3" / "notes.txt").write_text("hello")
    (folder / "train" / "3" / "._00001.png").write_bytes(b"of a Macintosh")
    (folder / "train" / ".git").mkdir()
    assert_same_data(read_picture_folder(folder, "train", "tiny"), tiny_train())


def test_a_folder_without_pictures_is_no_class(folder):
    (folder / "train" / "10").mkdir()
    (folder / "train" / "10" / "notes.txt").write_text("hello")
    assert_same_data(read_picture_folder(folder, "train", "tiny"), tiny_train())


def test_classes_without_pictures_are_refused(tmp_path):
    (tmp_path / "0").mkdir()
    assert "no pictures in its folders" in refusal(tmp_path)


def test_a_picture_that_claims_to_be_enormous_is_not_unpacked(folder):
    content = bytearray(whole_png())
    content[16:24] = b"\x00\x10\x00\x00" * 2  # 2**20 by 2**20
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (folder / "train" / "5" / "99999.png").write_bytes(bytes(content))
    assert "99999.png" in refusal(folder)
    content[16:24] = (9000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (folder / "train" / "5" / "99999.png").write_bytes(bytes(content))
    assert "9000 x 9000 pixels; at most 64,000,000 are read" in refusal(folder)


def test_a_cut_picture_is_refused(folder):
    content = whole_png()
    for length in (0, 9, 30, len(content) // 2):
        (folder / "train" / "5" / "99999.png").write_bytes(content[:length])
        message = refusal(folder)
        assert "1 of 61 pictures cannot be read" in message
        assert "99999.png: " in message


def test_unreadable_pictures_are_counted_and_the_first_are_named(folder):
    for n in range(5):
        (folder / "train" / "5" / f"bad{n}.jpg").write_bytes(b"<html>")
    message = refusal(folder)
    assert "5 of 65 pictures cannot be read" in message
    assert "bad0.jpg: not a picture: it looks like an HTML page" in message
    assert "bad2.jpg" in message
    assert "bad3.jpg" not in message
    assert message.endswith("; and 2 more; --skip-bad leaves them out, or remove or replace them")


def write_classes(folder, shades=((0, 200), (1, 100))):
    """Two classes: on black, a square of one shade."""
    for digit, shade in shades:
        image = np.zeros((28, 28), np.uint8)
        image[8:20, 8:20] = shade
        (folder / str(digit)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(digit) / f"{digit}.png")


@pytest.mark.parametrize("names", [("train", "test"), ("training", "testing")])
def test_the_folders_of_the_parts_have_two_names(tmp_path, names):
    for name in names:
        write_classes(tmp_path / name)
    found = detect(tmp_path)
    assert found is not None
    assert found.parts == ("train", "test")
    assert found.read("test", "x").labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["3_17.png", "0_2.png", "3-4.jpg"], [0, 3, 3]),
        (["scan_1-9.png", "scan_2-0.png"], [9, 0]),
        (["7_1.png", "1_2.png"], [1, 7]),  # both fit: the first counts
    ],
)
def test_labels_in_names_are_read_if_one_pattern_fits_all(tmp_path, names, labels):
    for name in names:
        Image.new("L", (28, 28)).save(tmp_path / name)
    assert picture_parts(tmp_path) == ("train",)
    assert read_picture_folder(tmp_path, "train", "x").labels.tolist() == labels
    Image.new("L", (28, 28)).save(tmp_path / "holiday.png")
    assert picture_parts(tmp_path) == ()


def table(folder, text, names=("a.png", "b.png", "sub/c.png")):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("L", (28, 28), 10 * len(name)).save(folder / name)
    (folder / "labels.csv").write_text(text, encoding="utf-8-sig")


@pytest.mark.parametrize("header", ["", "file,label\n"])
def test_a_table_names_the_pictures_in_its_order(tmp_path, header):
    table(tmp_path, header + "b.png,3\n\nsub/c.png, 1\na.png,3\n")
    found = read_picture_folder(tmp_path, "train", "x")
    assert found.labels.tolist() == [3, 1, 3]
    assert found.images[:, 0, 0].tolist() == [50, 90, 50]
    assert picture_parts(tmp_path) == ("train",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png,3\nb.png,\n", "line 2, column 2 (label) is ''; expected the name of a class"),
        ("a.png,3\nb.png,three\n", "the class 'three' is a word, but others are numbers"),
        ("a.png,3\nb.png\n", "line 2 has 1 columns; expected 2, file and label"),
        ("a.png,3\n../b.png,4\n", "line 2: '../b.png' is not below"),
        ("a.png,3\n/b.png,4\n", "line 2: '/b.png' is not below"),
        ("a.png,3\nnone.png,4\n", "none.png: No such file"),
        ("a.png,3\nb.png,3\n", "all 2 pictures are labelled 3; expected at least two classes"),
        ("a.png,3\n" + "x" * 200_000 + ",4", "no CSV text"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, text, message):
    table(tmp_path, text)
    assert message in refusal(tmp_path)


def test_a_table_that_names_no_pictures_is_not_one_of_digits(tmp_path):
    (tmp_path / "labels.csv").write_text("1,cat\n2,dog\n")
    assert detect(tmp_path) is None


def test_one_class_alone_is_refused(tmp_path):
    write_classes(tmp_path, ((5, 100),))
    assert "all 1 pictures are labelled 5" in refusal(tmp_path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_every_kind_and_mode_gives_the_same_digit(tmp_path, kind, mode):
    grey = np.zeros((56, 56), np.uint8)
    grey[16:40, 24:32] = 255
    path = tmp_path / "x.png"
    picture = Image.fromarray(grey).convert(mode)
    if kind in ("JPEG", "WEBP") and mode in ("P", "1"):
        picture = picture.convert("RGB")
    picture.save(path, format=kind)
    # JPEG is lossy
    np.testing.assert_allclose(read_grey(path).astype(int), grey, atol=40 if kind == "JPEG" else 6)
    assert fit_picture(read_grey(path))[14, 14] > 200


def test_transparent_paper_is_white_and_sixteen_bits_are_scaled(tmp_path):
    ink = np.zeros((28, 28, 4), np.uint8)
    ink[10:20, 10:20, 3] = 255  # black where it is opaque
    Image.fromarray(ink, "RGBA").save(tmp_path / "a.png")
    assert read_grey(tmp_path / "a.png")[[0, 15], [0, 15]].tolist() == [255, 0]
    Image.fromarray(np.full((28, 28), 65_535, np.uint16)).save(tmp_path / "b.png")
    assert read_grey(tmp_path / "b.png").min() == 255


def test_the_orientation_of_a_photo_is_applied(tmp_path):
    grey = np.zeros((28, 28), np.uint8)
    grey[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(grey).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert read_grey(tmp_path / "a.jpg")[-1].min() > 200


def test_padding_keeps_the_shape_in_the_colour_of_the_border():
    grey = np.full((56, 28), 30, np.uint8)
    grey[10:46, 10:18] = 200
    padded = fit_picture(grey, "pad")
    assert padded[:, 0].tolist() == [30] * 28
    assert padded[14, 13:15].min() > 150
    inked = (padded > 100).nonzero()
    assert (np.ptp(inked[0]) + 1, np.ptp(inked[1]) + 1) == (18, 4)  # half of 36 by 8


def test_cropping_keeps_the_centre_and_stretching_everything():
    grey = np.zeros((28, 56), np.uint8)
    grey[:, :14], grey[:, 14:42] = 99, 200
    assert fit_picture(grey, "crop").min() == 200
    stretched = fit_picture(grey, "stretch")
    assert (stretched[0, 0], stretched[0, 14], stretched[0, 27]) == (99, 200, 0)


def test_a_function_may_fit_the_pictures(tmp_path):
    write_classes(tmp_path)
    Image.new("L", (40, 30), 7).save(tmp_path / "0" / "wide.png")

    def fit(grey):
        assert grey.shape in ((30, 40), (28, 28))
        return np.full((28, 28), 77)

    found = read_picture_folder(tmp_path, "train", "x", PictureOptions(fit))
    assert (found.images == 77).all()


def test_dark_ink_on_light_paper_is_inverted_for_all_pictures(tmp_path, caplog):
    write_classes(tmp_path / "light")
    expected = read_picture_folder(tmp_path / "light", "train", "x")
    assert not caplog.messages
    for digit, image in zip(expected.labels, expected.images, strict=True):
        folder = tmp_path / "dark" / str(digit)
        folder.mkdir(parents=True)
        Image.fromarray(255 - image).save(folder / f"{digit}.png")
    assert_same_data(read_picture_folder(tmp_path / "dark", "train", "x"), expected)
    assert caplog.messages == [
        f"{tmp_path / 'dark'}: dark ink on light paper; all pictures are inverted"
    ]


def test_a_mixture_of_dark_and_light_is_told_and_not_repaired(tmp_path, caplog):
    write_classes(tmp_path, [(digit, 100) for digit in range(5)])
    Image.new("L", (28, 28), 255).save(tmp_path / "3" / "9.png")
    found = read_picture_folder(tmp_path, "train", "x")
    assert found.images[-1].min() == 255
    assert caplog.messages == [
        f"{tmp_path}: 1 of 6 pictures have a light border, the others a dark one; ink should be "
        "the same in all"
    ]


def test_pictures_of_other_sizes_are_counted_in_a_note(tmp_path, caplog):
    write_classes(tmp_path)
    Image.new("L", (40, 30)).save(tmp_path / "0" / "wide.png")
    read_picture_folder(tmp_path, "train", "x")
    assert caplog.messages == [
        f"{tmp_path}: 1 picture of 3 train: padded to a square and resized to 28 x 28"
    ]


def whole_png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(tiny_train().images[0]).save(file, format="PNG")
    return file.getvalue()


def test_folders_of_any_names_are_classes_in_alphabetical_order(tmp_path):
    for name, shade in (("cat", 50), ("ant", 90), ("bee", 70)):
        (tmp_path / name).mkdir()
        Image.new("L", (28, 28), shade).save(tmp_path / name / "x.png")
    found = read_picture_folder(tmp_path, "train", "x")
    assert found.classes == ("ant", "bee", "cat")
    assert dict(zip(found.labels.tolist(), found.images[:, 0, 0].tolist(), strict=True)) == {
        0: 90,
        1: 70,
        2: 50,
    }


def test_one_folder_of_pictures_with_a_name_is_no_data(tmp_path):
    (tmp_path / "holiday").mkdir()
    Image.new("L", (28, 28)).save(tmp_path / "holiday" / "x.png")
    assert detect(tmp_path) is None


def parted(folder, train, test):
    for part, names in (("train", train), ("test", test)):
        for name in names:
            (folder / part / name).mkdir(parents=True)
            Image.new("L", (28, 28), 50).save(folder / part / name / "x.png")


def test_the_test_pictures_have_the_classes_of_the_training_pictures(tmp_path):
    parted(tmp_path, ("ant", "bee", "cat"), ("bee", "cat"))
    found = read_picture_folder(tmp_path, "test", "x")
    assert (found.classes, found.labels.tolist()) == (("ant", "bee", "cat"), [1, 2])


def test_a_class_that_training_lacks_is_refused(tmp_path):
    parted(tmp_path, ("ant", "bee"), ("bee", "wasp"))
    assert "the class 'wasp' is not among those of" in refusal(tmp_path, "test")


def test_bad_pictures_are_left_out_and_named_where_that_is_asked_for(folder, caplog):
    for n in range(5):
        (folder / "train" / "5" / f"bad{n}.jpg").write_bytes(b"<html>")
    found = read_picture_folder(folder, "train", "tiny", PictureOptions(skip_bad=True))
    assert_same_data(found, tiny_train())
    note = caplog.messages[0]
    assert "5 of 65 pictures left out: " in note
    assert "bad2.jpg: not a picture" in note
    assert note.endswith("; and 2 more")


def test_pictures_that_are_all_bad_are_refused_anyway(tmp_path):
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bad.png").write_bytes(b"")
    with pytest.raises(FormatError, match="2 of 2 pictures cannot be read"):
        read_picture_folder(tmp_path, "train", "x", PictureOptions(skip_bad=True))


def test_a_function_that_fails_makes_a_bad_picture_and_nothing_is_inverted(tmp_path):
    for name, shade in (("0/a.png", 250), ("1/b.png", 250), ("0/white.png", 255)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (28, 28), shade).save(tmp_path / name)

    def fit(grey):
        if grey.min() == 255:
            raise PictureError("no ink; expected a digit")
        return np.full((28, 28), 222)

    offer_fit("ours", fit)
    with pytest.raises(FormatError, match=r"white\.png: no ink; expected a digit; --skip-bad"):
        read_picture_folder(tmp_path, "train", "x", PictureOptions("ours"))
    found = read_picture_folder(tmp_path, "train", "x", PictureOptions("ours", skip_bad=True))
    assert (found.images == 222).all()


def test_an_unknown_fit_is_refused_with_the_known_ones(tmp_path):
    write_classes(tmp_path)
    with pytest.raises(UsageError, match="unknown fit 'squash'; known: pad, crop, stretch"):
        read_picture_folder(tmp_path, "train", "x", PictureOptions("squash"))


def test_options_are_recorded_where_they_differ_from_the_default():
    assert PictureOptions().to_json() == {}
    options = PictureOptions("crop", skip_bad=True)
    assert options.to_json() == {"fit": "crop", "skip_bad": True}
    assert options_from_json(options.to_json()) == options
    assert options_from_json(None) == PictureOptions()


def test_a_photo_in_heif_is_read_or_the_missing_library_is_named(tmp_path):
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(FormatError, match=r"IMG_1.HEIC: (HEIF pictures need|damaged picture)"):
        read_grey(path)
