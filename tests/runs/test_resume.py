"""A resumed training ends with the same bits as an uninterrupted one."""

import json
from contextlib import suppress
from dataclasses import asdict, replace

import numpy as np
import pytest
from small_trainings import BY_ROTE, CLASSIC, CNN, RoteEngine, bits, trained, training_of

from digitnn.data.augmentation.distortion import Distortion, Shift
from digitnn.engines.find import find_engine
from digitnn.errors import CheckpointError, TrainingError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import BatchNorm, Conv2d, Crop, Dense, Dropout, Flatten, MaxPool2d, Relu
from digitnn.recipes.averaging import Averaging
from digitnn.recipes.optimisers import Adadelta, AdamW, LBfgs, Muon, RmsProp, Sgd
from digitnn.runs.checkpoints import (
    EvaluationLog,
    load_checkpoint,
    save_checkpoint,
    saved_checkpoints,
)

pytestmark = pytest.mark.slow

SMALL = replace(CNN, epochs=2, batch_size=60)
N = 150
OPTIMISERS = [
    AdamW(0.01),
    Sgd(0.05),
    Sgd(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    RmsProp(0.001),
    RmsProp(0.001, momentum=0.9),
    Adadelta(),
    Muon(0.01, weight_decay=0.1),
]
both_engines = pytest.mark.parametrize("engine", ["scratch", "pytorch"])


def no_times(records):
    """What was learned, without how long it took."""
    return [{**asdict(record), "seconds": 0, "images_per_second": 0} for record in records]


def left_after(recipe, engine, digits, count, n=400):
    """A training of which `count` records have been read."""
    training = training_of(recipe, engine, digits, n=n)
    records = iter(training)
    for _ in range(count):
        next(records)
    return training, records


@both_engines
@pytest.mark.parametrize("count", range(1, 7))
def test_mini_batches_resumed_at_any_record_end_with_the_same_bits(engine, count, digits, tmp_path):
    assert_resumes(SMALL, engine, digits, count, tmp_path)


@both_engines
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=repr)
def test_every_optimiser_resumes_with_the_same_bits(engine, optimiser, digits, tmp_path):
    assert_resumes(replace(SMALL, optimiser=optimiser), engine, digits, 2, tmp_path)


EVERYTHING = replace(
    SMALL,
    layers=(
        Crop(2),
        Conv2d(4, 5, stride=2),
        BatchNorm(),
        Relu(),
        MaxPool2d(2),
        Flatten(),
        Dropout(0.3),
        Dense(10),
    ),
    batch_size=30,
    epoch_size=80,
    averaging=Averaging(0.9, every=2),
)
"""Three batches an epoch, the last one whole: of 150 images 80 are rounded up to 90."""


@both_engines
@pytest.mark.parametrize("augmentation", [Shift(1), Distortion(degrees=8, elastic=0.5)], ids=repr)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_statistics_dropout_averages_and_augmentation_resume(
    engine, augmentation, count, digits, tmp_path
):
    recipe = replace(EVERYTHING, augmentation=augmentation)
    assert_resumes(recipe, engine, digits, count, tmp_path)


def assert_resumes(recipe, engine, digits, count, folder):
    """Left after `count` records, by way of the disk, and never left: no difference."""
    whole = training_of(recipe, engine, digits, n=N)
    records = list(whole)
    left, _ = left_after(recipe, engine, digits, count, n=N)
    save_checkpoint(folder, left.checkpoint(), "training")
    resumed = training_of(recipe, engine, digits, n=N)
    resumed.resume(load_checkpoint(saved_checkpoints(folder)[0], "training"))
    assert bits(resumed.params()) == bits(left.params())
    assert no_times(resumed) == no_times(records[count:])
    assert bits(resumed.params()) == bits(whole.params())
    assert no_times(resumed.history) == no_times(whole.history)
    assert resumed.complete


@both_engines
@pytest.mark.parametrize("method", [CLASSIC.optimiser, LBfgs()], ids=["CG", "L-BFGS"])
def test_a_resumed_full_batch_training_computes_nothing_twice(engine, method, digits, tmp_path):
    recipe = replace(CLASSIC, optimiser=method, epochs=5)
    whole, records = trained(recipe, engine, digits)
    for count in range(1, 6):
        computed = []
        log = tmp_path / str(count)
        for last in (count, 5):
            training = training_of(recipe, counting(find_engine(engine), computed), digits)
            training.use_cache(EvaluationLog(log, "training", pytest.fail))
            for record in training:
                if record.epoch == last:
                    break
        assert len(computed) == records[-1].evaluations
        assert no_times(training.history) == no_times(records)
        assert bits(training.params()) == bits(whole.params())


def counting(engine, computed):
    """`engine`, noting every evaluation of the whole split."""

    class Counting:
        def classifier(self, *arguments):
            return engine.classifier(*arguments)

        def trainer(self, *arguments):
            return engine.trainer(*arguments)

        def objective(self, *arguments):
            objective = engine.objective(*arguments)

            def noted(params):
                computed.append(params)
                return objective(params)

            return noted

    return Counting()


def test_time_before_and_after_adds_up(digits):
    left, _ = left_after(SMALL, "scratch", digits, 4, n=N)
    checkpoint = left.checkpoint()
    spent = replace(checkpoint, progress={**checkpoint.progress, "seconds": 1000.0})
    resumed = training_of(SMALL, "scratch", digits, n=N)
    resumed.resume(spent)
    list(resumed)
    assert [record.seconds > 1000 for record in resumed.history] == [False, True]


def test_a_resumed_training_draws_the_remaining_batches(digits):
    whole = RoteEngine()
    list(training_of(BY_ROTE, whole, digits, n=100))
    for count in range(1, 6):
        left, _ = left_after(BY_ROTE, RoteEngine(), digits, count, n=100)
        engine = RoteEngine()
        resumed = training_of(BY_ROTE, engine, digits, n=100)
        resumed.resume(left.checkpoint())
        list(resumed)
        for step, (images, labels, rate) in enumerate(engine.steps[count:], start=count):
            np.testing.assert_array_equal(images, whole.steps[step][0])
            np.testing.assert_array_equal(labels, whole.steps[step][1])
            assert rate == whole.steps[step][2]


def test_a_diverging_resumed_training_keeps_the_last_whole_epoch(digits):
    left, _ = left_after(BY_ROTE, RoteEngine(), digits, 4, n=100)
    engine = RoteEngine(bad_step=5)
    resumed = training_of(BY_ROTE, engine, digits, n=100)
    resumed.resume(left.checkpoint())
    with pytest.raises(TrainingError, match="became nan at step 4"):
        list(resumed)
    after_three_steps = {name: p + np.float32(3) for name, p in engine.start.items()}
    assert bits(resumed.params()) == bits(after_three_steps)


def test_progress_comes_back_from_json_as_it_was(digits):
    left, _ = left_after(SMALL, "scratch", digits, 7)
    progress = left.checkpoint().progress
    assert json.loads(json.dumps(progress)) == progress


@both_engines
def test_a_state_is_a_copy_and_restores_another_trainer_to_the_bit(engine, digits):
    network = SMALL.network()
    start = initial_parameters(network, "pytorch", np.random.default_rng(0))
    one, other = (
        find_engine(engine).trainer(network, start, SMALL.optimiser, SMALL.loss, 0)
        for _ in range(2)
    )
    one.step(digits.images[:50], digits.labels[:50], 0.01)
    state = one.state()
    kept = bits(state)
    one.step(digits.images[50:100], digits.labels[50:100], 0.01)
    assert bits(state) == kept != bits(one.state())
    other.restore(state)
    other.step(digits.images[50:100], digits.labels[50:100], 0.01)
    assert bits(other.state()) == bits(one.state())


@both_engines
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimiser": Sgd(0.1)}, "has the unknown 'optimiser"),
        ({"optimiser": RmsProp(0.1)}, "lacks|has the unknown"),
        ({"layers": (Flatten(), Dense(10))}, "has the unknown"),
        ({"layers": (Conv2d(5, 5), *CNN.layers[1:])}, r"must be float32 \(5.*, got .* \(4"),
    ],
)
def test_the_state_of_another_training_is_refused(engine, change, words, digits):
    def state_of(recipe):
        network = recipe.network()
        start = initial_parameters(network, "pytorch", np.random.default_rng(0))
        return find_engine(engine).trainer(network, start, recipe.optimiser, recipe.loss, 0)

    with pytest.raises(CheckpointError, match=words):
        state_of(replace(SMALL, **change)).restore(state_of(SMALL).state())


@pytest.mark.parametrize("lost", ["position", "history", "step"])
def test_an_incomplete_checkpoint_is_refused(lost, digits):
    left, _ = left_after(SMALL, "scratch", digits, 2)
    checkpoint = left.checkpoint()
    progress = json.loads(json.dumps(checkpoint.progress))
    (progress if lost in progress else progress["position"]).pop(lost)
    with pytest.raises(CheckpointError, match=f"another training.*{lost}"):
        training_of(SMALL, "scratch", digits).resume(replace(checkpoint, progress=progress))


def test_a_resumed_training_can_be_iterated_once_only(digits):
    left, _ = left_after(SMALL, "scratch", digits, 2)
    resumed = training_of(SMALL, "scratch", digits)
    resumed.resume(left.checkpoint())
    with suppress(StopIteration):
        next(iter(resumed))
    with pytest.raises(TrainingError, match="iterated once"):
        list(resumed)
