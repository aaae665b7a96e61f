"""The loop that both engines share, with real engines and with one that answers by rote."""

import inspect
import math
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from small_trainings import BY_ROTE, CLASSIC, CNN, RoteEngine, bits, trained, training_of

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import TrainingError
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Dense, Flatten, SoftmaxCrossEntropy
from digitnn.recipes.optimisers import Adam, LBfgs
from digitnn.recipes.schedules import Constant, OneCycle
from digitnn.training.fullbatch import varying_pixels
from digitnn.training.records import EpochRecord, StepRecord
from digitnn.training.training import Training

every_recipe = pytest.mark.parametrize(
    ("recipe", "engine"),
    [
        (CLASSIC, "scratch"),
        (replace(CLASSIC, optimiser=LBfgs()), "scratch"),
        (CNN, "pytorch"),
    ],
    ids=["classic-scratch", "l-bfgs-scratch", "cnn-pytorch"],
)


@every_recipe
def test_a_few_epochs_teach_the_network_to_read_images_it_has_not_seen(recipe, engine, digits):
    training, _ = trained(recipe, engine, digits)
    classifier = find_engine(engine).classifier(training.network, training.params())
    assert evaluate(classifier, digits[400:]).accuracy > 0.95
    losses = [record.loss for record in training.history]
    assert losses[-1] < 0.7 * losses[0]


@every_recipe
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(recipe, engine, digits):
    recipe = recipe.with_epochs(2)
    first, again, other = (
        bits(trained(recipe, engine, digits, seed)[0].params()) for seed in (1, 1, 2)
    )
    assert first == again
    assert all(first[name] != other[name] for name in first)


@every_recipe
def test_what_validates_is_not_learned_from(recipe, engine, digits):
    recipe = recipe.with_epochs(2)
    blank = Dataset(np.zeros((5, 28, 28), np.uint8), np.zeros(5, np.uint8))
    one = training_of(recipe, engine, digits)
    other = Training(recipe, find_engine(engine), digits[:400], blank, 0)
    assert len(list(one)) == len(list(other))
    assert bits(one.params()) == bits(other.params())


def test_training_can_take_no_test_split_and_imports_nothing_that_reads_files():
    assert list(inspect.signature(Training).parameters) == [
        "recipe",
        "engine",
        "train",
        "valid",
        "seed",
        "stopping",
        "start",
    ]
    loaded = (
        "import sys, digitnn.training.training; print([m for m in sys.modules if m in sys.argv])"
    )
    files = ["digitnn.data.fetch.sources", "digitnn.data.formats", "torch", "matplotlib", "sklearn"]
    found = subprocess.run(
        [sys.executable, "-c", loaded, *files], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@every_recipe
def test_the_history_is_the_epoch_records_in_order(recipe, engine, digits):
    training, records = trained(recipe, engine, digits)
    history = [record for record in records if isinstance(record, EpochRecord)]
    assert training.history == history
    assert [record.epoch for record in history] == list(range(1, recipe.epochs + 1))
    shares = [record.done for record in records]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    seconds = [record.seconds for record in history]
    assert seconds == sorted(seconds)
    assert all(record.images_per_second > 0 for record in records)


@every_recipe
def test_the_last_record_describes_the_parameters(recipe, engine, digits):
    training, _ = trained(recipe, engine, digits)
    last = training.history[-1]
    classifier = find_engine(engine).classifier(training.network, training.params())
    evaluation = evaluate(classifier, digits[400:])
    assert (last.valid_accuracy, last.valid_loss) == (evaluation.accuracy, evaluation.loss_nats)
    if recipe.is_full_batch:
        on_train = evaluate(classifier, digits[:400])
        assert last.accuracy == on_train.accuracy
        assert last.loss == pytest.approx(on_train.loss_nats, rel=1e-4)


def test_records_of_mini_batches_are_the_means_counted_by_hand(digits):
    training = training_of(BY_ROTE, RoteEngine(), digits, n=100)
    records = list(training)
    zeros = np.mean(digits.labels[400:] == 0)
    kinds = [StepRecord, StepRecord, EpochRecord] * 2
    assert [type(record) for record in records] == kinds
    # Batches of 40, 40, 20 at 1, 2, 3 and then 4, 5, 6 nats an image; 10 right in each.
    assert [r.loss for r in records] == pytest.approx([1, 1.5, 1.8, 4, 4.5, 4.8])
    assert [r.accuracy for r in records] == pytest.approx([1 / 4, 1 / 4, 0.3] * 2)
    assert [r.done for r in records] == pytest.approx([1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1])
    assert [r.epoch for r in records] == [1, 1, 1, 2, 2, 2]
    for record in training.history:
        assert record.valid_accuracy == pytest.approx(zeros)
        assert record.valid_loss == pytest.approx(math.log(10))
        assert record.evaluations is None


def test_records_of_full_batches_count_the_evaluations(digits):
    _, records = trained(CLASSIC, "scratch", digits)
    evaluations = [record.evaluations for record in records]
    assert len(records) == CLASSIC.epochs
    assert evaluations[0] >= 2
    assert (np.diff(evaluations) >= 1).all()


def test_every_epoch_shows_every_image_once_in_an_order_of_its_own(digits):
    engine = RoteEngine()
    list(training_of(BY_ROTE, engine, digits, n=100))
    assert [len(labels) for _, labels, _ in engine.steps] == [40, 40, 20] * 2
    orders = []
    for epoch in (engine.steps[:3], engine.steps[3:]):
        images = np.concatenate([images for images, _, _ in epoch])
        labels = np.concatenate([labels for _, labels, _ in epoch])
        order = [int(np.flatnonzero((digits.images[:100] == i).all((1, 2)))[0]) for i in images]
        assert sorted(order) == list(range(100))
        np.testing.assert_array_equal(labels, digits.labels[order])
        orders.append(order)
    assert orders[0] != orders[1]
    assert sorted(orders[0]) != orders[0]


def test_two_engines_start_alike_and_see_the_same_batches(digits):
    first, second, other_seed = RoteEngine(), RoteEngine(), RoteEngine()
    list(training_of(BY_ROTE, first, digits, seed=3))
    list(training_of(BY_ROTE, second, digits, seed=3))
    list(training_of(BY_ROTE, other_seed, digits, seed=4))
    assert bits(first.start) == bits(second.start) != bits(other_seed.start)
    for one, two in zip(first.steps, second.steps, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
    assert (first.steps[0][1] != other_seed.steps[0][1]).any()


def test_the_start_and_the_batches_are_drawn_from_separate_streams(digits):
    one, wider = RoteEngine(), RoteEngine()
    list(training_of(BY_ROTE, one, digits))
    layers = (Flatten(), Dense(10))
    list(training_of(replace(BY_ROTE, layers=layers, initialisation="he"), wider, digits))
    for a, b in zip(one.steps, wider.steps, strict=True):
        np.testing.assert_array_equal(a[0], b[0])


def test_both_optimisers_start_from_the_same_weights(digits):
    engine = RoteEngine()
    by_adam = replace(CLASSIC, optimiser=Adam(0.1), l2=0.0, least_std=0.0, initialisation="he")
    list(training_of(by_adam.with_epochs(1), engine, digits))
    start = training_of(replace(CLASSIC, initialisation="he"), "scratch", digits).params()
    assert bits(engine.start) == bits(start)
    stream = np.random.SeedSequence(0).spawn(1)[0]
    drawn = initial_parameters(CLASSIC.network(), "he", np.random.default_rng(stream))
    assert bits(start) == bits(drawn)


def test_each_step_has_the_rate_of_the_schedule_at_its_middle(digits):
    engine = RoteEngine()
    list(training_of(BY_ROTE, engine, digits, n=100))
    rates = [rate for _, _, rate in engine.steps]
    expected = [0.5 * OneCycle(0.25)((step + 0.5) / 6) for step in range(6)]
    assert rates == pytest.approx(expected)
    assert max(rates) <= 0.5
    assert min(rates) > 0


@pytest.mark.parametrize("recipe", [CLASSIC, BY_ROTE], ids=["full batch", "mini-batches"])
def test_the_engine_is_given_the_loss_of_the_recipe(recipe, digits):
    engine = RoteEngine()
    loss = SoftmaxCrossEntropy(label_smoothing=0.3)
    with suppress(TrainingError):
        list(training_of(replace(recipe, loss=loss), engine, digits))
    assert engine.loss == loss


def test_label_smoothing_keeps_a_network_from_being_too_sure(digits):
    constant = replace(CNN, optimiser=Adam(0.003, schedule=Constant()), epochs=6)
    sure, smoothed = (
        trained(replace(constant, loss=SoftmaxCrossEntropy(e)), "pytorch", digits)[0]
        for e in (0.0, 0.3)
    )
    assert sure.history[-1].loss < 0.5
    entropy = -(0.73 * math.log(0.73) + 9 * 0.03 * math.log(0.03))
    assert smoothed.history[-1].loss > entropy


def test_pixels_that_hardly_vary_are_not_learned_from(digits):
    engine = RoteEngine()
    with pytest.raises(TrainingError):
        list(training_of(CLASSIC, engine, digits))
    kept = varying_pixels(digits.images[:400], CLASSIC.least_std)
    assert 0 < kept.sum() < 784
    pixels = digits.images[:400].reshape(400, 784)[:, kept]
    standardise = CLASSIC.standardise
    np.testing.assert_allclose(
        engine.features, (pixels - standardise.mean) / standardise.std, rtol=1e-4, atol=1e-6
    )
    assert engine.start["1.weight"].shape == (12, kept.sum())

    training, _ = trained(CLASSIC.with_epochs(2), "scratch", digits)
    weight = training.params()["1.weight"]
    assert not weight[:, ~kept].any()
    assert weight[:, kept].all()


@every_recipe
def test_leaving_early_keeps_what_has_been_learned_by_then(recipe, engine, digits):
    training = training_of(recipe, engine, digits)
    start = bits(training.params())
    for count, _ in enumerate(training, start=1):
        if count == 3:
            break
    params = training.params()
    training.network.check(params)
    assert all(p.tobytes() != start[name] for name, p in params.items())
    assert len(training.history) == (3 if recipe.is_full_batch else 0)
    find_engine(engine).classifier(training.network, params).logits(digits.images)
    assert not [t for t in threading.enumerate() if t.name == "minimise"]


def test_leaving_in_the_middle_of_an_epoch_keeps_the_steps_since_the_last(digits):
    engine = RoteEngine()
    training = training_of(BY_ROTE, engine, digits, n=100)
    for record in training:
        if record.epoch == 2:
            break
    assert len(training.history) == 1
    assert bits(training.params()) == bits(engine.parameters())
    assert len(engine.steps) == 4


def test_before_it_begins_the_parameters_are_the_start(digits):
    training = training_of(CNN, "pytorch", digits)
    stream = np.random.SeedSequence(0).spawn(1)[0]
    drawn = initial_parameters(training.network, "pytorch", np.random.default_rng(stream))
    assert bits(training.params()) == bits(drawn)
    assert training.history == []
