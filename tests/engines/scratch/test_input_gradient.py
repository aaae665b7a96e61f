"""The gradient by the pixels against finite differences and against PyTorch."""

import numpy as np
import pytest
from both_engines import in_double
from small_trainings import CLASSIC, CNN

from digitnn.engines.scratch.engine import input_gradient
from digitnn.network.initialisation import initial_parameters
from digitnn.recipes.builtin import RECIPES

NETWORKS = {
    "mlp": CLASSIC.network(),
    "cnn": CNN.network(),
    "with batch norm and a crop": RECIPES["cnn-fast"].network(),
    "deep": RECIPES["cnn-best"].network(),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


@pytest.fixture
def params(network, rng):
    return initial_parameters(network, "he", rng)


def row_of(digit):
    """dL/dlogits of L = the logit of `digit`."""

    def dlogits_of(logits, block):
        d = np.zeros_like(logits)
        d[:, digit] = 1
        return d

    return dlogits_of


@pytest.mark.engines
def test_it_is_what_pytorch_finds(network, params, digits):
    """In double precision, but for the answer: in single some units of many lie so near to ReLU's
    kink that rounding decides on which side."""
    torch = pytest.importorskip("torch")
    from digitnn.engines.pytorch.modules import build

    images = digits.images[:70]  # more than a block
    logits, gradient = input_gradient(network, in_double(params), images, row_of(3))
    module = build(network, params, torch.float64).eval()
    pixels = torch.tensor(network.inputs(images), dtype=torch.float64, requires_grad=True)
    theirs = module(pixels)
    theirs[:, 3].sum().backward()
    slopes = pixels.grad[:, 0].numpy() / network.standardise.std
    for found, expected in ((logits, theirs.detach().numpy()), (gradient, slopes)):
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * largest)


def test_it_is_the_slope_of_a_smooth_network(digits, rng):
    network = NETWORKS["mlp"]
    params = initial_parameters(network, "glorot", rng)
    images = digits.images[:3].astype(np.float32)
    _, gradient = input_gradient(network, params, images, row_of(5))
    direction = rng.normal(size=images.shape).astype(np.float32)
    up, _ = input_gradient(network, params, images + direction, row_of(5))
    down, _ = input_gradient(network, params, images - direction, row_of(5))
    slopes = (up - down)[:, 5] / 2
    np.testing.assert_allclose(
        (gradient * direction).sum(axis=(1, 2)), slopes, rtol=0.01, atol=1e-4
    )


def test_each_image_is_told_by_its_place(digits, rng):
    """`dlogits_of` may need the labels of a block."""
    network = NETWORKS["cnn"]
    params = initial_parameters(network, "he", rng)

    def of_its_label(logits, block):
        return np.eye(10, dtype=np.float32)[digits.labels[:80][block]]

    _, gradient = input_gradient(network, params, digits.images[:80], of_its_label)
    for at in (0, 40, 79):
        one = slice(at, at + 1)
        _, alone = input_gradient(network, params, digits.images[one], row_of(digits.labels[at]))
        np.testing.assert_allclose(gradient[one], alone, rtol=1e-4, atol=1e-7)
