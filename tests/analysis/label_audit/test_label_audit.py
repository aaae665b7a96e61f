"""The label audit: that it finds labels which were made wrong on purpose, and keeps its folds."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from PIL import Image
from small_trainings import CNN, RoteEngine

from digitnn.analysis import in_memory
from digitnn.analysis.label_audit import folds as folds_module
from digitnn.analysis.label_audit.folds import Audit, predict_folds
from digitnn.analysis.label_audit.suspects import (
    CSV_COLUMNS,
    audit_to_text,
    draw_suspects,
    find_suspects,
    recall_at,
    summarise_audit,
    suspects_to_csv,
)
from digitnn.data.dataset import Dataset
from digitnn.errors import UsageError
from digitnn.evaluation.disputed_labels import DISPUTED, MNIST_TEST

pytestmark = pytest.mark.slow

QUICK = replace(CNN, name="quick", epochs=5)
FLIPPED = (3, 77, 150, 310, 599)


@pytest.fixture(scope="module")
def flipped(digits: Dataset) -> Dataset:
    """`digits` with five wrong labels, each one more than the right one."""
    labels = digits.labels.copy()
    labels[list(FLIPPED)] = (labels[list(FLIPPED)] + 1) % 10
    return Dataset(digits.images, labels, "flipped")


def watch(training, title):
    return training


def answers_of(audit):
    answers = np.zeros((len(audit.data), 10), np.float32)
    for fold in predict_folds(audit, watch):
        answers[fold.indices] = fold.log_probabilities
    return answers


def test_flipped_labels_rank_first(flipped, tmp_path):
    audit = Audit(flipped, QUICK, "scratch", 3, 0, tmp_path)
    found = find_suspects(answers_of(audit), flipped.labels, n_train=400)
    assert {one.place for one in found[:5]} == set(FLIPPED)
    for one in found[:5]:
        assert one.proposal == (one.label - 1) % 10  # what it was before
        assert one.probability > 0.5 > one.label_probability
        assert (one.part, one.index) == (
            ("train", one.place) if one.place < 400 else ("test", one.place - 400)
        )
    assert [one.rank for one in found] == list(range(1, len(found) + 1))
    assert len(found) < 30


def test_each_image_is_predicted_once_by_a_network_not_trained_on_it(digits, tmp_path, monkeypatch):
    numbered = digits.images.copy()
    numbered[:, 0, 0], numbered[:, 0, 1] = np.divmod(np.arange(600), 256)
    data = Dataset(numbered, digits.labels, "numbered")
    recipe = replace(QUICK, epochs=1, batch_size=50)
    audit = Audit(data, recipe, "scratch", 4, 0, tmp_path)
    engines: list[RoteEngine] = []

    def next_engine(name: str) -> RoteEngine:
        engines.append(RoteEngine())
        return engines[-1]

    monkeypatch.setattr(in_memory, "find_engine", next_engine)
    asked: list[int] = []
    for fold in predict_folds(audit, watch):
        images = np.concatenate([step[0] for step in engines[-1].steps]).astype(int)
        learned = 256 * images[:, 0, 0] + images[:, 0, 1]
        assert set(learned) == set(range(600)) - set(fold.indices)
        asked += list(fold.indices)
    assert sorted(asked) == list(range(600))


def test_a_kept_fold_is_not_predicted_again(flipped, tmp_path, monkeypatch):
    recipe = replace(QUICK, epochs=1)
    audit = Audit(flipped, recipe, "scratch", 2, 0, tmp_path)
    first = [(fold.log_probabilities, fold.kept) for fold in predict_folds(audit, watch)]
    assert [kept for _, kept in first] == [False, False]
    with monkeypatch.context() as patch:
        patch.setattr(folds_module, "_predict", None)  # it would fail
        again = list(predict_folds(audit, watch))
    assert all(fold.kept for fold in again)
    for (before, _), fold in zip(first, again, strict=True):
        np.testing.assert_array_equal(before, fold.log_probabilities)
    other = replace(audit, seed=1)
    assert not next(predict_folds(other, watch)).kept
    (tmp_path / "folds" / "1.npz").write_bytes(b"PK\x03\x04 cut")
    assert [fold.kept for fold in predict_folds(other, watch)] == [True, False]


def test_a_stopped_fold_is_not_kept(flipped, tmp_path):
    def stop_at_once(training, title):
        yield next(iter(training))

    audit = Audit(flipped, QUICK, "scratch", 2, 0, tmp_path)
    assert list(predict_folds(audit, stop_at_once)) == []
    assert not (tmp_path / "folds").exists()


def test_suspects_are_ranked_by_the_probability_of_their_label():
    p = np.full((4, 10), 0.01)
    p[0, 3] = p[1, 4] = p[2, 5] = p[3, 6] = 0.91
    p[1, 7], p[2, 7] = 0.002, 0.0001
    labels = np.array([3, 7, 7, 0], np.uint8)
    found = find_suspects(np.log(p).astype(np.float32), labels, n_train=2)
    assert [one.place for one in found] == [2, 1, 3]
    rows = list(csv.reader(io.StringIO(suspects_to_csv(found))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[1] == ["1", "test", "0", "7", "5", "0.910000", "1.000e-04"]
    assert rows[2][:5] == ["2", "train", "1", "7", "4"]


def test_recall_counts_only_suspects_of_the_listed_part():
    p = np.full((6, 10), 0.01)
    p[:, 1] = 0.91
    p[:, 0] = [0.001, 0.002, 0.003, 0.004, 0.005, 0.006]
    found = find_suspects(np.log(p).astype(np.float32), np.zeros(6, np.uint8), n_train=2)
    recalls = recall_at(found, {1, 3, 9}, "test", (1, 2, 4))
    assert [(one.k, one.found, one.known) for one in recalls] == [(1, 0, 3), (2, 1, 3), (4, 2, 3)]


def test_recall_of_the_published_list_is_for_mnist_only(flipped, tmp_path):
    audit = Audit(flipped, QUICK, "scratch", 2, 0, tmp_path)
    answers = np.log(np.eye(10, dtype=np.float32)[flipped.labels] * 0.9 + 0.01)
    answers[500] = np.log(np.float32(0.01))
    answers[500, (flipped.labels[500] + 1) % 10] = np.log(np.float32(0.9))
    other = summarise_audit(audit, answers, 400, "0" * 64)
    assert other.recalls == ()
    assert "known" not in other.to_json()
    mnist = summarise_audit(audit, answers, 400, MNIST_TEST)
    assert (mnist.recalls[0].k, mnist.recalls[0].found, mnist.recalls[0].known) == (15, 0, 15)
    assert "of the 15 disputed test labels" in audit_to_text(mnist)
    assert len(DISPUTED) == 15
    assert mnist.accuracy == pytest.approx(599 / 600)


def test_the_sheet_shows_the_suspects_in_order(flipped):
    p = np.full((600, 10), 0.02)
    p[np.arange(600), (flipped.labels + 1) % 10] = 0.8
    suspects = find_suspects(np.log(p).astype(np.float32), flipped.labels, 400)
    figure = draw_suspects(suspects, flipped.images, "flipped")
    assert len(figure.axes) == 60
    one = suspects[11]
    assert figure.axes[11].get_title() == f"{one.label} → {one.proposal}"
    shown = np.asarray(figure.axes[11].images[0].get_array())
    np.testing.assert_array_equal(shown, 255 - flipped.images[one.place])
    assert "of 600 labels" in figure.get_suptitle()


def test_an_impossible_number_of_folds_is_rejected(flipped, tmp_path):
    with pytest.raises(UsageError, match="takes 2 to 600, got 601"):
        Audit(flipped, QUICK, "scratch", 601, 0, tmp_path)


def test_the_command_writes_list_and_sheet_and_resumes(digitnn: CommandLine):
    options = ("--recipe", "cnn-98.7", "--engine", "scratch", "--folds", "2")
    done = digitnn("audit", *options, "--json")
    assert done.code == 0, done.err
    value = done.json()
    assert (value["collection"], value["n"]) == ("mnist", 600)
    assert value["accuracy"] == 1 - len(value["suspects"]) / 600
    rows = list(csv.DictReader((digitnn.folder / "audit/suspects.csv").read_text().splitlines()))
    assert len(rows) == len(value["suspects"])
    with Image.open(digitnn.folder / "audit/suspects.png") as sheet:
        assert sheet.width == 1440
    again = digitnn("audit", *options)
    assert again.err.count(" kept: ") == 2
    assert f"{len(rows)} are contradicted" in again.out


def test_the_command_rejects_bad_options(digitnn: CommandLine):
    assert_one_error_line(digitnn("audit", "--folds", "1"), 2, "at least 2")
    assert_one_error_line(digitnn("audit", "--recipe", "cn"), 2, "cn")
    assert_one_error_line(digitnn("audit", "--recipe", "reader"), 2, "more than the collection")
