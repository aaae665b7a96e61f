"""Mini-batches on the scratch engine: the same steps as PyTorch takes, from equal weights."""

from dataclasses import replace

import numpy as np
import pytest
from both_engines import assert_equal_steps, steps
from small_trainings import CNN

from digitnn.engines.scratch import blocks
from digitnn.engines.scratch.parameter_vector import Layout
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Dense, Flatten, Relu
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Sgd

SMALL_MLP = replace(CNN, layers=(Flatten(), Dense(20), Relu(), Dense(10)))


def start_of(recipe):
    return initial_parameters(recipe.network(), "pytorch", np.random.default_rng(3))


def after_steps(digits, count, batch=48):
    """The trainer of CNN on the scratch engine after `count` steps."""
    trainer, _ = steps(
        *("scratch", CNN.network(), start_of(CNN), CNN.optimiser, digits, count),
        rate=0.002,
        batch=batch,
    )
    return trainer


@pytest.mark.engines
@pytest.mark.parametrize("recipe", [CNN, SMALL_MLP, RECIPES["cnn"]], ids=["cnn", "mlp", "the cnn"])
def test_ten_steps_on_both_engines_end_with_equal_numbers(recipe, digits):
    network, start = recipe.network(), start_of(recipe)
    end = assert_equal_steps(
        *(network, start, recipe.optimiser, digits, 10), rate=0.002, batch=48, loss=recipe.loss
    )
    for name, p in end.items():
        assert np.abs(p - start[name]).max() > 0.002


@pytest.mark.engines
@pytest.mark.parametrize("recipe", [CNN, SMALL_MLP], ids=["cnn", "mlp"])
def test_single_precision_takes_both_engines_the_same_way_where_no_step_is_divided(recipe, digits):
    """A step of SGD is as exact as its gradient: 2^-24 times the square root of 48 x 24 x 24
    summands is 1e-5. A unit that rounding puts to the other side of ReLU's kink costs its share of
    one image of 48, a hundredth of the gradient at most."""
    network, start, optimiser = recipe.network(), start_of(recipe), Sgd(0.1, momentum=0.9)
    (scratch, ours), (pytorch, theirs) = (
        steps(engine, network, start, optimiser, digits, 10, rate=0.01, batch=48)
        for engine in ("scratch", "pytorch")
    )
    expected = pytorch.parameters()
    for name, p in scratch.parameters().items():
        assert p.dtype == expected[name].dtype == np.float32
        way = np.abs(p - start[name]).max()
        np.testing.assert_allclose(p, expected[name], rtol=0, atol=0.01 * way, err_msg=name)
    np.testing.assert_allclose(
        [outcome.total for outcome in ours], [outcome.total for outcome in theirs], rtol=1e-3
    )


def test_the_bits_do_not_depend_on_the_number_of_cores(digits, monkeypatch):
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(blocks, "threads", lambda cores=cores: cores)
        trainer = after_steps(digits, 3, batch=100)
        found.append(trainer.parameters())
    for other in found[1:]:
        for name, p in found[0].items():
            np.testing.assert_array_equal(p, other[name])


def test_a_step_whose_loss_is_not_finite_is_not_taken(digits):
    trainer = after_steps(digits, 1)
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
