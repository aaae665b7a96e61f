"""Parquet files of pictures: columns, names of classes, labels, and what is wrong with them."""

import numpy as np
import pytest
from digit_files import NAMED, png_bytes, write_parquet
from tiny_collection import assert_same_data, tiny_test, tiny_train

from digitnn.data.formats.parquet_files import read_parquet
from digitnn.data.formats.picture_options import PictureOptions
from digitnn.data.formats.storage import detect
from digitnn.errors import FormatError, MissingExtraError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def saved(folder, **columns):
    path = folder / "train.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def pictures(n=4):
    return [png_bytes(image) for image in tiny_train().images[:n]]


def refusal(path):
    with pytest.raises(FormatError) as raised:
        read_parquet(path, "train", "tiny")
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_parts_may_be_folders(tmp_path):
    for part, data in (("train", tiny_train()), ("test", tiny_test())):
        (tmp_path / part).mkdir()
        write_parquet(tmp_path / part / "0.parquet", data)
    found = detect(tmp_path)
    assert found is not None
    assert found.parts == ("train", "test")
    assert_same_data(found.read("test", "tiny"), tiny_test())


def test_labels_may_be_words(tmp_path):
    path = saved(tmp_path, img=pictures(), label=["dog", "cat", "dog", "cat"])
    found = read_parquet(path, "train", "x")
    assert (found.classes, found.labels.tolist()) == (("cat", "dog"), [1, 0, 1, 0])


def test_pictures_of_other_sizes_are_fitted_and_bad_ones_skipped(tmp_path, caplog):
    wide = np.zeros((28, 56), np.uint8)
    wide[:, 14:42] = 200
    content = [png_bytes(wide), b"no picture", None, pictures()[0]]
    path = saved(tmp_path, image=content, label=[1, 2, 3, 4])
    message = refusal(path)
    assert "2 of 4 pictures cannot be read" in message
    assert "row 1: not a picture" in message
    assert "row 2: not a picture: it looks like an empty file" in message
    found = read_parquet(path, "train", "x", PictureOptions("crop", skip_bad=True))
    assert found.labels.tolist() == [1, 4]
    assert found.images[0].min() == 200
    assert any("2 of 4 pictures left out" in note for note in caplog.messages)


def test_missing_columns_are_refused_with_those_found(tmp_path):
    assert "no column label or labels; found image (binary), digits (int64)" in refusal(
        saved(tmp_path, image=pictures(), digits=[1, 2, 3, 4])
    )
    assert "no column image or img; found text (string), label (int64)" in refusal(
        saved(tmp_path, text=["a", "b"], label=[1, 2])
    )
    assert "the column image holds string; expected the bytes of pictures" in refusal(
        saved(tmp_path, image=["a.png", "b.png"], label=[1, 2])
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, None, 3, 4], "1 rows have no label"),
        ([1.5, 2.0, 3.0, 4.0], "label must be integers or text"),
        ([-1, -1, -1, -1], "label 0 is -1"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path, labels, message):
    assert message in refusal(saved(tmp_path, image=pictures(), label=labels))


def test_a_file_without_rows_is_refused(tmp_path):
    columns = {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}
    assert "holds no rows" in refusal(saved(tmp_path, **columns))


def test_a_label_that_the_metadata_do_not_name_is_refused(tmp_path):
    write_parquet(tmp_path / "train.parquet", tiny_train(), names=NAMED)
    assert "label 0 is 7; labels are 0 to 3 (boot to shirt)" in refusal(tmp_path / "train.parquet")


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_refused(tmp_path, share):
    path = saved(tmp_path, image=pictures(), label=[1, 2, 3, 4])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "damaged Parquet file" in refusal(path)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path, image=pictures(), label=[1, 2, 3, 4])
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'digitnn\[tables\]'"):
        read_parquet(path, "train", "x")
