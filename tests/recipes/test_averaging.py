"""The moving average of parameters: its formula, its reach, its state in a checkpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from digitnn.errors import UsageError
from digitnn.network.codec import to_json
from digitnn.recipes.averaging import Average, Averaging, begin, update


def walk(rng, steps):
    """Parameters and buffers after each step of a random walk."""
    weight = np.cumsum(rng.normal(size=(steps, 3, 2)), axis=0).astype(np.float32)
    mean = np.cumsum(rng.normal(size=(steps, 4)), axis=0).astype(np.float64)
    return [
        {"0.weight": weight[i], "1.running_mean": mean[i], "1.num_batches": np.array(i + 1)}
        for i in range(steps)
    ]


def follow(places, averaging):
    average = begin(places[0])
    for step, arrays in enumerate(places[1:], start=1):
        if averaging.is_due(step):
            average = update(average, arrays, averaging)
    return average


def numbers(values):
    """A training of one parameter that takes these values."""
    return [{"p": np.array([value])} for value in values]


def test_the_first_updates_are_as_computed_by_hand():
    first = follow(numbers([1.0, 12.0]), Averaging(0.999))  # 2/11 of the start, 9/11 of the new
    assert first.arrays["p"] == pytest.approx(2 / 11 + 12 * 9 / 11)
    second = follow(numbers([1.0, 12.0, 0.0]), Averaging(0.999))  # then 3/12
    assert second.arrays["p"] == pytest.approx((2 / 11 + 12 * 9 / 11) / 4)
    low = follow(numbers([1.0, 12.0, 0.0]), Averaging(0.1))
    assert low.arrays["p"] == pytest.approx((0.1 + 12 * 0.9) * 0.1)


def test_once_warm_it_is_the_average_of_pytorch(rng):
    averaging, places = Averaging(0.9), rng.normal(size=(60, 5))
    model = torch.nn.Linear(5, 1, bias=False, dtype=torch.float64)
    theirs = AveragedModel(model, avg_fn=lambda old, new, count: 0.9 * old + 0.1 * new)
    ours = Average({"w": places[0]}, updates=1000)
    for place in places:
        with torch.no_grad():
            model.weight.copy_(torch.tensor(place[None]))
        theirs.update_parameters(model)
    for place in places[1:]:
        ours = update(ours, {"w": place}, averaging)
    expected = theirs.module.weight.detach().numpy()[0]
    np.testing.assert_allclose(ours.arrays["w"], expected, rtol=1e-12)


def test_parameters_that_stay_are_their_own_average(rng):
    places = walk(rng, 1) * 50
    for name, array in follow(places, Averaging(0.99)).arrays.items():
        np.testing.assert_array_equal(array, places[0][name])


@pytest.mark.parametrize("steps", [200, 2_000, 20_000])
def test_the_start_is_forgotten_in_short_trainings_and_in_long_ones(steps):
    average = follow(numbers([1.0] + [0.0] * steps), Averaging(0.9999))
    assert 0 <= average.arrays["p"][0] < 1e-9


@pytest.mark.parametrize(("steps", "reach"), [(200, 20), (2_000, 200), (20_000, 1_000)])
def test_it_reaches_back_a_ninth_of_the_training_but_no_further_than_its_decay(steps, reach):
    averaged = follow(numbers(np.arange(steps + 1.0)), Averaging(0.999)).arrays["p"][0]
    assert steps - averaged == pytest.approx(reach, rel=0.03)


@pytest.mark.parametrize("steps", [200, 20_000])
def test_fewer_updates_reach_back_as_far(steps):
    places = numbers(np.arange(steps + 1.0))
    lags = [steps - follow(places, Averaging(0.999, every)).arrays["p"][0] for every in (1, 2, 5)]
    np.testing.assert_allclose(lags, lags[0], rtol=0.12)


def test_updates_are_due_every_so_many_steps():
    due = [step for step in range(1, 11) if Averaging(0.9, every=3).is_due(step)]
    assert due == [3, 6, 9]
    assert follow(numbers(range(12)), Averaging(0.9, every=3)).updates == 3


def test_every_array_keeps_its_type_and_whole_numbers_are_the_latest(rng):
    places = walk(rng, 30)
    average = follow(places, Averaging(0.9))
    for name, array in average.arrays.items():
        assert (array.dtype, array.shape) == (places[0][name].dtype, places[0][name].shape)
    assert average.arrays["1.num_batches"] == 30
    assert average.arrays["1.running_mean"] != pytest.approx(places[-1]["1.running_mean"])


def test_nothing_that_is_passed_in_is_changed_or_kept(rng):
    places = walk(rng, 3)
    copies = [{name: array.copy() for name, array in place.items()} for place in places]
    start = begin(places[0])
    after = update(start, places[1], Averaging(0.9))
    for name, array in after.arrays.items():
        np.testing.assert_array_equal(start.arrays[name], copies[0][name])
        np.testing.assert_array_equal(places[1][name], copies[1][name])
        for place in places:
            assert not np.shares_memory(array, place[name])
            assert not np.shares_memory(start.arrays[name], place[name])


def test_an_average_restored_from_its_arrays_and_count_goes_on_to_the_same_bits(rng):
    averaging, places = Averaging(0.97), walk(rng, 40)
    whole = follow(places, averaging)
    half = follow(places[:20], averaging)
    saved = {name: array.tobytes() for name, array in half.arrays.items()}
    restored = Average(
        {
            name: np.frombuffer(saved[name], array.dtype).reshape(array.shape)
            for name, array in half.arrays.items()
        },
        half.updates,
    )
    for arrays in places[20:]:
        restored = update(restored, arrays, averaging)
    assert restored.updates == whole.updates == 39
    for name, array in whole.arrays.items():
        assert restored.arrays[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("decay", [-0.1, 1, 1.5, float("nan"), True, "0.9", None])
def test_a_decay_that_is_no_share_is_refused(decay):
    expected = r"^Averaging: decay must be a finite number of at least 0 and below 1, got "
    with pytest.raises(UsageError, match=expected):
        Averaging(decay)


@pytest.mark.parametrize("every", [0, -1, 2.0, True, None])
def test_steps_between_updates_are_a_whole_number_of_at_least_1(every):
    expected = r"^Averaging: every must be a whole number of at least 1, got "
    with pytest.raises(UsageError, match=expected):
        replace(Averaging(0.9), every=every)


def test_an_averaging_is_written_as_plain_values():
    expected = {"averaging": "Averaging", "decay": 0.99, "every": 5}
    assert to_json(Averaging(0.99, every=5), "averaging") == expected
