"""Where pictures come from: folders, patterns, tables, tars, buckets; and their bad input."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bucket_server import KEY, SECRET, bucket_server
from pictures import as_png
from small_collections import fives, write_folder, write_table, write_tar

from digitnn.errors import CollectionError, PictureError
from digitnn.scaling.collections import tables
from digitnn.scaling.collections.inputs import find_sources
from digitnn.scaling.collections.items import SKIPPED
from digitnn.scaling.collections.places import Place

PNGS = [as_png(image) for image in fives(20)]


def items_of(*arguments, places=None, skip=()):
    """(path, content) of all pictures that the arguments name."""
    found = []
    for source in find_sources([str(argument) for argument in arguments]):
        selection = source.select(np.arange(len(source)) if places is None else np.array(places))
        assert len(selection) == (len(source) if places is None else len(places))
        found += [(item.path, item.content) for item in selection.items(skip)]
    return found


def test_a_folder_is_read_in_the_order_of_its_paths(tmp_path):
    folder = write_folder(tmp_path / "scans", PNGS[:11])
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(PNGS[0])
    write_folder(folder / "inner", PNGS[:2])
    assert items_of(folder) == [(f"{folder}/{k:04}.png", PNGS[k]) for k in range(11)]


def test_a_pattern_matches_as_in_a_shell(tmp_path, monkeypatch):
    write_folder(tmp_path / "a", PNGS[:2])
    write_folder(tmp_path / "a/b/c", PNGS[2:4])
    monkeypatch.chdir(tmp_path)

    def paths(pattern):
        return [path for path, _ in items_of(pattern)]

    assert paths("a/*.png") == ["a/0000.png", "a/0001.png"]
    assert paths("*/0001.png") == ["a/0001.png"]
    assert paths("**/0001.png") == ["a/0001.png", "a/b/c/0001.png"]
    assert paths("a/**/c/000[0-9].png") == ["a/b/c/0000.png", "a/b/c/0001.png"]
    assert paths(f"{tmp_path}/a/b/*/*1.png") == [f"{tmp_path}/a/b/c/0001.png"]


def test_a_name_that_is_not_utf_8_is_a_picture_like_others(tmp_path):
    folder = write_folder(tmp_path / "scans", PNGS[:1])
    name = os.fsdecode(b"\xff.png")
    try:
        (folder / name).write_bytes(PNGS[1])
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    expected = [(f"{folder}/0000.png", PNGS[0]), (f"{folder}/{name}", PNGS[1])]
    assert items_of(folder) == items_of(f"{folder}/**/*") == expected
    assert items_of(folder / name) == expected[1:]


def test_links_are_followed_but_not_in_circles(tmp_path):
    folder = write_folder(tmp_path / "scans", PNGS[:1])
    other = write_folder(tmp_path / "other", PNGS[1:2])
    (folder / "linked").symlink_to(other)
    (folder / "back").symlink_to(tmp_path)
    (folder / "itself").symlink_to(folder)
    (folder / "nothing.png").symlink_to("nowhere")
    (folder / "loop.png").symlink_to("loop.png")
    expected = [(f"{folder}/0000.png", PNGS[0]), (f"{folder}/linked/0000.png", PNGS[1])]
    back = [(f"{folder}/back/other/0000.png", PNGS[1])]
    assert items_of(f"{folder}/**/*.png") == expected[:1] + back + expected[1:]


def test_a_file_that_vanished_is_an_error_of_its_row(tmp_path):
    folder = write_folder(tmp_path / "scans", PNGS[:3])
    (source,) = find_sources([str(folder)])
    (folder / "0001.png").unlink()
    contents = [item.content for item in source.select(np.arange(3)).items(())]
    assert contents[0] == PNGS[0]
    assert isinstance(contents[1], PictureError)
    assert str(contents[1]) == f"{folder}/0001.png: no such file"
    assert contents[2] == PNGS[2]


@pytest.mark.parametrize("rows_at_once", [1, 3, 64])
def test_rows_of_a_table_are_found_in_any_row_group(tmp_path, monkeypatch, rows_at_once):
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", rows_at_once)
    path = write_table(tmp_path / "train.parquet", PNGS, group=7)
    assert items_of(path) == [(f"{k}.png", PNGS[k]) for k in range(20)]
    for places in (
        [0],
        [6, 7],
        [4],
        [1],
        [3, 4, 13, 14, 19],
        [19],
        [15],
        [2, 18],
    ):  # forwards and back again
        assert items_of(path, places=places) == [(f"{k}.png", PNGS[k]) for k in places]


def test_a_table_without_names_gives_row_numbers(tmp_path):
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"label": [5, 5], "picture": PNGS[:2]}), path)
    assert items_of(path) == [(f"{path}#0", PNGS[0]), (f"{path}#1", PNGS[1])]


def test_the_column_of_paths_names_plain_binary(tmp_path):
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"scan": PNGS[:2], "path": ["a.png", None]}), path)
    assert items_of(path) == [("a.png", PNGS[0]), (f"{path}#1", PNGS[1])]


@pytest.mark.parametrize("kind", ["list", "binary"])
def test_pixels_in_a_table_are_images(tmp_path, kind):
    flat = np.stack(fives(3)).reshape(3, -1)
    column = (
        pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), 784)
        if kind == "list"
        else pa.array([row.tobytes() for row in flat], pa.binary(784))
    )
    path = tmp_path / "pixels.parquet"
    pq.write_table(pa.table({"image": column}), path)
    found = [content for _, content in items_of(path)]
    np.testing.assert_array_equal(np.stack(found), fives(3))


@pytest.mark.parametrize("kind", [pa.list_(pa.uint8(), 784), pa.binary(784)])
def test_null_pixels_in_a_table_are_errors_of_their_rows(tmp_path, kind):
    cells = [list(one.reshape(-1).tolist()) for one in fives(5)]
    cells[1] = cells[3] = None
    if kind == pa.binary(784):
        cells = [cell and bytes(cell) for cell in cells]
    else:
        cells[4][400] = None
    path = tmp_path / "pixels.parquet"
    pq.write_table(pa.table({"image": pa.array(cells, kind)}), path, row_group_size=2)
    found = [content for _, content in items_of(path)]
    errors = [k for k, content in enumerate(found) if isinstance(content, PictureError)]
    assert errors == ([1, 3] if kind == pa.binary(784) else [1, 3, 4])
    for k in {0, 1, 2, 3, 4} - set(errors):
        np.testing.assert_array_equal(found[k], fives(5)[k])


def test_a_null_in_a_table_is_an_error_of_its_row(tmp_path):
    path = write_table(tmp_path / "train.parquet", [PNGS[0], None, PNGS[2]])
    (_, first), (name, second), _ = items_of(path)
    assert first == PNGS[0]
    assert name == "1.png"
    assert isinstance(second, PictureError)
    assert str(second) == "1.png: the row holds no bytes"


def test_a_tar_gives_its_pictures_alone(tmp_path):
    members = [("a/0.png", PNGS[0]), ("a/0.cls", b"5"), ("a/1.PNG", PNGS[1]), ("a/1.json", b"{}")]
    path = write_tar(tmp_path / "shard-000.tar", members)
    assert items_of(path) == [("a/0.png", PNGS[0]), ("a/1.PNG", PNGS[1])]
    assert items_of(path, places=[1]) == [("a/1.PNG", PNGS[1])]


def test_what_is_skipped_is_not_read_but_keeps_its_place(tmp_path):
    folder = write_folder(tmp_path / "scans", PNGS[:3])
    table = write_table(tmp_path / "t.parquet", PNGS[:3])
    tar = write_tar(tmp_path / "t.tar", [(f"{k}.png", PNGS[k]) for k in range(3)])
    for argument in (folder, table, tar):
        assert [content for _, content in items_of(argument, skip={1})] == [
            PNGS[0],
            SKIPPED,
            PNGS[2],
        ]


def test_a_folder_of_mixed_files_gives_pictures_then_tables_and_tars(tmp_path):
    folder = write_folder(tmp_path / "mixed", PNGS[:2])
    write_tar(folder / "b.tar", [("in.png", PNGS[3])])
    write_table(folder / "a.parquet", [PNGS[4]])
    assert [content for _, content in items_of(folder)] == [*PNGS[:2], PNGS[4], PNGS[3]]


def no_tar(folder):
    (folder / "x.tar").write_bytes(b"hello" * 300)
    return "x.tar: not a tar (begins 68 65 6c 6c)"


def compressed(folder):
    (folder / "x.tar.gz").write_bytes(b"\x1f\x8b" + bytes(3000))
    return "not a tar (begins 1f 8b 00 00); decompress it first"


def empty_tar(folder):
    (folder / "x.tar").write_bytes(b"")
    return "not a tar (begins with nothing: 0 bytes)"


def truncated_in_a_picture(folder):
    whole = write_tar(folder / "x.tar", [("0.png", PNGS[0]), ("1.png", bytes(9000))])
    whole.write_bytes(whole.read_bytes()[:5000])
    return "truncated in 1.png: expected "


def damaged_header(folder):
    whole = write_tar(folder / "x.tar", [("0.png", PNGS[0]), ("1.png", PNGS[1])])
    data = bytearray(whole.read_bytes())
    data[1024:1400] = b"\x07" * 376
    whole.write_bytes(data)
    return "truncated or damaged after 0.png"


def tar_of_texts(folder):
    write_tar(folder / "x.tar", [("0.txt", b"5")])
    return "a tar without pictures"


def no_table(folder):
    (folder / "x.parquet").write_bytes(b"hello" * 300)
    return "x.parquet: cannot be read ("


def table_of_labels(folder):
    pq.write_table(pa.table({"label": [5], "text": ["five"]}), folder / "x.parquet")
    return (
        "expected a column of pictures, image.bytes as on the Hugging Face hub or one of binary, "
    )


def table_of_two(folder):
    pq.write_table(pa.table({"left": [b"5"], "right": [b"5"]}), folder / "x.parquet")
    return "got several (left: binary, right: binary)"


def only_texts(folder):
    (folder / "x.txt").write_text("5")
    return "no picture, Parquet file or tar among 1 files; those of subfolders are '"


@pytest.mark.parametrize(
    "damage",
    [no_tar, compressed, empty_tar, truncated_in_a_picture, damaged_header, tar_of_texts, no_table,
     table_of_labels, table_of_two, only_texts],
    ids=lambda damage: damage.__name__,
)  # fmt: skip
def test_a_bad_input_is_one_line_that_names_it(tmp_path, damage):
    message = damage(tmp_path)
    with pytest.raises(CollectionError) as raised:
        find_sources([str(tmp_path)])
    assert message in str(raised.value)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("missing", "missing: no such file or folder"),
        ("missing/*.png", "missing/*.png: no file's path is of this pattern"),
        ("ftp://host/x", "ftp://...: expected a path, or a URI of s3://, gs://"),
    ],
)
def test_an_input_that_is_not_there_is_named(tmp_path, monkeypatch, argument, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CollectionError) as raised:
        find_sources([argument])
    assert message in str(raised.value)


def bucket(path, options):
    return f"s3://{KEY}:{SECRET}@{path}{options}"


def test_a_bucket_is_read_like_a_folder(tmp_path):
    table = write_table(tmp_path / "t.parquet", PNGS[:3]).read_bytes()
    tar = write_tar(tmp_path / "t.tar", [("0.png", PNGS[5])]).read_bytes()
    objects = {
        "scans/new/0.png": PNGS[0], "scans/new/1.png": PNGS[1], "scans/new/t.parquet": table,
        "scans/new/t.tar": tar, "scans/old/0.png": PNGS[9],
    }  # fmt: skip
    with bucket_server(objects) as options:
        assert items_of(bucket("scans/new", options)) == [
            ("s3://scans/new/0.png", PNGS[0]),
            ("s3://scans/new/1.png", PNGS[1]),
            *[(f"{k}.png", PNGS[k]) for k in range(3)],
            ("0.png", PNGS[5]),
        ]
        found = items_of(bucket("scans/**/0.png", options))
        assert found == [("s3://scans/new/0.png", PNGS[0]), ("s3://scans/old/0.png", PNGS[9])]


def test_a_bucket_without_rights_is_named_without_credentials():
    with bucket_server({}, allowed=False) as options, pytest.raises(CollectionError) as raised:
        find_sources([bucket("scans/new", options)])
    message = str(raised.value)
    assert message.startswith("s3://scans/new: cannot be read (")
    assert "ACCESS_DENIED" in message
    assert KEY not in message
    assert SECRET not in message


def test_a_place_in_a_bucket_shows_no_credentials():
    place = Place.of("s3://key:se%2Fcret@scans/new/a.png?region=us-east-1")
    assert place.show == "s3://scans/new/a.png"
    assert place.without_credentials("key and se/cret and se%2Fcret") == "... and ... and ..."
