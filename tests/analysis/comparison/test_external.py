"""Labelled images from elsewhere: QMNIST's files and others, read, told apart, noted, refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line

from digitnn.analysis.comparison import external_data as external
from digitnn.analysis.comparison.external_data import count_shared, evaluate_qmnist_parts
from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx, write_idx_folder
from digitnn.data.formats.labelled import read_labelled
from digitnn.data.formats.npz import write_npz
from digitnn.errors import FormatError, UsageError
from digitnn.evaluation.statistics import wilson_interval

pytestmark = pytest.mark.slow

IMAGES, LABELS = "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"


def moved(digits: Dataset, n: int = 90) -> Dataset:
    """Digits that lie in no split: a level is changed in a corner."""
    images = digits.images[:n].copy()
    images[:, 27, 27] ^= 1
    return Dataset(images, digits.labels[:n], "elsewhere")


def in_columns(labels: np.ndarray) -> np.ndarray:
    """As QMNIST keeps them: the digit, then numbers that are none."""
    others = np.random.default_rng(3).integers(-1, 300_000, (len(labels), 7))
    return np.column_stack([labels, others]).astype(np.int32)


def write_qmnist(folder: Path, data: Dataset, suffix: str = ".gz") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / (IMAGES + suffix)
    write_idx(path, data.images, suffix == ".gz")
    write_idx(folder / (LABELS + suffix), in_columns(data.labels), suffix == ".gz")
    return path


@pytest.fixture
def run(digitnn: CommandLine) -> Path:
    assert digitnn("train", "classic", "--epochs", "2", "--out", "run").code == 0
    return Path("run")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_qmnist_is_loaded_by_its_images_or_its_folder(suffix, digits, tmp_path):
    path = write_qmnist(tmp_path / "q", moved(digits), suffix)
    for found in (read_labelled(path), read_labelled(path.parent)):
        np.testing.assert_array_equal(found.images, moved(digits).images)
        np.testing.assert_array_equal(found.labels, digits.labels[:90])
        assert found.labels.dtype == np.uint8
        assert found.name == path.name


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4"])
def test_integer_labels_are_found_next_to_the_images_or_by_name(dtype, digits, tmp_path):
    images = tmp_path / "my-images-idx3-ubyte"
    write_idx(images, digits.images[:20])
    for labels in (tmp_path / "other", tmp_path / "my-labels-idx1-ubyte.gz"):
        write_idx(labels, digits.labels[:20].astype(dtype))
        found = read_labelled(images, None if "my" in labels.name else labels)
        np.testing.assert_array_equal(found.labels, digits.labels[:20])


def test_the_test_part_of_other_formats_is_loaded(digits, tmp_path):
    write_npz(tmp_path / "mine.npz", digits[:30], digits[30:70])
    write_idx_folder(tmp_path, digits[:30], digits[30:70])
    for path, name in ((tmp_path / "mine.npz", "mine.npz"), (tmp_path, tmp_path.name)):
        found = read_labelled(path)
        np.testing.assert_array_equal(found.labels, digits.labels[30:70])
        assert found.name == name
        with pytest.raises(UsageError, match="has its own"):
            read_labelled(path, tmp_path / "labels")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:, :3], r"n x 8 int32 as QMNIST's, got int32 of shape \(20, 3\)"),
        (lambda rows: rows.astype(np.int16), r"got int16 of shape \(20, 8\)"),
        (lambda rows: rows[:, 0].astype(np.float32), r"got float32 of shape \(20,\)"),
        (lambda rows: rows[:, :, None], r"got int32 of shape \(20, 8, 1\)"),
        (lambda rows: rows + np.int32(10), "label 0 is 1[0-9]; labels are 0 to 9"),
        (lambda rows: rows - np.int32(10), "label 0 is -[0-9]+; labels are 0 to 9"),
    ],
)
def test_labels_that_are_not_digits_are_rejected_by_name(change, message, digits, tmp_path):
    path = write_qmnist(tmp_path, digits[:20])
    rows = np.asarray(change(in_columns(digits.labels[:20])))
    labels = tmp_path / "labels"
    write_idx(labels, rows.astype(np.int32) if rows.dtype == np.int64 else rows)
    with pytest.raises(FormatError, match=f"^{labels}: .*{message}"):
        read_labelled(path, labels)


def test_external_evaluations_are_recorded_apart_from_the_splits(
    digitnn: CommandLine, run: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external, "QMNIST_IMAGES", 90)
    monkeypatch.setattr(external, "REBUILT_IMAGES", 30)
    write_qmnist(Path("q"), moved(digits))
    found = digitnn("evaluate", "run", "--on", f"q/{IMAGES}.gz", "--json").json()
    assert (found["split"], found["reads"], found["test_reads"], found["n"]) == (
        "external",
        1,
        0,
        90,
    )
    assert found["shared"] == {"train": 0, "valid": 0, "test": 0}
    assert found["data"] == {"name": f"{IMAGES}.gz", "sha256": moved(digits).fingerprint()}
    assert [(one["name"], one["n"]) for one in found["qmnist"]] == [("rebuilt", 30), ("lost", 60)]
    assert sum(one["errors"] for one in found["qmnist"]) == found["errors"]
    assert not found["tempered"]["in_sample"]
    (noted,) = json.loads((run / "report.json").read_text())["readings"]
    assert (noted["split"], noted["data"]) == ("external", found["data"])
    assert noted["shared"] == found["shared"]

    assert digitnn("evaluate", "run", "--split", "test", "--json").json()["test_reads"] == 1
    told = digitnn("evaluate", "run", "--on", "q")
    assert "this run has been evaluated on these images 2 times" in told.out
    assert "MNIST's test digits rebuilt: " in told.out
    assert "\nthe lost digits: " in told.out
    again = digitnn("evaluate", "run", "--split", "test", "--json").json()
    assert (again["reads"], again["test_reads"]) == (2, 2)
    write_qmnist(Path("other"), moved(digits, 60))
    other = digitnn("evaluate", "run", "--on", "other", "--json").json()
    assert (other["reads"], other["test_reads"], other["qmnist"]) == (1, 2, [])


def test_an_external_evaluation_affects_neither_ranking_nor_comparison(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    write_qmnist(Path("q"), moved(digits))
    assert digitnn("evaluate", "run", "--on", "q").code == 0
    done = digitnn("leaderboard", "run", "--split", "test")
    assert_one_error_line(done, 1, "nothing to rank on test", "never evaluated on test")
    assert digitnn("evaluate", "run", "--split", "test").code == 0
    tested = digitnn("leaderboard", "run", "--split", "test", "--json").json()
    valid = digitnn("leaderboard", "run", "--json").json()
    assert digitnn("evaluate", "run", "--on", "q").code == 0
    # the newest reading is of other data: the figures, and what they are of, stay
    assert digitnn("leaderboard", "run", "--split", "test", "--json").json() == tested
    assert digitnn("leaderboard", "run", "--json").json() == valid
    assert tested["standings"][0]["test_reads"] == 1
    assert digitnn("compare", "run", "classic", "--epochs", "1").code == 0


def test_shared_images_are_counted_and_a_runs_own_splits_rejected(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    write_idx_folder(Path("mixed"), digits[:1], digits[395:485])  # 5 train, 80 validate, 5 test
    told = digitnn("evaluate", "run", "--on", "mixed")
    assert "\n5 of these images are also in the run's train split\n" in told.out
    assert "\n80 of these images are also in the run's valid split\n" in told.out
    assert "\n5 of these images are also in the run's test split\n" in told.out
    write_idx_folder(Path("one"), digits[:1], moved(digits, 30) + digits[500:501])
    one = digitnn("evaluate", "run", "--on", "one", "--json").json()
    assert one["shared"] == {"train": 0, "valid": 0, "test": 1}
    done = digitnn("evaluate", "run", "--on", "data")
    assert_one_error_line(done, 2, "data holds exactly the images that --split test evaluates")
    with pytest.raises(UsageError, match="the run was trained on"):
        count_shared(digits, {"train": digits})
    assert len(json.loads((run / "report.json").read_text())["readings"]) == 2


def test_only_the_complete_qmnist_has_two_parts(digits, monkeypatch):
    named = Dataset(digits.images[:40], digits.labels[:40], IMAGES)
    assert evaluate_qmnist_parts(named, named.labels) == ()
    monkeypatch.setattr(external, "QMNIST_IMAGES", 40)
    monkeypatch.setattr(external, "REBUILT_IMAGES", 30)
    assert evaluate_qmnist_parts(Dataset(named.images, named.labels, "images"), named.labels) == ()
    predictions = named.labels.copy()
    predictions[[3, 29, 30]] ^= 1
    rebuilt, lost = evaluate_qmnist_parts(named, predictions)
    assert (rebuilt.n, rebuilt.errors, lost.n, lost.errors) == (30, 2, 10, 1)
    assert (rebuilt.accuracy, lost.accuracy) == (28 / 30, 0.9)
    assert rebuilt.interval == wilson_interval(28, 30)


def test_bad_files_and_options_are_an_error_of_one_line(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    q = str(write_qmnist(Path("q"), moved(digits)))
    write_idx(Path("large-images-idx3-ubyte"), np.zeros((5, 32, 32), np.uint8))
    write_idx(Path("large-labels-idx1-ubyte"), np.zeros(5, np.uint8))
    write_idx(Path("no-images-idx3-ubyte"), digits.images[:0])
    write_idx(Path("no-labels-idx1-ubyte"), digits.labels[:0])
    write_idx(Path("alone-images-idx3-ubyte"), digits.images[:2])
    # named as an image file of a folder that holds other data: not those
    (Path("data") / "page-images-idx3-ubyte").write_text("<html>404</html>")
    for code, options, words in (
        (1, ["--on", "nothing"], ["nothing: No such file"]),
        (1, ["--on", "."], ["holds no labelled images"]),
        (
            1,
            ["--on", "large-images-idx3-ubyte"],
            ["large-", "32 x 32 pixels, but run takes images of 28 x 28"],
        ),
        (1, ["--on", "no-images-idx3-ubyte"], ["no-images", "no images to evaluate on"]),
        (1, ["--on", "alone-images-idx3-ubyte"], ["no labels next to it", "--labels"]),
        (1, ["--on", "data/page-images-idx3-ubyte"], ["page-images", "an HTML page"]),
        (1, ["--on", f"q/{LABELS}.gz"], ["got int32 of shape (90, 8)"]),
        (1, ["--on", q, "--labels", "large-labels-idx1-ubyte"], ["5 labels for 90 images"]),
        (2, ["--on", q, "--split", "test"], ["give only one of them"]),
        (2, ["--labels", "large-labels-idx1-ubyte"], ["--on"]),
    ):
        assert_one_error_line(digitnn("evaluate", "run", *options), code, *words)
    assert not (run / "report.json").exists()
