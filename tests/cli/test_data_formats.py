"""Files of other formats, from the command line: trained on, evaluated on, inspected, refused."""

import gzip

import numpy as np
import pytest
from commands import assert_one_error_line
from digit_files import HEADER, PAIRED, SINGLE, csv_text

from digitnn.data.dataset import Dataset


@pytest.mark.parametrize("name", PAIRED)
def test_a_collection_in_every_format_is_described(digitnn, digits, name):
    folder = digitnn.folder / "other"
    folder.mkdir()
    place = PAIRED[name](folder, digits[:120], digits[480:])
    told = digitnn("data", "info", "--json", "--data-dir", str(place)).json()
    assert told["splits"]["test"]["fingerprint"] == digits[480:].fingerprint()
    assert told["splits"]["train"]["n"] + told["splits"]["valid"]["n"] == 120


@pytest.mark.parametrize("name", SINGLE)
def test_one_set_of_images_is_trained_on(digitnn, digits, name):
    folder = digitnn.folder / "other"
    folder.mkdir()
    place = SINGLE[name](folder, digits[:120])
    options = ("--epochs", "1", "--out", "run", "--data-dir", str(place))
    done = digitnn("train", "classic", *options)
    assert done.code == 0, done.err
    done = digitnn("evaluate", "run", "--split", "test", "--data-dir", str(place))
    assert_one_error_line(done, 1, "no test part")


def test_external_images_in_a_table_are_evaluated(digitnn, digits):
    assert digitnn("train", "classic", "--epochs", "2", "--out", "run").code == 0
    images = digits.images[480:].copy()
    images[:, 27, 27] ^= 1
    data = Dataset(images, digits.labels[480:])
    path = digitnn.folder / "mine.csv.gz"
    path.write_bytes(gzip.compress(csv_text(data, HEADER).encode()))
    told = digitnn("evaluate", "run", "--on", "mine.csv.gz", "--json")
    assert told.code == 0, told.err
    assert told.json()["n"] == 120
    assert told.json()["data"]["sha256"] == data.fingerprint()


def test_a_table_without_labels_is_inspected_but_not_used(digitnn, digits):
    rows = [line.partition(",")[2] for line in csv_text(digits[:5], HEADER).splitlines()]
    (digitnn.folder / "test.csv").write_text("\n".join(rows))
    told = digitnn("inspect", "test.csv", "--json").json()
    assert (told["kind"], told["labels"]) == ("csv", "none")
    assert digitnn("train", "classic", "--epochs", "1", "--out", "run").code == 0
    done = digitnn("evaluate", "run", "--on", "test.csv")
    assert_one_error_line(done, 1, "test.csv: no labels", "need 785 columns")
    done = digitnn("train", "classic", "--data-dir", "test.csv")
    assert_one_error_line(done, 1, "test.csv: no training part")


def test_pixels_that_are_standardised_are_refused_in_one_line(digitnn, digits):
    images = (digits.images - digits.images.mean()) / digits.images.std()
    np.savez(digitnn.folder / "x.npz", X=images, y=digits.labels)
    done = digitnn("train", "classic", "--data-dir", "x.npz")
    assert_one_error_line(done, 1, "x.npz: X: pixel", "not standardised")
