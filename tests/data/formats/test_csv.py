"""CSV files: read exactly in bounded memory; a fault is named by file, line and column."""

import bz2
import gzip
import tracemalloc
import zipfile

import numpy as np
import pytest
from digit_files import HEADER, csv_text, kaggle_csv
from tiny_collection import assert_same_data, tiny_part, tiny_test, tiny_train

from digitnn.data.dataset import Dataset
from digitnn.data.formats.csv_files import csv_parts, find_csv, read_csv_part
from digitnn.data.formats.labelled import read_labelled
from digitnn.data.formats.storage import detect
from digitnn.errors import FormatError

DATA = tiny_train()


def saved(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path):
    return read_csv_part(path, "train", "tiny")


def refusal(path, part="train"):
    with pytest.raises(FormatError) as raised:
        read_csv_part(path, part, "tiny")
    message = str(raised.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    return message


def changed(row, column, cell, header=True):
    """The rows of `DATA` with one cell replaced; None removes it."""
    lines = [line.split(",") for line in csv_text(DATA).splitlines()]
    lines[row][column : column + 1] = [] if cell is None else [cell]
    return "\n".join([*([HEADER] if header else []), *(",".join(line) for line in lines), ""])


@pytest.mark.parametrize("header", ["", HEADER])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_every_line_end_and_mark_is_read(tmp_path, header, end, bom):
    path = saved(tmp_path / "x.csv", bom + csv_text(DATA, header, end=end))
    assert_same_data(read(path), DATA)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.csv.bz2", "x.csv.zip", "x.zip"])
def test_every_compression_is_read(tmp_path, name):
    content = csv_text(DATA).encode()
    path = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.csv", content)
    else:
        pack = {"gz": gzip.compress, "bz2": bz2.compress}.get(name.split(".")[-1], bytes)
        path.write_bytes(pack(content))
    assert csv_parts(path) == ("train",)
    assert_same_data(read(path), DATA)


@pytest.mark.parametrize("size", [8000, 9001, 20_000])
def test_blocks_of_any_size_join_to_the_same_rows(tmp_path, monkeypatch, size):
    monkeypatch.setattr("digitnn.data.formats.text_blocks.BLOCK_BYTES", size)
    path = saved(tmp_path / "x.csv", "\n" + csv_text(DATA, HEADER, end="\r\n"))
    assert_same_data(read(path), DATA)


def test_the_last_line_needs_no_end(tmp_path):
    assert_same_data(read(saved(tmp_path / "x.csv", csv_text(DATA).rstrip("\n"))), DATA)


def test_quotes_spaces_blank_lines_and_whole_floats_are_read(tmp_path):
    lines = csv_text(DATA).splitlines()
    lines[0] = ", ".join(f'"{cell}"' for cell in lines[0].split(","))
    lines[3] = ",".join(f"{cell}.0" for cell in lines[3].split(","))
    path = saved(tmp_path / "x.csv", HEADER + "\n\n" + "\n\n".join(lines) + "\n\n\n")
    assert_same_data(read(path), DATA)


@pytest.mark.parametrize("header", ["", HEADER])
def test_the_label_column_may_be_the_last(tmp_path, header):
    header = ",".join([*header.split(",")[1:], "Class"]) if header else ""
    path = saved(tmp_path / "x.csv", csv_text(DATA, header, label_last=True))
    assert_same_data(read(path), DATA)


def test_blank_corners_are_not_taken_for_labels(tmp_path):
    """As in MNIST: the first and the last pixel are 0 in every image."""
    images = DATA.images.copy()
    images[:, 0, 0] = images[:, 27, 27] = 0
    data = Dataset(images, DATA.labels)
    for last in (False, True):
        path = saved(tmp_path / "x.csv", csv_text(data, label_last=last))
        assert_same_data(read(path), data)
    labels = DATA.labels.copy()
    labels[7] = 10  # the first column then holds a value that is no digit
    rows = np.column_stack([labels, images.reshape(-1, 784)]).tolist()
    path = saved(tmp_path / "x.csv", "\n".join(",".join(map(str, row)) for row in rows))
    found = read(path)
    assert found.classes == tuple(map(str, range(11)))
    assert found.labels.tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("row", "column", "cell", "message"),
    [
        (4, 0, "255", "line 6, column 1 (label) is '255'; expected a label: a whole number from 0"),
        (4, 0, "-1", "line 6, column 1 (label) is '-1'; expected a label: a whole number from 0"),
        (4, 0, "2.5", "is '2.5'; expected a label: a whole number from 0 to 254, or a word"),
        (4, 0, "three", "line 6, column 1 (label) is 'three', but other labels are numbers"),
        (4, 0, "nan", "is 'nan'; expected a label"),
        (4, 0, "x\x1b[31m", "is 'x\\x1b[31m'; expected a label"),
        (4, 0, "", "line 6, column 1 (label) is empty; expected a label"),
        (0, 17, "", "line 2, column 18 (pixel16) is empty; expected a whole number from 0 to 255"),
        (59, 784, " ", "line 61, column 785 (pixel783) is empty"),
        (5, 3, "256", "line 7, column 4 (pixel2) is '256'; expected a whole number from 0 to 255"),
        (5, 3, "99999", "is '99999'"),
        (5, 3, "-3", "is '-3'"),
        (5, 3, "0.4980392", "is '0.4980392'; expected a whole number from 0 to 255; multiply"),
        (5, 3, "12.5", "is '12.5'; expected a whole number"),
        (5, 3, "nan", "is 'nan'"),
        (5, 3, "inf", "is 'inf'"),
        (5, 3, "1_0", "is '1_0'"),
        (5, 3, "ink\x1b[31m", "is 'ink\\x1b[31m'"),
        (5, 3, "x" * 500, "is 'xxxxxxxxxxxxxxxxxxxx';"),
        (8, 3, None, "line 10 has 784 columns; expected 785"),
        (8, 3, "1,2", "line 10 has 786 columns; expected 785"),
    ],
)
def test_a_wrong_cell_is_named_with_its_place(tmp_path, row, column, cell, message):
    path = saved(tmp_path / "x.csv", changed(row, column, cell))
    assert message in refusal(path)


def test_lines_are_counted_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.text_blocks.BLOCK_BYTES", 4000)
    path = saved(tmp_path / "x.csv", changed(50, 3, "ink"))
    assert "line 52, column 4 (pixel2) is 'ink'" in refusal(path)
    path = saved(tmp_path / "x.csv", changed(50, 0, "1.1", header=False))
    assert "line 51, column 1 (label) is '1.1'" in refusal(path)
    path = saved(tmp_path / "x.csv", changed(50, 3, "999", header=False))
    assert "line 51, column 4 (pixel 2) is '999'" in refusal(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        ("\n\n", "an empty file"),
        (HEADER + "\n", "no rows below the header"),
        (
            "hello\n",
            "line 1 has 1 column; expected a label and a square number of pixels, such as 785",
        ),
        (csv_text(DATA).replace(",", ";"), "line 1 has 1 column; expected a label"),
        (",".join(["0"] * 786), "line 1 has 786 columns; expected a label and a square"),
        (HEADER.replace("label", "pixel"), "line 1 must name one label column label, labels"),
        (csv_text(DATA).encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("<!DOCTYPE html><p>Sign in", "it looks like an HTML page"),
        (b"\0" * 900, "not a text file"),
        (csv_text(DATA).encode() + b"\0" * 9, "not a text file: it has zero bytes"),
        (b"1," * 3_000_000, "a line of more than 1,048,576 bytes"),
    ],
)
def test_what_is_no_table_of_digits_is_refused(tmp_path, text, message):
    assert message in refusal(saved(tmp_path / "x.csv", text))


def test_a_test_file_without_labels_is_no_part_and_reading_it_says_why(tmp_path):
    kaggle_csv(tmp_path, DATA, tiny_test())
    rows = "\n".join(line.partition(",")[2] for line in csv_text(tiny_test(), HEADER).splitlines())
    saved(tmp_path / "test.csv", rows)
    for place in (tmp_path, tmp_path / "train.csv"):
        found = detect(place)
        assert found is not None
        assert found.parts == ("train",)
        with pytest.raises(FormatError, match=r"test.csv: no labels: 784 columns and no label"):
            found.read("test", "tiny")
    assert csv_parts(tmp_path / "test.csv") == ()
    with pytest.raises(FormatError, match=r"test.csv: no labels: 784 columns"):
        read_labelled(tmp_path / "test.csv")
    assert "no training part; a file train.csv" in refusal(tmp_path / "test.csv")


def test_external_images_are_the_test_file_or_all_images(tmp_path, caplog):
    kaggle_csv(tmp_path, DATA, tiny_test())
    assert_same_data(read_labelled(tmp_path), tiny_test())
    assert_same_data(read_labelled(tmp_path / "test.csv"), tiny_test())
    assert not caplog.messages
    whole = saved(tmp_path / "mine.csv", csv_text(DATA))
    assert_same_data(read_labelled(whole), DATA)
    assert caplog.messages == [f"{whole}: no test part; all its images are used"]


def test_a_folder_with_other_tables_holds_no_digits(tmp_path):
    saved(tmp_path / "train.csv", "id,price\n1,2\n")
    saved(tmp_path / "digits.csv", csv_text(DATA))
    assert find_csv(tmp_path) == tmp_path  # the only one with the columns of digits
    saved(tmp_path / "digits.csv", "id,price\n")
    assert find_csv(tmp_path) is None
    assert detect(tmp_path) is None


def test_a_packed_copy_is_passed_over(tmp_path):
    saved(tmp_path / "train.csv", csv_text(DATA))
    saved(tmp_path / "train.csv.gz", gzip.compress(b"1,2,3"))
    assert_same_data(read(tmp_path), DATA)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_cut_anywhere_is_refused(tmp_path, share, pack):
    whole = pack(csv_text(DATA).encode())
    path = saved(tmp_path / "x.csv.gz", whole[: int(share * len(whole))])
    refusal(path)


def test_memory_holds_the_images_and_one_block(tmp_path, monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.text_blocks.BLOCK_BYTES", 20_000)
    data = tiny_part(600, seed=3)
    path = saved(tmp_path / "x.csv", csv_text(data))
    tracemalloc.start()
    try:
        found = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert_same_data(found, data)
    # The text is 3.6 times as long as the images; a growing buffer may be copied once.
    assert peak < 2 * data.images.nbytes + 50 * 20_000 < path.stat().st_size + 50 * 20_000


def test_more_pixels_than_memory_should_hold_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.csv_table.MAX_UNPACKED", 10_000)
    path = saved(tmp_path / "x.csv", csv_text(DATA))
    assert "more than 10,000 pixels" in refusal(path)


def sized(side, labels, n=12, place=None):
    """Rows of `side` x `side` pixels with these labels in turn; place: their column, None: last."""
    rng = np.random.default_rng(side)
    images = rng.integers(20, 256, (n, side, side))
    rows = [[str(pixel) for pixel in row] for row in images.reshape(n, -1)]
    for number, row in enumerate(rows):
        row.insert(len(row) if place is None else place, str(labels[number % len(labels)]))
    return images, "\n".join(",".join(row) for row in rows)


@pytest.mark.parametrize("side", [7, 8, 16, 32])
def test_images_of_any_square_size_are_read(tmp_path, side):
    images, text = sized(side, [3, 1, 4], place=0)
    found = read(saved(tmp_path / "x.csv", text))
    np.testing.assert_array_equal(found.images, images)
    assert found.labels.tolist() == [3, 1, 4] * 4


@pytest.mark.parametrize("place", [0, None])
def test_words_are_classes_in_the_first_or_last_column(tmp_path, place):
    images, text = sized(8, ['"dog"', " cat", "dog"], place=place)
    found = read(saved(tmp_path / "x.csv", text))
    np.testing.assert_array_equal(found.images, images)
    assert found.classes == ("cat", "dog")
    assert found.labels.tolist() == [1, 0, 1] * 4


def test_a_header_may_name_a_label_column_in_the_middle(tmp_path):
    images, text = sized(8, [0, 1], place=5)
    names = [f"p{n}" for n in range(64)]
    header = ",".join([*names[:5], "Target", *names[5:]])
    found = read(saved(tmp_path / "x.csv", header + "\n" + text))
    np.testing.assert_array_equal(found.images, images)
    assert found.labels.tolist() == [0, 1] * 6
    short = text.replace("\n", "\n1,2,3\n", 1)
    assert "line 3 has 3 columns; expected 65" in refusal(
        saved(tmp_path / "x.csv", header + "\n" + short)
    )


def test_a_header_of_bare_numbers_is_one_beside_the_name_of_the_label(tmp_path):
    images, text = sized(8, [0, 1], place=0)
    path = saved(tmp_path / "x.csv", ",".join(["label", *map(str, range(64))]) + "\n" + text)
    np.testing.assert_array_equal(read(path).images, images)


def test_seventeen_grey_levels_are_scaled(tmp_path, caplog):
    rows = "\n".join(",".join(map(str, [*np.arange(64) % 17, n % 2])) for n in range(4))
    path = saved(tmp_path / "x.csv", rows)
    assert read(path).images[0, 0].tolist() == [0, 16, 32, 48, 64, 80, 96, 112]
    assert caplog.messages == [f"{path}: grey levels 0 to 16, scaled to 0 to 255"]


def test_more_labels_than_classes_are_possible_are_refused(tmp_path):
    _, text = sized(8, [f"word {n}" for n in range(300)], n=300, place=0)
    message = refusal(saved(tmp_path / "x.csv", text))
    assert "line 256, column 1 (label) is one more label than the 255" in message


def test_emnist_csv_files_have_their_characters(tmp_path):
    _, text = sized(28, [1, 26, 2], place=0)
    path = saved(tmp_path / "emnist-letters-train.csv", text)
    found = read(path)
    assert [found.classes[label] for label in found.labels[:3]] == ["a", "z", "b"]
    _, text = sized(28, [1, 27], place=0)
    path = saved(tmp_path / "emnist-letters-train.csv", text)
    assert "line 2, column 1 (label) is 27; labels are 1 to 26" in refusal(path)


def test_a_long_reading_reports_its_progress(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("digitnn.data.formats.csv_table._SECONDS_BETWEEN_LINES", -1.0)
    path = saved(tmp_path / "x.csv", csv_text(DATA))
    read(path)
    assert caplog.messages == [f"{path}: 60 images in 0 MB so far"]


def test_a_table_of_few_columns_is_no_data(tmp_path):
    saved(tmp_path / "iris.csv", "5.1,3.5,1.4,0.2,setosa\n" * 4)
    assert find_csv(tmp_path) is None
    assert "line 1 has 5 columns; expected a label and a square" in refusal(tmp_path / "iris.csv")
