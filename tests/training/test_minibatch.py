"""What the shared loop does with a recipe: parts of epochs, augmented batches, averages."""

from dataclasses import replace

import numpy as np
import pytest
from small_trainings import BY_ROTE, CNN, RoteEngine, bits, training_of

from digitnn.data.augmentation.apply import augment_batch
from digitnn.data.augmentation.distortion import Distortion, Shift
from digitnn.engines.find import find_engine
from digitnn.errors import UsageError
from digitnn.evaluation.evaluation import evaluate
from digitnn.recipes import averaging
from digitnn.recipes.averaging import Averaging
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import ConjugateGradient
from digitnn.training.minibatch import streams
from digitnn.training.records import EpochRecord

pytestmark = pytest.mark.slow


def batches_of(recipe, digits, seed=0):
    """The images and labels of every step, and the training."""
    engine = RoteEngine()
    training = training_of(recipe, engine, digits, seed)
    records = list(training)
    return [(images, labels) for images, labels, _ in engine.steps], training, records


def test_an_epoch_of_fewer_images_takes_whole_batches_and_others_each_time(digits):
    recipe = replace(BY_ROTE, epoch_size=90, epochs=3)  # batches of 40
    steps, training, records = batches_of(recipe, digits)
    assert [len(labels) for _, labels in steps] == [40] * 9
    epochs = [
        {image.tobytes() for images, _ in steps[at : at + 3] for image in images}
        for at in (0, 3, 6)
    ]
    assert all(len(seen) == 120 for seen in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert [record.epoch for record in records if isinstance(record, EpochRecord)] == [1, 2, 3]
    assert records[-1].done == 1
    # step s of RoteEngine costs s nats an image and reads 10 right
    assert training.history[0].loss == pytest.approx((1 + 2 + 3) / 3)
    assert training.history[0].accuracy == pytest.approx(30 / 120)


def test_more_images_than_there_are_is_all_of_them(digits):
    whole, _, _ = batches_of(BY_ROTE, digits)
    more, _, _ = batches_of(replace(BY_ROTE, epoch_size=10_000), digits)
    for (a, _), (b, _) in zip(whole, more, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("augmentation", [Shift(2), Distortion(degrees=20, shift=1)], ids=repr)
def test_a_step_learns_from_its_batch_augmented_by_its_number(augmentation, digits):
    plain, _, _ = batches_of(BY_ROTE, digits, seed=4)
    found, _, _ = batches_of(replace(BY_ROTE, augmentation=augmentation), digits, seed=4)
    seed = streams(4).augmentation
    for step, ((images, labels), (before, same)) in enumerate(zip(found, plain, strict=True)):
        np.testing.assert_array_equal(labels, same)
        np.testing.assert_array_equal(images, augment_batch(before, augmentation, seed, step))
        assert (images != before).any()


@pytest.mark.parametrize("every", [1, 3])
def test_the_average_of_all_steps_is_validated_and_kept(every, digits):
    settings = Averaging(0.8, every=every)
    recipe = replace(CNN, averaging=settings, epochs=2)
    training = training_of(recipe, "scratch", digits)
    plain = training_of(replace(recipe, averaging=None), "scratch", digits)
    average = averaging.begin(plain.params())
    for step, _ in enumerate(plain, start=1):
        if settings.is_due(step):
            average = averaging.update(average, plain.params(), settings)
    for _ in training:
        pass
    assert bits(training.params()) == bits(average.arrays)
    assert bits(training.params()) != bits(plain.params())
    classifier = find_engine("scratch").classifier(training.network, average.arrays)
    assert training.history[-1].valid_loss == evaluate(classifier, training.valid).loss_nats


def test_the_streams_of_a_seed_do_not_touch_each_other():
    one, same, other = streams(5), streams(5), streams(6)
    for name in ("dropout", "augmentation"):
        assert getattr(one, name) == getattr(same, name) != getattr(other, name)
    assert one.dropout != one.augmentation
    assert one.weights.random() == same.weights.random() != one.batches.random()


@pytest.mark.parametrize("size", [0, -5, 2.5, True])
def test_an_epoch_has_a_whole_number_of_images(size):
    with pytest.raises(UsageError, match="epoch_size must be a whole number of at least 1, got"):
        replace(RECIPES["cnn"], epoch_size=size)


def test_full_batch_has_all_images_in_an_epoch():
    assert isinstance(RECIPES["classic"].optimiser, ConjugateGradient)
    with pytest.raises(UsageError, match="epoch_size takes effect with mini-batches only"):
        replace(RECIPES["classic"], epoch_size=100)
