"""Trainings that cannot begin or cannot go on: what is said, and what is kept."""

from dataclasses import replace

import numpy as np
import pytest
from small_trainings import BY_ROTE, CLASSIC, CNN, RoteEngine, bits, training_of

from digitnn.errors import TrainingError
from digitnn.recipes.optimisers import Adam
from digitnn.recipes.schedules import Constant
from digitnn.training.training import Training


def test_a_loss_that_is_no_number_ends_training_with_the_last_whole_epoch(digits):
    engine = RoteEngine(bad_step=5)
    training = training_of(BY_ROTE, engine, digits, n=100)
    with pytest.raises(TrainingError, match="the loss became nan at step 4, learning rate"):
        list(training)
    assert [record.epoch for record in training.history] == [1]
    after_three_steps = {name: p + np.float32(3) for name, p in engine.start.items()}
    assert bits(training.params()) == bits(after_three_steps)


def test_a_full_batch_loss_that_is_no_number_ends_training_with_the_start(digits):
    training = training_of(CLASSIC, RoteEngine(), digits)
    start = bits(training.params())
    with pytest.raises(TrainingError, match="or its gradient is not finite"):
        list(training)
    assert bits(training.params()) == start


@pytest.mark.parametrize("batch_size", [50, 400], ids=["in an epoch", "seen when validating"])
@pytest.mark.parametrize("rate", [1e30, 1e39])
def test_a_network_that_blows_up_is_left_as_it_was_when_still_sound(batch_size, rate, digits):
    optimiser = Adam(rate, schedule=Constant())
    recipe = replace(CNN, optimiser=optimiser, batch_size=batch_size)
    training = training_of(recipe, "pytorch", digits)
    start = bits(training.params())
    with pytest.raises(TrainingError, match="try a smaller learning rate"):
        list(training)
    assert bits(training.params()) == start
    assert training.history == []


def test_batches_larger_than_the_data_are_refused(digits):
    with pytest.raises(TrainingError, match=r"cnn takes batches of at least 50 .* only 49 to"):
        training_of(CNN, "pytorch", digits, n=49)
    assert training_of(CNN, "pytorch", digits, n=50)


def test_a_full_batch_may_be_smaller_than_a_batch_but_not_empty(digits):
    assert len(list(training_of(CLASSIC.with_epochs(1), "scratch", digits, n=20))) == 1
    with pytest.raises(TrainingError, match="only 0 to train on"):
        training_of(CLASSIC, "scratch", digits, n=0)


def test_nothing_to_validate_on_is_refused_before_training(digits):
    with pytest.raises(TrainingError, match="digits: no images to validate on"):
        Training(CNN, RoteEngine(), digits, digits[:0], 0)
