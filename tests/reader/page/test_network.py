"""The page network against PyTorch, its code for boxes, its answers decoded, its file."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from digitnn.errors import RunError
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.reader.page.network import (
    ANSWERS,
    CHARACTERS,
    OTHER,
    SHIPPED_FILE,
    STRIDE,
    PageNetwork,
    box_code,
    decode,
    shipped_page_network,
)
from tools.page_reader import model
from tools.page_reader.ship import folded


def random_model() -> model.PageNetwork:
    """Return a model in evaluation mode whose parameters and running statistics are all random."""
    torch.manual_seed(3)
    made = model.PageNetwork()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
            torch.nn.init.normal_(module.running_mean, std=0.2)
            torch.nn.init.uniform_(module.running_var, 0.2, 1.5)
    return made.eval()


@pytest.mark.engines
@torch.no_grad()
def test_the_network_is_the_trained_model_with_its_normalisation_folded(rng):
    """In single precision, PyTorch itself is as far from double precision as the tolerance says.

    Both add up to 864 products in each of 24 layers, in orders of their own, and the folded weights
    are rounded once more: ten times PyTorch's own error holds on any processor. A mistake in any
    layer moves the answers by more than a hundredth of their spread.
    """
    page = rng.integers(0, 256, (64, 96), np.uint8)
    single = random_model()
    found = PageNetwork(folded(single.state_dict()))(page)
    planes = torch.tensor(page[None, None]).float() / 255 - 0.5
    theirs = single(planes)[0].permute(1, 2, 0).numpy()
    exact = single.double()(planes.double())[0].permute(1, 2, 0).numpy()
    assert found.shape == (64 // STRIDE, 96 // STRIDE, ANSWERS)
    assert found.dtype == np.float32
    tolerance = 10 * np.abs(theirs - exact).max()
    assert tolerance < 1e-3 * exact.std()
    assert_allclose(found, exact, rtol=0, atol=tolerance)


def test_the_shipped_network_has_the_arrays_of_the_trained_model():
    expected = {name: array.shape for name, array in folded(random_model().state_dict()).items()}
    found = shipped_page_network().params
    assert {name: array.shape for name, array in found.items()} == expected
    assert all(array.dtype == np.float32 for array in found.values())
    assert shipped_page_network() is shipped_page_network()


def test_a_box_comes_back_from_the_code_of_any_cell(rng):
    """Whichever cell near its centre finds a glyph, its box is the same."""
    for _ in range(20):
        left, top = rng.uniform(0, 100, 2)
        wide, high = np.exp(rng.uniform(np.log(2), np.log(400), 2))
        box = np.array([left, top, left + wide, top + high], np.float32)
        rows, columns = rng.integers(0, 30, (2, 5))
        x, y = ((at + 0.5).astype(np.float32) for at in (columns, rows))
        for row, column, code in zip(rows, columns, box_code(box, x, y).T, strict=True):
            answers = np.full((30, 30, ANSWERS), -9, np.float32)
            answers[row, column, 0] = 3
            answers[row, column, 2:6] = code
            (found,) = decode(answers, 0.5).boxes
            # coordinates below 1000 and their codes have 24 bits
            assert_allclose(found, box, atol=1e-3)


def planted(cells, shape=(12, 16)):
    """Return answers with a centre at each cell (row, column): its logit and its character."""
    answers = np.full((*shape, ANSWERS), -8, np.float32)
    for (row, column), (logit, _) in cells.items():
        near = answers[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2, 0]
        np.maximum(near, logit - 1, out=near)  # as of a trained network: it falls off
    for (row, column), (logit, character) in cells.items():
        answers[row, column, 0] = logit
        answers[row, column, 2:6] = 0
        answers[row, column, 6 + character] = 4
    return answers


def test_exactly_the_planted_centres_are_found():
    cells = {
        (0, 0): (2.0, 7),  # in the corners, too
        (11, 15): (5.0, 0),
        (5, 4): (1.0, CHARACTERS.index("/")),
        (5, 6): (0.5, OTHER),  # neighbours share the cell between them
        (9, 9): (-3.0, 1),  # less likely than asked for
    }
    found = decode(planted(cells), 0.5)
    assert len(found) == 4
    for (row, column), (logit, character) in list(cells.items())[:4]:
        middle = np.array([column + 0.5, row + 0.5]) * STRIDE
        (at,) = np.flatnonzero(np.abs(found.boxes[:, :2] + 12 - middle).max(axis=1) < 1e-3)
        assert_allclose(found.boxes[at], [*(middle - 12), *(middle + 12)], atol=1e-4)
        assert found.scores[at] == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-6)
        p = np.exp(4) / (np.exp(4) + OTHER * np.exp(-8))
        assert found.characters[at, character] == pytest.approx(p, rel=1e-6)
    assert_allclose(found.characters.sum(axis=1), 1, rtol=1e-6)
    assert len(decode(planted(cells), 0.01)) == 5


def test_no_centre_gives_no_glyph():
    found = decode(planted({}), 0.2)
    assert (len(found), found.boxes.shape, found.characters.shape) == (0, (0, 4), (0, OTHER + 1))


def test_absurd_answers_stay_finite():
    answers = planted({(3, 3): (4.0, 5)})
    answers[3, 3, 4:6] = 1e4, -1e4
    answers[3, 3, 11] = 1e4
    found = decode(answers, 0.2)
    assert np.isfinite(found.boxes).all()
    assert_array_equal(found.characters[0], np.eye(OTHER + 1)[5])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"cannot be read \(No such file"),
        (b"", "not a safetensors file"),
        (b"\xff" * 100, "not a safetensors file"),
        (SHIPPED_FILE.read_bytes()[:-7], "damaged"),
    ],
    ids=["missing", "empty", "noise", "cut"],
)
def test_a_file_that_is_no_page_network_is_one_line(content, words, tmp_path):
    file = tmp_path / "page.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RunError, match=words) as caught:
        PageNetwork.load(file)
    assert str(caught.value).count(str(file)) == 1
    assert "\n" not in str(caught.value)


def test_weights_without_their_scales_are_one_line(tmp_path):
    file = tmp_path / "page.safetensors"
    save_safetensors(file, {"stem.weight": np.zeros((16, 1, 3, 3), np.int8)})
    with pytest.raises(RunError, match=r"page\.safetensors: .*stem\.weight\.scale"):
        PageNetwork.load(file)


def test_a_saved_network_answers_as_before(tmp_path, rng):
    params = folded(random_model().state_dict())
    save_safetensors(tmp_path / "page", params)
    page = rng.integers(0, 256, (32, 48), np.uint8)
    assert_array_equal(PageNetwork.load(tmp_path / "page")(page), PageNetwork(params)(page))
