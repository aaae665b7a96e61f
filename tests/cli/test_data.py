"""`digitnn data`: fetch, info, export, on the small data set in ./data."""

import hashlib
import json

import numpy as np
import pytest
import scipy.io
from commands import CommandLine, assert_one_error_line
from tiny_collection import assert_same_data

from digitnn.data.dataset import split
from digitnn.data.formats.storage import EXPORT_FORMATS, read_part


def test_fetch_prints_the_path_of_the_data_and_their_format(digitnn):
    done = digitnn("data", "fetch")
    assert (done.code, done.out) == (0, "data\n")
    assert done.err == "mnist: using the IDX files in data\n"


def test_fetch_prints_one_object_for_programs(digitnn):
    assert digitnn("data", "fetch", "--json").json() == {
        "schema": 1,
        "collection": "mnist",
        "path": "data",
        "format": "idx",
        "parts": ["train", "test"],
    }


def test_fetch_of_an_unknown_collection_is_a_wrong_usage(digitnn):
    assert_one_error_line(digitnn("data", "fetch", "kmnist"), 2, "kmnist", "mnist, fashion-mnist")


def test_info_counts_every_split_and_measures_the_training_pixels(digitnn, digits):
    told = digitnn("data", "info", "--json").json()
    train, valid = split(digits[:480], 80)
    assert (told["schema"], told["format"], told["split_seed"]) == (1, "idx", None)
    assert told["pixel_mean"] == pytest.approx(train.images.mean(), rel=1e-12)
    assert told["pixel_std"] == pytest.approx(train.images.std(), rel=1e-9)
    expected = {"train": train, "valid": valid, "test": digits[480:]}
    assert list(told["splits"]) == list(expected)
    assert told["classes"] == list("0123456789")
    for name, data in expected.items():
        counts = [int((data.labels == digit).sum()) for digit in range(10)]
        assert told["splits"][name] == {
            "n": len(data),
            "image_shape": [28, 28],
            "counts": counts,
            "fingerprint": data.fingerprint(),
        }


def test_a_seed_shuffles_the_split_but_not_the_test_part(digitnn, digits):
    plain = digitnn("data", "info", "--json").json()["splits"]
    told = digitnn("data", "info", "--seed", "3", "--json").json()
    train, _ = split(digits[:480], 80, shuffle_seed=3)
    assert told["split_seed"] == 3
    assert told["splits"]["train"]["fingerprint"] == train.fingerprint()
    assert told["splits"]["train"] != plain["train"]
    assert told["splits"]["test"] == plain["test"]


def test_info_for_people_is_a_table(digitnn, digits):
    lines = digitnn("data", "info").out.splitlines()
    assert lines[0] == "mnist: IDX files in data"
    assert lines[1].split() == ["split", "images", *"0123456789"]
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["train", "400"],
        ["valid", "80"],
        ["test", "120"],
    ]
    assert lines[-1].split() == ["test", digits[480:].fingerprint()]


def test_info_does_without_a_test_part(digitnn):
    for path in (digitnn.folder / "data").glob("t10k*"):
        path.unlink()
    assert list(digitnn("data", "info", "--json").json()["splits"]) == ["train", "valid"]


def test_an_exported_mat_file_holds_the_classes_of_the_idx_files(digitnn, digits):
    done = digitnn("data", "export", "out", "--to", "mat")
    assert (done.code, done.out) == (0, "out/mnist_all.mat\n")
    written = scipy.io.loadmat(digitnn.folder / "out" / "mnist_all.mat")
    for part, data in (("train", digits[:480]), ("test", digits[480:])):
        for digit in range(10):
            rows = np.stack([image.ravel() for image in data.images[data.labels == digit]])
            assert written[f"{part}{digit}"].tobytes() == rows.tobytes()


@pytest.mark.parametrize("to", ["idx", "idx-gz", "npz", "png"])
def test_every_other_export_is_read_back_in_the_same_order(digitnn, digits, to):
    told = digitnn("data", "export", "out", "--to", to, "mnist", "--json").json()
    assert told["files"] == [f"out/{name}" for name in EXPORT_FORMATS[to].names]
    assert_same_data(read_part(digitnn.folder / "out", "train", "out"), digits[:480])
    assert_same_data(read_part(digitnn.folder / "out", "test", "out"), digits[480:])
    info = digitnn("data", "info", "--data-dir", "out", "--json").json()
    assert info["format"] == to.removesuffix("-gz")
    assert info["splits"]["test"]["fingerprint"] == digits[480:].fingerprint()


@pytest.mark.parametrize(
    ("out", "to"), [("a.mat", "mat"), ("b/c.npz", "npz"), ("folder", "idx"), (".", "idx")]
)
def test_the_suffix_decides_the_format_of_an_export(digitnn, digits, out, to):
    done = digitnn("data", "export", out, "--json").json()
    assert done["to"] == to
    written = read_part(digitnn.folder / out, "test", "out")  # .mat is sorted by class
    assert written.counts().tolist() == digits[480:].counts().tolist()


def test_the_option_overrides_the_suffix_of_an_export(digitnn):
    assert digitnn("data", "export", "x.1", "--to", "npz").out == "x.1/mnist.npz\n"


def test_an_unknown_suffix_is_an_error_that_names_the_known_ones(digitnn):
    done = digitnn("data", "export", "mnist.pkl")
    assert_one_error_line(done, 2, "mnist.pkl", ".mat, .npz", "--to")


def test_an_export_may_name_the_file(digitnn):
    assert digitnn("data", "export", "a/b.npz", "--to", "npz").out == "a/b.npz\n"
    assert [path.name for path in (digitnn.folder / "a").iterdir()] == ["b.npz"]


def test_an_export_does_not_overwrite_without_force(digitnn):
    digitnn("data", "export", "out", "--to", "npz")
    before = digest(digitnn)
    done = digitnn("data", "export", "out", "--to", "npz")
    assert_one_error_line(done, 2, "out/mnist.npz already exists", "--force")
    assert len(done.err.splitlines()) == 1  # refused before the data were looked for
    assert digest(digitnn) == before
    assert digitnn("data", "export", "out", "--to", "npz", "--force").code == 0


def digest(digitnn: CommandLine) -> str:
    return hashlib.sha256((digitnn.folder / "out" / "mnist.npz").read_bytes()).hexdigest()


def test_an_export_that_cannot_be_written_leaves_nothing(digitnn, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert_one_error_line(digitnn("data", "export", "out", "--to", "mat"), 1, "No space left")
    assert sorted(path.name for path in digitnn.folder.iterdir()) == ["data"]


def test_an_unknown_format_is_a_wrong_usage(digitnn):
    assert_one_error_line(digitnn("data", "export", "out", "--to", "csv"), 2, "csv", "idx-gz")


def test_damaged_data_are_one_line(digitnn):
    path = digitnn.folder / "data" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    assert_one_error_line(digitnn("data", "info"), 1, "data/train-images-idx3-ubyte: truncated")


def test_forty_nine_labels_for_fifty_images_are_one_line(digitnn):
    path = digitnn.folder / "data" / "train-labels-idx1-ubyte"
    content = path.read_bytes()
    path.write_bytes(content[:4] + (479).to_bytes(4, "big") + content[8:-1])
    done = digitnn("data", "info")
    assert_one_error_line(done, 1, "train-labels-idx1-ubyte: 479 labels for 480 images")


def test_info_prints_nothing_but_json_on_stdout(digitnn):
    done = digitnn("data", "info", "--json")
    json.loads(done.out)
    assert "using the IDX files in data" in done.err


def test_a_folder_that_was_asked_for_must_hold_the_data(digitnn):
    done = digitnn("data", "info", "--data-dir", "nowhere")
    assert_one_error_line(done, 1, "nowhere: no such folder", "--data-dir")
