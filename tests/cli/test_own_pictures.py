"""Train from a folder of pictures: how they are fitted, and that a run remembers it."""

import json

import numpy as np
import pytest
from commands import assert_one_error_line
from digit_files import write_parquet
from PIL import Image

from digitnn.data.fetch.sources import find, find_on_disk
from digitnn.data.formats.notes import tell
from digitnn.data.formats.picture_folder import read_picture_folder
from digitnn.data.formats.picture_options import PictureOptions
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.input.opening import Picture

N = 48


@pytest.fixture
def photos(digitnn, digits):
    """Digits off the centre of larger grey sheets, dark on light, as a camera sees them."""
    tell.cache_clear()  # all tests have a folder of this name
    folder = digitnn.folder / "photos"
    rng = np.random.default_rng(0)
    for n, (image, label) in enumerate(zip(digits.images[:N], digits.labels[:N], strict=True)):
        sheet = np.full((120, 160), 190.0)
        y, x = rng.integers(0, 64, 2)
        large = np.asarray(Image.fromarray(image).resize((56, 56)), np.float64)
        sheet[y : y + 56, x : x + 56] -= 160 * large / 255
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(sheet.astype(np.uint8)).save(folder / str(label) / f"{n}.png")
    return folder


def train(digitnn, *options, out="run"):
    command = ("train", "classic", "--data-dir", "photos", "--epochs", "2", "--out", out)
    return digitnn(*command, "--threads", "1", *options)


def test_a_run_on_pictures_remembers_how_they_were_fitted(digitnn, photos, caplog):
    done = train(digitnn, "--fit", "digit")
    assert done.code == 0, done.err
    assert "photos: 48 pictures of 48 train: fitted by 'digit' to 28 x 28" in caplog.messages
    data = json.loads((digitnn.folder / "run" / "recipe.json").read_text())["data"]
    assert data["pictures"] == {"fit": "digit"}
    assert (data["train"]["n"], data["valid"]["n"]) == (40, 8)
    done = digitnn("evaluate", "run", "--data-dir", "photos", "--json")
    assert done.code == 0, done.err  # the fingerprint of the images is that of the run
    other = train(digitnn, out="other")
    assert other.code == 0
    data = json.loads((digitnn.folder / "other" / "recipe.json").read_text())["data"]
    assert "pictures" not in data


def test_resuming_with_another_fit_is_an_error_that_names_it(digitnn, photos):
    assert train(digitnn, "--fit", "stretch").code == 0
    done = train(digitnn, "--fit", "stretch", "--resume")
    assert (done.code, done.out.strip()) == (0, "run")
    done = train(digitnn, "--fit", "crop", "--resume")
    assert_one_error_line(done, 1, 'data.pictures.fit was "stretch" and is "crop"')


def test_the_digit_is_found_as_the_reader_finds_it(digitnn, photos):
    assert digitnn("data", "info", "--data-dir", "photos", "--fit", "digit", "--json").code == 0
    path = sorted(photos.glob("*/*.png"), key=lambda path: int(path.stem))[0]
    expected = normalise(Picture(np.asarray(Image.open(path)), "x")).image
    found = read_picture_folder(photos, "train", "x", PictureOptions("digit"))
    np.testing.assert_array_equal(found.images[0], expected)
    assert found.images[:, 0].max() == 0  # paper is 0, though no polarity was guessed


def test_pictures_that_cannot_be_read_are_named_or_skipped(digitnn, photos, caplog):
    (photos / "3" / "bad.jpg").write_text("<html>")
    Image.new("L", (90, 90), 200).save(photos / "3" / "blank.png")
    done = train(digitnn, "--fit", "digit")
    assert_one_error_line(
        done, 1, "2 of 50 pictures cannot be read", "blank.png: no ink", "--skip-bad"
    )
    assert not (digitnn.folder / "run").exists()
    done = train(digitnn, "--fit", "digit", "--skip-bad")
    assert done.code == 0, done.err
    assert any("2 of 50 pictures left out" in note for note in caplog.messages)
    about = json.loads((digitnn.folder / "run" / "recipe.json").read_text())
    assert about["data"]["pictures"] == {"fit": "digit", "skip_bad": True}
    assert digitnn("evaluate", "run", "--data-dir", "photos").code == 0


def test_options_of_pictures_are_refused_for_other_data(digitnn):
    done = digitnn("train", "classic", "--fit", "crop", "--out", "run")
    assert_one_error_line(done, 2, "--fit and --skip-bad take effect on pictures only", "IDX files")
    assert not (digitnn.folder / "run").exists()


def test_classes_of_any_names_are_trained_and_evaluated_on_another_folder(digitnn, digits):
    for part, which in (("train", slice(0, 60)), ("test", slice(60, 90))):
        for n, image in enumerate(digits.images[which]):
            name = ("even", "odd")[int(digits.labels[which][n]) % 2]
            (digitnn.folder / "mine" / part / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(digitnn.folder / "mine" / part / name / f"{n}.png")
    train_one = ("train", "classic", "--epochs", "2", "--threads", "1", "--data-dir", "mine")
    assert digitnn(*train_one, "--out", "run").code == 0
    network = json.loads((digitnn.folder / "run" / "network.json").read_text())
    assert network["labels"] == ["even", "odd"]
    done = digitnn("evaluate", "run", "--data-dir", "mine", "--split", "test", "--json")
    assert done.json()["n"] == 30
    (digitnn.folder / "mine" / "test" / "odd").rename(digitnn.folder / "mine" / "test" / "strange")
    done = digitnn("evaluate", "run", "--data-dir", "mine", "--split", "test")
    assert_one_error_line(done, 1, "the class 'strange' is not among those of")


def test_parquet_is_trained_on_and_inspected(digitnn, digits):
    folder = digitnn.folder / "hub"
    folder.mkdir()
    write_parquet(folder / "train-00000-of-00001.parquet", digits[:60])
    write_parquet(folder / "test-00000-of-00001.parquet", digits[60:80])
    done = digitnn("inspect", "hub", "--json").json()
    assert done["kind"] == "parquet-folder"
    assert [array["shape"] for array in done["arrays"]] == [[60], [60], [20], [20]]
    single = digitnn("inspect", "hub/train-00000-of-00001.parquet").out
    assert single.splitlines()[0].endswith("parquet, 2 arrays")
    done = digitnn("train", "classic", "--epochs", "1", "--data-dir", "hub", "--out", "run")
    assert done.code == 0, done.err
    assert "using the Parquet files in hub" in done.err


def test_folders_of_other_pictures_in_the_default_place_are_not_taken_for_data(digitnn):
    data = digitnn.folder / "data"
    for file in data.iterdir():
        file.unlink()
    for name in ("holiday", "family"):
        (data / name).mkdir()
        Image.new("L", (28, 28)).save(data / name / "1.png")
    assert find_on_disk("mnist") is None
    named = find("mnist", data)  # by --data-dir
    assert (named.path, named.format.name) == (data, "png")
    for name, digit in (("holiday", "1"), ("family", "2")):
        (data / name).rename(data / digit)
    digits = find_on_disk("mnist")
    assert digits is not None
    assert digits.path.resolve() == data.resolve()
