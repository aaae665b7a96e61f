"""Rows and curves on changed images, adversarial steps, the reference, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine

from digitnn.analysis.robustness.adversarial import fgsm, measure_attacks, pgd
from digitnn.analysis.robustness.corrupted import (
    REFERENCE_FILE,
    CorruptionSummary,
    Reference,
    evaluate_corruptions,
    find_reference,
)
from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS, corrupt
from digitnn.analysis.robustness.measure import SweepPoint, measure_robustness
from digitnn.analysis.robustness.sweeps import (
    SWEEPS,
    measure_steps,
    resize,
    shift,
    thicken,
    turn,
)
from digitnn.data.dataset import Dataset
from digitnn.engines.scratch.engine import CompiledClassifier, pixel_gradient
from digitnn.errors import DataError, UsageError
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.layers import Dense, Flatten
from digitnn.network.network import Network, Standardise
from tools import measure_reference

pytestmark = pytest.mark.slow


def linear(rng):
    """A network of one layer: how the loss rises is known."""
    network = Network((Flatten(), Dense(10)), Standardise(0.0, 80.0))
    weight = rng.normal(size=(10, 784)).astype(np.float32) / 28
    params = {"1.weight": weight, "1.bias": np.zeros(10, np.float32)}

    def gradient(images, labels):
        return pixel_gradient(network, params, images, labels)

    return CompiledClassifier(network, params), gradient


class Brightness:
    """Reads 1 where the mean pixel is above 60, else 0; notes what it was shown."""

    def __init__(self):
        self.shown = []

    def logits(self, images):
        self.shown.append(images)
        bright = images.mean(axis=(1, 2)) > 60
        return np.eye(10, dtype=np.float32)[bright.astype(int)]


@pytest.fixture
def halves(digits):
    """What `Brightness` reads rightly as it is."""
    labels = (digits.images.mean(axis=(1, 2)) > 60).astype(np.uint8)
    return Dataset(digits.images, labels, "halves")


def test_each_corruption_has_a_row_with_its_error_relative_to_the_reference(halves):
    part, reader = halves[:60], Brightness()
    errors = dict.fromkeys(CORRUPTIONS, 0.25) | {"stripe": 0.0}
    rows = tuple(evaluate_corruptions(reader, part, Reference(errors, {"recipe": "cnn"})))
    assert [row.corruption for row in rows] == list(CORRUPTIONS)
    for row, shown in zip(rows, reader.shown, strict=True):
        expected = corrupt(part.images, row.corruption, 0)
        np.testing.assert_array_equal(shown, expected)
        right = ((expected.mean(axis=(1, 2)) > 60) == part.labels).mean()
        assert row.accuracy == pytest.approx(right)
        assert row.errors == round(60 * (1 - right))
        assert row.interval[0] <= right <= row.interval[1]
        if row.corruption == "stripe":
            assert row.relative is None  # nothing to divide by
        else:
            assert row.relative == pytest.approx(4 * (1 - right))
    summary = CorruptionSummary(rows, None)
    assert summary.mean == pytest.approx(np.mean([row.accuracy for row in rows]))
    assert summary.relative is None
    whole = [replace(row, relative=1.0 + i) for i, row in enumerate(rows)]
    assert CorruptionSummary(tuple(whole), None).relative == 8
    assert json.loads(json.dumps(summary.to_json()))["rows"][0]["corruption"] == "shot_noise"


def test_an_empty_split_has_no_rows(halves):
    with pytest.raises(DataError, match="no images to evaluate on"):
        next(evaluate_corruptions(Brightness(), halves[:0], None))


def test_the_stored_reference_has_every_corruption_of_the_cnn_recipe():
    stored = json.loads(REFERENCE_FILE.read_text())
    assert stored["source"]["recipe"] == "cnn"
    assert len(stored["source"]["seeds"]) == 5
    for split in stored["splits"]:
        found = find_reference(split["sha256"])
        assert list(found.errors) == list(CORRUPTIONS)
        assert 0.8 < found.source["mean"] < 0.95
        assert found.source["split"] == split["split"]
    assert find_reference("0" * 64) is None


def test_shifts_cycle_through_four_directions():
    images = np.zeros((5, 28, 28), np.uint8)
    images[:, 14, 14] = 9
    places = [tuple(np.argwhere(image)[0] - 14) for image in shift(images, 2.0)]
    assert places == [(2, 0), (0, 2), (-2, 0), (0, -2), (2, 0)]


def test_rotations_sizes_and_thickness_have_the_values_known_by_hand(rng):
    images = rng.integers(0, 256, (3, 28, 28)).astype(np.uint8)
    np.testing.assert_array_equal(turn(images, 90.0), np.rot90(images, axes=(1, 2)))
    np.testing.assert_array_equal(resize(images, 1.0), images)
    block = np.zeros((1, 28, 28), np.uint8)
    block[:, 10:18, 10:18] = 255
    assert resize(block, 0.5).sum() / 255 == pytest.approx(16)
    for pixels, side in ((-1.0, 6), (0.0, 8), (1.0, 10)):
        thick = thicken(block, pixels)[0]
        assert (thick[14] == 255).sum() == (thick[:, 14] == 255).sum() == side
    assert thicken(block, 0.5)[0, 14, 9] == 128


@pytest.mark.parametrize("sweep", SWEEPS.values(), ids=SWEEPS)
def test_a_sweep_changes_images_more_the_further_its_step_is_from_none(sweep, digits):
    images = digits.images[:20]
    changes = [
        np.abs(sweep.images(images, step).astype(int) - images).mean() for step in sweep.steps
    ]
    nothing = changes.index(0)
    assert changes[: nothing + 1] == sorted(changes[: nothing + 1], reverse=True)
    assert list(sweep.steps) == sorted(sweep.steps)
    assert min(changes[:nothing] + changes[nothing + 1 :]) > 0


def test_a_curve_has_the_accuracy_of_each_step(halves):
    reader, part, records = Brightness(), halves[:50], []
    found = measure_robustness(
        None, reader, part, evaluate(reader, part), records.append, corruptions=False
    )
    curves = {curve.name: curve for curve in found.curves}
    points = [record for record in records if isinstance(record, SweepPoint)]
    accuracies = [accuracy for curve in found.curves for accuracy in curve.accuracy]
    assert [point.accuracy for point in points] == accuracies
    assert found.corruptions is None
    assert found.attacks is None  # no single gradient to follow
    assert list(curves) == list(SWEEPS)
    for name, curve in curves.items():
        for step, accuracy, (low, high) in zip(
            curve.steps, curve.accuracy, curve.intervals, strict=True
        ):
            images = SWEEPS[name].images(halves.images[:50], step)
            right = ((images.mean(axis=(1, 2)) > 60) == halves.labels[:50]).mean()
            assert accuracy == pytest.approx(right)
            assert low <= accuracy <= high
    assert curves["shift"].steps == (0, 1, 2, 3, 4, 5, 6)
    assert (curves["rotation"].steps[0], curves["rotation"].steps[-1]) == (-45, 45)
    assert (curves["size"].steps[0], curves["size"].steps[-1]) == (0.6, 1.4)
    assert json.loads(json.dumps(curves["size"].to_json()))["n"] == 50


def test_unchanged_images_are_not_evaluated_again(halves):
    part, reader = halves[:50], Brightness()
    plain = evaluate(reader, part)
    for sweep in SWEEPS.values():
        reader.shown.clear()
        accuracy = list(measure_steps(sweep, reader, part, plain))
        assert len(reader.shown) == len(sweep.steps) - 1
        assert not any(np.array_equal(shown, part.images) for shown in reader.shown)
        expected = [
            ((sweep.images(part.images, step).mean(axis=(1, 2)) > 60) == part.labels).mean()
            for step in sweep.steps
        ]
        assert accuracy == pytest.approx(expected)


def test_fgsm_moves_every_pixel_by_epsilon_up_the_loss(digits, rng):
    _, gradient = linear(rng)
    images, labels = digits.images[:30], digits.labels[:30]
    moved = fgsm(images, gradient(images, labels), 8)
    way = np.sign(gradient(images, labels)).astype(int)
    np.testing.assert_array_equal(moved, np.clip(images + 8 * way, 0, 255))
    np.testing.assert_array_equal(fgsm(images, gradient(images, labels), 0), images)


def test_pgd_stays_within_epsilon_and_maximises_a_linear_loss(digits, rng):
    classifier, gradient = linear(rng)
    images, labels = digits.images[:30], digits.labels[:30]
    moved = pgd(images, labels, gradient, 8, np.random.default_rng(0), steps=20)
    assert moved.dtype == np.uint8
    assert np.abs(moved.astype(int) - images).max() == 8

    def nats(images):
        logits = classifier.logits(images).astype(float)
        return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(30), labels]

    assert (nats(moved) > nats(images)).all()
    assert nats(moved).mean() >= nats(fgsm(images, gradient(images, labels), 8)).mean() - 1e-3
    start = pgd(images, labels, gradient, 8, np.random.default_rng(0), steps=0)
    assert len(np.unique(start.astype(int) - images)) == 17  # anywhere within, from -8 to 8


def test_the_gradient_at_the_unchanged_images_is_computed_once(digits, rng):
    classifier, gradient = linear(rng)
    asked = []

    def counted(images, labels):
        asked.append(images)
        return gradient(images, labels)

    rows = list(measure_attacks(classifier, counted, digits, epsilons=(1, 3, 9), n=20))
    assert len(asked) == 1 + 3 * 10
    for row in rows[::2]:
        images, labels = digits.images[:20], digits.labels[:20]
        moved = fgsm(images, gradient(images, labels), row.epsilon)
        wrong = classifier.logits(moved).argmax(axis=1) != labels
        assert row.errors == wrong.sum()
    with pytest.raises(UsageError, match="epsilon must be a whole number"):
        list(measure_attacks(classifier, gradient, digits, epsilons=(0.5,), n=20))


@pytest.mark.parametrize("epsilon", [-1, 256, 0.1, True])
def test_epsilon_is_a_whole_number_of_levels(epsilon, digits, rng):
    _, gradient = linear(rng)
    with pytest.raises(UsageError, match="epsilon must be a whole number from 0 to 255 levels"):
        fgsm(digits.images, gradient(digits.images, digits.labels), epsilon)
    with pytest.raises(UsageError, match="epsilon must be a whole number from 0 to 255 levels"):
        pgd(digits.images, digits.labels, gradient, epsilon, rng)


def test_attacks_have_a_row_per_method_and_epsilon_and_larger_ones_are_worse(digits, rng):
    classifier, gradient = linear(rng)
    read = classifier.logits(digits.images).argmax(axis=1).astype(np.uint8)
    right = Dataset(digits.images, read, "read rightly")
    rows = list(measure_attacks(classifier, gradient, right, epsilons=(0, 1, 20), n=40))
    assert [(row.attack, row.epsilon, row.steps, row.n) for row in rows] == [
        (name, epsilon, steps, 40)
        for epsilon in (0, 1, 20)
        for name, steps in (("fgsm", 1), ("pgd", 10))
    ]
    assert [row.errors for row in rows[:2]] == [0, 0]
    assert rows[0].accuracy >= rows[2].accuracy > rows[4].accuracy
    again = list(measure_attacks(classifier, gradient, right, epsilons=(20,), n=40))
    assert again == rows[4:]


def test_evaluate_prints_robustness_as_rows_and_as_json(digitnn: CommandLine) -> None:
    digitnn("train", "classic", "--epochs", "3", "--out", "run")
    told = digitnn("evaluate", "run", "--corruptions", "--robustness")
    assert told.code == 0, told.err
    for name in CORRUPTIONS:
        assert f"\n{name} " in told.out
    assert "\nmean of 15 " in told.out
    assert "\nrotation, degrees\n     -45 " in told.out
    assert "\npgd                 32     10" in told.out
    plain = digitnn("evaluate", "run", "--json").json()
    assert not {"corruptions", "curves", "adversarial"} & plain.keys()
    found = digitnn("evaluate", "run", "--corruptions", "--robustness", "--json").json()
    assert [row["corruption"] for row in found["corruptions"]["rows"]] == list(CORRUPTIONS)
    assert found["corruptions"]["reference"] is None  # not MNIST's images
    assert [curve["name"] for curve in found["curves"]] == list(SWEEPS)
    assert found["curves"][0]["accuracy"][0] == found["accuracy"]
    assert found["adversarial"][0]["epsilon"] == 4
    assert plain.keys() <= found.keys()


def test_an_ensemble_has_corruptions_and_curves_but_no_attacks(digitnn: CommandLine) -> None:
    for seed in "12":
        digitnn("train", "classic", "--epochs", "1", "--seed", seed, "--out", seed)
    digitnn("ensemble", "1", "2", "--out", "both")
    told = digitnn("evaluate", "both", "--robustness", "--json")
    assert "an ensemble has no single gradient" in told.err
    assert told.json()["adversarial"] is None


def test_a_reference_is_measured_over_seeds_and_stored(
    digitnn: CommandLine, digits: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in "12":
        digitnn("train", "classic", "--epochs", "2", "--seed", seed, "--out", seed)
    capsys.readouterr()
    assert measure_reference.main(["1", "2", "--split", "test", "--out", "reference.json"]) == 0
    stored = json.loads(Path("reference.json").read_text())
    assert stored["source"]["seeds"] == [1, 2]
    (split,) = stored["splits"]
    found = find_reference(split["sha256"], Path("reference.json"))
    shares = [
        digitnn("evaluate", seed, "--split", "test", "--corruptions", "--json").json()
        for seed in "12"
    ]
    assert [value["reads"] for value in shares] == [2, 2]
    fog = [1 - value["corruptions"]["rows"][10]["accuracy"] for value in shares]
    assert found.errors["fog"] == pytest.approx(np.mean(fog))


def test_a_reference_with_a_repeated_seed_is_rejected(
    digitnn: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    digitnn("train", "classic", "--epochs", "1", "--out", "run")
    with pytest.raises(SystemExit) as ended:
        measure_reference.main(["run", "run", "--out", "reference.json"])
    assert ended.value.code == 2
    assert "a reference needs runs of different seeds" in capsys.readouterr().err
    assert not Path("reference.json").exists()
