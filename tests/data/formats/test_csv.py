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
    labels[7] = 10  # the first column then holds a value that is no label
    rows = np.column_stack([labels, images.reshape(-1, 784)]).tolist()
    path = saved(tmp_path / "x.csv", "\n".join(",".join(map(str, row)) for row in rows))
    assert "line 8, column 1 (label) is 10; labels are 0 to 9" in refusal(path)


@pytest.mark.parametrize(
    ("row", "column", "cell", "message"),
    [
        (4, 0, "10", "line 6, column 1 (label) is 10; labels are 0 to 9"),
        (4, 0, "-1", "line 6, column 1 (label) is '-1'; expected a label from 0 to 9"),
        (4, 0, "three", "column 1 (label) is 'three'; expected a label from 0 to 9"),
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
    path = saved(tmp_path / "x.csv", changed(50, 0, "11", header=False))
    assert "line 51, column 1 (label) is 11" in refusal(path)
    path = saved(tmp_path / "x.csv", changed(50, 3, "999", header=False))
    assert "line 51, column 4 (pixel 2) is '999'" in refusal(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        ("\n\n", "an empty file"),
        (HEADER + "\n", "no rows below the header"),
        ("hello\n", "line 1 has 1 column; expected 785 (a label and 784 pixels) or 784"),
        (csv_text(DATA).replace(",", ";"), "line 1 has 1 column; expected 785"),
        (",".join(["0"] * 786), "line 1 has 786 columns; expected 785"),
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
