"""The loss over a whole split, block by block on many threads, is the plain one."""

import threading

import numpy as np
import pytest

from digitnn.engines.scratch import blocks, trainer
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.blocks import PARTS, run_blocks
from digitnn.engines.scratch.losses import LOSSES
from digitnn.engines.scratch.trainer import SplitObjective
from digitnn.network.layers import Dense, Flatten, Sigmoid, SigmoidCrossEntropy, SoftmaxCrossEntropy

LAYERS = (Flatten(), Dense(8), Sigmoid(), Dense(10))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(trainer, "block_size", lambda _: 7)


def split_of(n, rng):
    """Parameters of LAYERS over 5 features, n rows of features, n labels."""
    params = {
        "1.weight": rng.normal(size=(8, 5)).astype(np.float32),
        "1.bias": rng.normal(size=8).astype(np.float32),
        "3.weight": rng.normal(size=(10, 8)).astype(np.float32),
        "3.bias": rng.normal(size=10).astype(np.float32),
    }
    features = rng.normal(size=(n, 5)).astype(np.float32)
    return params, features, rng.integers(0, 10, n).astype(np.uint8)


def bits(found):
    """An objective's answer, comparable to the last bit."""
    outcome, gradients = found
    return outcome, {name: gradient.tobytes() for name, gradient in gradients.items()}


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.1), SigmoidCrossEntropy()])
@pytest.mark.parametrize("n", [1, 6, 7, 8, 7 * PARTS, 7 * PARTS + 1, 300])
def test_blocks_of_any_number_add_up_to_the_plain_computation(n, loss, rng):
    params, features, labels = split_of(n, rng)
    outcome, gradients = SplitObjective(LAYERS, features, labels, loss)(params)

    double = {name: p.astype(np.float64) for name, p in params.items()}
    logits, backward = forward(LAYERS, double, features.astype(np.float64))
    total, dlogits = LOSSES[type(loss)](loss, logits, labels)
    np.testing.assert_allclose(outcome.total, total, rtol=1e-5)  # a logit is right to 1e-6
    assert outcome.correct == np.count_nonzero(logits.argmax(axis=1) == labels)
    expected = backward(dlogits)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-4, atol=2e-5 * np.sqrt(n))


def test_equal_inputs_give_equal_bits_on_any_number_of_cores(rng, monkeypatch):
    params, features, labels = split_of(300, rng)
    found = []
    for cores in (1, 2, 3, 2):
        monkeypatch.setattr(blocks, "threads", lambda cores=cores: cores)
        found.append(bits(SplitObjective(LAYERS, features, labels, SoftmaxCrossEntropy())(params)))
    assert found[0] == found[1] == found[2] == found[3]


def test_parameters_and_features_stay_as_they_are(rng):
    params, features, labels = split_of(50, rng)
    before = {name: p.copy() for name, p in params.items()}, features.copy()
    whole = SplitObjective(LAYERS, features, labels, SoftmaxCrossEntropy())
    assert bits(whole(params)) == bits(whole(params))
    np.testing.assert_array_equal(features, before[1])
    for name, p in params.items():
        np.testing.assert_array_equal(p, before[0][name])


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 10 * PARTS, 10 * PARTS + 5])
def test_every_image_is_in_exactly_one_block(n):
    seen = np.zeros(n, int)
    for part in run_blocks(lambda blocks: blocks, n, 10):
        for block in part:
            assert block.start < block.stop <= min(block.start + 10, n)
            seen[block] += 1
    np.testing.assert_array_equal(seen, 1)


def test_results_come_in_the_order_of_the_parts_however_long_each_takes(monkeypatch):
    monkeypatch.setattr(blocks, "threads", lambda: 2)
    second_is_done = threading.Event()

    def work(part):
        if part[0].start == 0:
            assert second_is_done.wait(10)
        elif part[0].start == 1:
            second_is_done.set()
        return part[0].start

    assert run_blocks(work, 4, 1) == [0, 1, 2, 3]


def test_an_error_in_a_block_reaches_the_caller():
    def fail(part):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_blocks(fail, 300, 10)
