"""A folder with a manifest is scored by kinds and by folders."""

import numpy as np
import pytest
from pictures import five
from PIL import Image

from benchmarks.beds.pictures import read_manifest, score
from digitnn.errors import PictureError
from digitnn.reader.reader import Reader, Reading

TEXTS = {"a/five.png": "5", "a/other.png": "?", "b/page.png": "12 3\n4", "b/broken.png": None}


class Fake(Reader):
    """Reads the text of `TEXTS` for a file; records which were read as one digit."""

    def read(self, source, single=False):
        name = "/".join(source.parts[-2:])
        SINGLE[name] = single
        if TEXTS[name] is None:
            raise PictureError(f"{name}: damaged")
        return Reading(TEXTS[name], ())


SINGLE: dict[str, bool] = {}


@pytest.fixture
def folder(tmp_path):
    for name in TEXTS:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(five(40)).save(path)
    lines = [
        "file,content,kind,licence",
        "a/five.png,5,drawn,mine",
        "a/other.png,7,drawn,mine",
        "b/page.png,12 3|5,photo,mine",
        "b/broken.png,,junk,mine",
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def fake():
    return Fake(lambda images: np.zeros((len(images), 11), np.float32))


def test_a_folder_is_scored_by_kinds_and_by_folders(folder):
    result, found = score(fake(), folder, read_manifest(folder))
    assert [answer.text for answer in found] == ["5", "?", "12 3\n4", ""]
    drawn, photo = result["kinds"]["drawn"], result["kinds"]["photo"]
    assert (drawn["right"], drawn["refused"], drawn["wrong"]) == (1, 1, 0)
    assert (photo["right"], photo["wrong"]) == (0, 1)
    assert photo["character_error_rate"] == pytest.approx(1 / 6)
    assert result["kinds"]["junk"]["accepted"] == 0
    assert [result["kinds"][kind]["digits"] for kind in ("drawn", "junk", "photo")] == [1, 1, 0]
    assert set(result["folders"]) == {"a", "b"}
    assert [one["file"] for one in result["misread"]] == ["a/other.png", "b/page.png"]


def test_only_pictures_of_one_digit_or_none_are_read_as_single(folder):
    score(fake(), folder, read_manifest(folder))
    assert SINGLE == {
        "a/five.png": True, "a/other.png": True, "b/page.png": False, "b/broken.png": True
    }  # fmt: skip


def test_all_pictures_are_read_alike_in_the_default_mode(folder):
    result, _ = score(fake(), folder, read_manifest(folder), default=True)
    assert result["default"]
    assert set(SINGLE.values()) == {False}


def test_a_manifest_without_its_columns_is_reported_in_one_line(tmp_path):
    (tmp_path / "manifest.csv").write_text("file,label\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"expected columns content, kind as well"):
        read_manifest(tmp_path)
    with pytest.raises(SystemExit, match=r"manifest\.csv: cannot be read"):
        read_manifest(tmp_path / "nowhere")
