"""Mini-batches on the scratch engine: the same steps as PyTorch takes, from equal weights."""

from dataclasses import replace

import numpy as np
import pytest
from small_trainings import CNN

from digitnn.engines import find_engine
from digitnn.initialisation import initial_parameters
from digitnn.layers import Dense, Flatten, Relu
from digitnn.recipes import RECIPES
from digitnn.scratch import blocks
from digitnn.scratch.flat import Layout

SMALL_MLP = replace(CNN, layers=(Flatten(), Dense(20), Relu(), Dense(10)))


def steps(engine, recipe, digits, count, batch=48):
    """The trainer after `count` steps, and the outcome of each."""
    network = recipe.network()
    start = initial_parameters(network, "pytorch", np.random.default_rng(3))
    trainer = find_engine(engine).trainer(network, start, recipe.optimiser, recipe.loss, seed=5)
    outcomes = []
    for step in range(count):
        at = slice(step * batch, (step + 1) * batch)
        outcomes.append(trainer.step(digits.images[at], digits.labels[at], 0.002))
    return trainer, outcomes


@pytest.mark.parametrize("recipe", [CNN, SMALL_MLP, RECIPES["cnn"]], ids=["cnn", "mlp", "the cnn"])
def test_ten_steps_on_both_engines_end_with_equal_numbers(recipe, digits):
    scratch, ours = steps("scratch", recipe, digits, 10)
    pytorch, theirs = steps("pytorch", recipe, digits, 10)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.total == pytest.approx(other.total, rel=1e-4)
        assert mine.correct == other.correct
    expected = pytorch.parameters()
    found = scratch.parameters()
    assert found.keys() == expected.keys()
    for name, p in found.items():
        assert p.flags.c_contiguous
        # ten steps of at most 0.002 each: a wrong gradient would be off by 0.002 and more
        np.testing.assert_allclose(p, expected[name], atol=1e-4)


def test_the_bits_do_not_depend_on_the_number_of_cores(digits, monkeypatch):
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(blocks, "threads", lambda cores=cores: cores)
        trainer, _ = steps("scratch", CNN, digits, 3, batch=100)
        found.append(trainer.parameters())
    for other in found[1:]:
        for name, p in found[0].items():
            np.testing.assert_array_equal(p, other[name])


def test_a_step_whose_loss_is_not_finite_is_not_taken(digits):
    trainer, _ = steps("scratch", CNN, digits, 1)
    trainer._vector[:] = np.inf
    before = trainer.parameters()
    with np.errstate(all="ignore"):
        outcome = trainer.step(digits.images[:10], digits.labels[:10], 0.1)
    assert not np.isfinite(outcome.total)
    for name, p in trainer.parameters().items():
        np.testing.assert_array_equal(p, before[name])


def test_a_layout_gives_back_what_it_was_given(rng):
    network = CNN.network()
    params = initial_parameters(network, "pytorch", rng)
    layout = Layout(network.parameter_shapes())
    views = layout.views(layout.vector(params))
    assert layout.size == network.parameter_count()
    for name, p in params.items():
        np.testing.assert_array_equal(views[name], p)
