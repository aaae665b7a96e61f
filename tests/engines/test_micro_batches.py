"""Batches cut into micro-batches: the parts, and the steps of the PyTorch engine on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from both_engines import ROUNDING, in_double
from small_trainings import CNN, bits, training_of

from digitnn.data.augmentation.distortion import Shift
from digitnn.engines.micro_batches import GroupEnded, MicroBatches
from digitnn.engines.pytorch.engine import PytorchEngine
from digitnn.engines.pytorch.micro_batches import MicroBatchEngine
from digitnn.engines.pytorch.process_group import ProcessGroup, in_order
from digitnn.errors import PeerError, TrainingError, UsageError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import (
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    SoftmaxCrossEntropy,
)
from digitnn.network.network import Network
from digitnn.recipes.optimisers import Adam, Sgd
from digitnn.training.records import Clock

PLAIN = Network((Conv2d(4, 5), Relu(), MaxPool2d(4), Flatten(), Dense(10)))
NORMALISED = Network((Conv2d(4, 5), MaxPool2d(4), BatchNorm(), Relu(), Flatten(), Dense(10)))
DROPPED = Network((Flatten(), Dense(12), Relu(), Dropout(0.5), Dense(10)))
LOSS = SoftmaxCrossEntropy()


class Mirror(ProcessGroup):
    """A group of two processes, the other of which sends what this one does, or something else."""

    def __init__(self, change=lambda row: row):
        self.change, self.size = change, 2

    def gather(self, row):
        return torch.stack((row, self.change(row.clone())))

    def sum_in_order(self, rows):
        return in_order(torch.cat((rows, rows)))


def trainer_of(network, params, count, optimiser=None, group=None, size=1):
    engine = MicroBatchEngine(MicroBatches(count, size=size), group)
    return engine.trainer(network, params, optimiser or Sgd(0.1), LOSS, 7)


def params_of(network, rng):
    return in_double(initial_parameters(network, "pytorch", rng))


@pytest.mark.parametrize("n", [0, 1, 3, 4, 50, 128])
@pytest.mark.parametrize("count", [1, 4, 6])
def test_parts_cover_a_batch_in_order_and_differ_by_at_most_one_image(n, count):
    parts = MicroBatches(count).cut(n)
    assert np.array_equal(np.concatenate([np.arange(n)[at] for at in parts]), np.arange(n))
    sizes = [at.stop - at.start for at in parts]
    assert len(sizes) == count
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_each_part_belongs_to_one_process(size):
    whole = list(enumerate(MicroBatches(6).cut(50)))
    shares = [list(MicroBatches(6, rank=rank, size=size).own(50)) for rank in range(size)]
    assert [own for share in shares for own in share] == whole
    assert {len(share) for share in shares} == {6 // size}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"count": 4, "size": 3}, "3 processes cannot share 4 micro-batches equally"),
        ({"count": 0}, "from 1 to 4096, got 0"),
        ({"count": 4, "reduction": "tree"}, "ordered, all-reduce, got 'tree'"),
    ],
)
def test_a_cut_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(UsageError, match=words):
        MicroBatches(**arguments)


@pytest.mark.engines
@pytest.mark.parametrize("count", [1, 3, 4])
def test_steps_without_batch_norm_are_those_on_whole_batches(count, rng, digits):
    params = params_of(PLAIN, rng)
    whole = PytorchEngine().trainer(PLAIN, params, Adam(0.01), LOSS, 7)
    parts = trainer_of(PLAIN, params, count, Adam(0.01))
    for step in range(3):
        batch = digits[step * 50 : step * 50 + 50]
        expected = whole.step(batch.images, batch.labels, 0.01)
        found = parts.step(batch.images, batch.labels, 0.01)
        assert found.correct == expected.correct
        assert found.total == pytest.approx(expected.total, rel=1e-9)
    for name, p in whole.parameters().items():
        np.testing.assert_allclose(parts.parameters()[name], p, rtol=0, atol=0.03 * ROUNDING)


def test_running_statistics_are_those_of_each_part_in_order(rng, digits):
    params = params_of(NORMALISED, rng)
    trainer = trainer_of(NORMALISED, params, 4)
    trainer.step(digits.images[:50], digits.labels[:50], 0.0)
    found = trainer.parameters()
    momentum = 1 - (1 - NORMALISED.layers[2].momentum) ** (1 / 4)
    module = PytorchEngine().trainer(NORMALISED, params, Sgd(0.1), LOSS, 7).module
    mean, variance = np.zeros(4), np.ones(4)
    for at in MicroBatches(4).cut(50):
        x = torch.from_numpy(NORMALISED.inputs(digits.images[:50][at])).double()
        planes = module[1](module[0](x)).detach().numpy().transpose(1, 0, 2, 3).reshape(4, -1)
        mean = (1 - momentum) * mean + momentum * planes.mean(axis=1)
        variance = (1 - momentum) * variance + momentum * planes.var(axis=1, ddof=1)
    np.testing.assert_allclose(found["2.running_mean"], mean, rtol=1e-9)
    np.testing.assert_allclose(found["2.running_var"], variance, rtol=1e-9)


def test_a_batch_smaller_than_the_number_of_parts_trains(rng, digits):
    params = params_of(PLAIN, rng)
    whole = PytorchEngine().trainer(PLAIN, params, Sgd(0.1), LOSS, 7)
    parts = trainer_of(PLAIN, params, 4)
    for trainer in (whole, parts):
        trainer.step(digits.images[:3], digits.labels[:3], 0.1)
    for name, p in whole.parameters().items():
        np.testing.assert_allclose(parts.parameters()[name], p, rtol=1e-9, atol=1e-12)


def test_parts_of_a_single_image_are_refused_where_batch_norm_follows_a_dense_layer(digits):
    layers = (Flatten(), Dense(8), BatchNorm(), Dense(10))
    with pytest.raises(TrainingError, match="4 micro-batches: layer 2"):
        training_of(
            replace(CNN, layers=layers, batch_size=50), MicroBatchEngine(MicroBatches(4)), digits,
            n=54,
        )  # fmt: skip


def test_a_loss_that_is_not_finite_changes_nothing(rng, digits):
    params = params_of(NORMALISED, rng)
    trainer = trainer_of(NORMALISED, {n: p * 1e308 for n, p in params.items()}, 4)
    before = trainer.state()
    outcome = trainer.step(digits.images[:50], digits.labels[:50], 0.1)
    assert not np.isfinite(outcome.total)
    assert bits(trainer.state()) == bits(before)


def test_each_part_drops_other_units_and_is_augmented_in_another_way(digits):
    same = replace(CNN, layers=DROPPED.layers, batch_size=48, epochs=1, augmentation=Shift(2))
    engine = MicroBatchEngine(MicroBatches(4))
    training = training_of(same, engine, digits, n=48)
    kept, seen = [], []
    trainer = engine.trainer(training.network, training.params(), Adam(0.1), LOSS, 7)
    forward = trainer._whole.forward

    def noting(images, labels, units):
        seen.append(images)
        kept.append(units[3])
        return forward(images, labels, units)

    trainer._whole.forward = noting
    trainer.step(digits.images[:48], digits.labels[:48], 0.1)
    assert len({units.tobytes() for units in kept}) == 4
    loop = training._begin(Clock())
    repeated = np.repeat(digits.images[:1], 48, axis=0)
    parts = np.split(loop._augment(repeated.copy(), Shift(2)), 4)
    assert len({part.tobytes() for part in parts}) == 4


def test_a_process_that_holds_other_parameters_is_named(rng, digits):
    def other_checksum(row):
        row[1] += 1
        return row

    params = params_of(PLAIN, rng)
    images, labels = digits.images[:50], digits.labels[:50]
    trainer_of(PLAIN, params, 4, group=Mirror(), size=2).step(images, labels, 0.1)
    with pytest.raises(PeerError, match="process 1 differ from those of process 0 at step 0"):
        trainer_of(PLAIN, params, 4, group=Mirror(other_checksum), size=2).step(images, labels, 0.1)


def test_a_step_that_the_first_process_does_not_take_changes_nothing(rng, digits):
    def ended(row):
        row[0] = 1
        return row

    trainer = trainer_of(NORMALISED, params_of(NORMALISED, rng), 4, group=Mirror(ended), size=2)
    before = trainer.state()
    with pytest.raises(GroupEnded):
        trainer.step(digits.images[:50], digits.labels[:50], 0.1)
    assert bits(trainer.state()) == bits(before)


def test_rows_are_added_from_the_first_to_the_last():
    rows = torch.tensor([[1e8], [1.0], [-1e8], [1.0]])
    assert in_order(rows).tolist() == [1.0]
    assert in_order(rows.flip(0)).tolist() == [0.0]
