"""The compiled passes: to the bit what NumPy does, and nothing that anybody must have."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from small_trainings import CNN

from digitnn.engines.find import find_engine
from digitnn.engines.scratch import compiled as switch
from digitnn.engines.scratch import optimisers
from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.optimisers_in_place import update_in_place
from digitnn.engines.scratch.pooling import conv_relu_pool
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Conv2d, MaxPool2d
from digitnn.recipes.optimisers import Adam, AdamW


@pytest.fixture(autouse=True)
def loaded():
    compiled.load()
    assert compiled.kernels is not None, "the tests need the extra 'fast'"


def both_ways(work):
    """What `work` gives compiled and in NumPy."""
    with_kernels = work()
    with compiled.switched_off():
        assert compiled.kernels is None
        return with_kernels, work()


def assert_equal(found, expected):
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("extent", [12, 11])
def test_convolution_relu_and_pooling_have_the_bits_of_numpy(size, extent, rng):
    conv, pool = Conv2d(3, 2), MaxPool2d(size)
    x = rng.integers(-2, 3, (5, 2, extent, extent)).astype(np.float32)  # whole numbers: many ties
    params = {
        "weight": rng.integers(-1, 2, (3, 2, 2, 2)).astype(np.float32),
        "bias": (rng.normal(size=3) - 4).astype(np.float32),
    }

    def work():
        y, backward = conv_relu_pool(conv, pool, params, x)
        dy = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        dx, gradients = backward(dy, True)
        return y, dx, gradients["weight"], gradients["bias"]

    found, expected = both_ways(work)
    assert np.count_nonzero(expected[0]) not in (0, expected[0].size)  # ReLU had something to do
    assert_equal(found, expected)


@pytest.mark.parametrize("where", range(4))
def test_what_is_not_a_number_is_not_hidden(where):
    x = np.ones((1, 1, 2, 2), np.float32)
    x.flat[where] = np.nan
    params = {"weight": np.ones((1, 1, 1, 1), np.float32), "bias": np.zeros(1, np.float32)}

    def work():
        y, backward = conv_relu_pool(Conv2d(1, 1), MaxPool2d(2), params, x)
        return y, backward(np.ones_like(y), True)[0]

    found, expected = both_ways(work)
    assert np.isnan(found[0]).all()
    assert_equal(found, expected)


@pytest.mark.parametrize("optimiser", [Adam(0.01, beta1=0.8, beta2=0.9), AdamW(0.01)], ids=str)
def test_adam_has_the_bits_of_numpy(optimiser, rng):
    start = rng.normal(size=1001).astype(np.float32)
    gradients = rng.normal(size=(5, 1001)).astype(np.float32)
    gradients[:, :3] = 0

    def work():
        params, state = start.copy(), optimisers.init(optimiser, start)
        for rate, gradient in zip((0.1, 0.2, 0.0, 0.3, 0.1), gradients, strict=True):
            update_in_place(optimiser, params, gradient.copy(), state, rate)
        return params, state["sum"], state["square_sum"]

    found, expected = both_ways(work)
    assert not np.array_equal(expected[0], start)
    assert_equal(found, expected)


def test_a_training_has_the_same_bits_with_and_without_them(digits):
    network = CNN.network()
    start = initial_parameters(network, "pytorch", np.random.default_rng(3))

    def work():
        trainer = find_engine("scratch").trainer(network, start, CNN.optimiser, CNN.loss, seed=0)
        for at in (slice(0, 100), slice(100, 200), slice(200, 217)):
            trainer.step(digits.images[at], digits.labels[at], 0.002)
        return list(trainer.parameters().values())

    assert_equal(*both_ways(work))


def test_double_precision_stays_with_numpy(rng):
    params = {"weight": rng.normal(size=(2, 1, 2, 2)), "bias": rng.normal(size=2)}
    y, _ = conv_relu_pool(Conv2d(2, 2), MaxPool2d(2), params, rng.normal(size=(3, 1, 5, 5)))
    assert y.dtype == np.float64


def test_they_are_switched_off_for_all_threads_and_on_again():
    seen = []
    with compiled.switched_off():
        thread = threading.Thread(target=lambda: seen.append(compiled.kernels))
        thread.start()
        thread.join()
    assert seen == [None]
    assert compiled.kernels is not None


def test_without_numba_everything_runs_in_numpy(digits, monkeypatch):
    monkeypatch.setattr(compiled, "_module", None)
    monkeypatch.setattr(switch, "find_spec", lambda name: None)
    network = CNN.network()
    start = initial_parameters(network, "pytorch", np.random.default_rng(3))
    trainer = find_engine("scratch").trainer(network, start, CNN.optimiser, CNN.loss, seed=0)
    assert compiled.kernels is None
    assert np.isfinite(trainer.step(digits.images[:64], digits.labels[:64], 0.002).total)


@pytest.mark.parametrize("error", [ImportError, SystemError, OSError])
def test_a_numba_that_cannot_be_imported_is_told_and_done_without(error, monkeypatch):
    def fail(name):
        raise error("Numba needs NumPy 2.3 or less.\nGot NumPy 2.4.")

    monkeypatch.setattr(compiled, "_module", None)
    monkeypatch.setattr(switch, "import_module", fail)
    with pytest.warns(RuntimeWarning, match=r"\(Numba .* or less. Got NumPy 2.4.\): train"):
        compiled.load()
    assert compiled.kernels is None


def test_where_no_folder_can_be_written_they_are_compiled_for_this_process(tmp_path):
    """As root may write anywhere, files stand where the folders of the caches would be."""
    folder = Path(switch.__file__).parents[2]
    shutil.copytree(folder, tmp_path / "digitnn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "digitnn" / "engines" / "scratch" / "__pycache__").touch()
    (tmp_path / "home").touch()
    code = (
        "import sys, numpy as np\n"
        "from digitnn.engines.scratch.compiled import compiled\n"
        "compiled.load()\n"
        "v, y = np.ones((2, 2, 1, 1), np.float32), np.zeros((1, 1, 1, 1), np.float32)\n"
        "winners = np.zeros(y.shape, np.uint8)\n"
        "compiled.kernels.relu_pool(v, np.ones(1, np.float32), 2, True, y, winners)\n"
        "sys.exit(y.item() != 2)\n"
    )
    elsewhere = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    env = {name: value for name, value in os.environ.items() if name not in elsewhere}
    env |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], check=False, env=env, cwd=tmp_path)
    assert ran.returncode == 0


def test_two_may_switch_them_off_and_leave_in_any_order():
    one, other = compiled.switched_off(), compiled.switched_off()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert compiled.kernels is None
    other.__exit__(None, None, None)
    assert compiled.kernels is not None


@pytest.mark.parametrize("size", [15, 16])
def test_windows_of_as_many_entries_as_a_byte_counts_are_pooled_too(size):
    conv, pool = Conv2d(1, 1), MaxPool2d(size)
    params = {"weight": np.ones((1, 1, 1, 1), np.float32), "bias": np.zeros(1, np.float32)}
    x = np.arange(2 * size * size, dtype=np.float32).reshape(2, 1, size, size)  # the last one wins
    x[1] *= -1  # and here none: the largest is below 0

    def work():
        y, backward = conv_relu_pool(conv, pool, params, x)
        return y, backward(np.ones_like(y), True)[0]

    found, expected = both_ways(work)
    assert found[0].ravel().tolist() == [size * size - 1, 0]
    assert np.flatnonzero(found[1]).tolist() == [size * size - 1]
    assert_equal(found, expected)


def test_predicting_does_not_import_numba():
    """It takes longer than to read a picture."""
    code = (
        "import sys, numpy as np\n"
        "from digitnn.engines.find import find_engine\n"
        "from digitnn.network.initialisation import initial_parameters\n"
        "from digitnn.recipes.builtin import find_recipe\n"
        "network = find_recipe('cnn').network()\n"
        "params = initial_parameters(network, 'he', np.random.default_rng(0))\n"
        "find_engine('scratch').classifier(network, params).logits(np.zeros((1, 28, 28), 'u1'))\n"
        "sys.exit('numba' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
