"""Training of the networks of pages: resumed to the byte, shipped for the reader."""

import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from digitnn.network.storage.saved_network import load_network
from digitnn.reader.page.glyph_network import CLASSES, SIDE, load_glyph_network
from digitnn.reader.page.network import PageNetwork
from tools.page_reader import learning, ship, train, train_glyphs
from tools.page_reader.model import PageNetwork as Model
from tools.page_reader.model import loss_of
from tools.page_reader.scenes import draw_scene
from tools.page_reader.targets import CELLS

pytestmark = pytest.mark.engines

MAX_BYTES = 1_300_000
"""Of the 3 MB for all networks of the package."""

TRAININGS = {"page": train, "glyphs": train_glyphs}
"""The module of each training; both have `losses` that can be interrupted."""


@pytest.fixture(scope="module", autouse=True)
def small_steps():
    """Small steps, saved after every other; PyTorch's state is left as it was."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "BATCH", 2)
        patch.setattr(train_glyphs, "BATCH", 24)
        patch.setattr(learning, "SAVED_EVERY", 2)
        yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


def run(folder, *options, which="page"):
    TRAININGS[which].main([str(folder), "--steps", "4", "--workers", "0", *options])
    return torch.load(folder / "checkpoint.pt", weights_only=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, small_steps, loaded):
    folder = tmp_path_factory.mktemp("run")
    return folder, run(folder)


@pytest.fixture(scope="module")
def glyphs_undisturbed(tmp_path_factory, small_steps, loaded):
    folder = tmp_path_factory.mktemp("glyphs")
    return folder, run(folder, which="glyphs")


def tensors(kept):
    """All tensors of a checkpoint by name, as bytes."""
    found = {**kept["model"]}
    for number, state in kept["optimiser"]["state"].items():
        found |= {f"{number}.{name}": value for name, value in state.items()}
    return {name: value.contiguous().numpy().tobytes() for name, value in found.items()}


def interrupt_at(patch, call, which="page"):
    """Let the loss of this call, counted from 0, be interrupted."""
    calls = []
    lesson = {"page": train.PageLesson, "glyphs": train_glyphs.GlyphLesson}[which]
    usual = lesson.losses

    def losses(*options):
        calls.append(1)
        if len(calls) > call:
            raise KeyboardInterrupt
        return usual(*options)

    patch.setattr(lesson, "losses", losses)
    return calls


@pytest.mark.parametrize(("which", "call"), [("page", 2), ("page", 3), ("glyphs", 3)])
def test_an_interrupted_training_ends_with_the_same_bytes(
    which, call, undisturbed, glyphs_undisturbed, tmp_path
):
    whole = undisturbed[1] if which == "page" else glyphs_undisturbed[1]
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(patch, call, which)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, which=which)
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["step"] == 2
    assert tensors(kept) != tensors(whole)
    with pytest.MonkeyPatch.context() as patch:
        calls = interrupt_at(patch, 99, which)
        resumed = run(tmp_path, which=which)
    assert len(calls) == 2
    assert resumed["step"] == whole["step"] == 4
    assert tensors(resumed) == tensors(whole)


def test_a_finished_training_stays_as_it_is(undisturbed):
    folder, kept = undisturbed
    before = (folder / "checkpoint.pt").read_bytes()
    assert tensors(run(folder)) == tensors(kept)
    assert (folder / "checkpoint.pt").read_bytes() == before


def test_an_interruption_while_saving_leaves_the_last_checkpoint(undisturbed, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def half(value, file):
        file.write(b"PK half")
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert tensors(run(tmp_path)) == tensors(undisturbed[1])


def test_each_step_trains_on_scenes_of_its_own_number():
    lesson = train.PageLesson()
    first = list(learning.batches(lesson, 0, 0, 3, workers=0))
    second = list(learning.batches(lesson, 0, 2, 3, workers=0))
    assert (len(first), len(second)) == (3, 1)
    for name, value in second[0].items():
        assert torch.equal(value, first[2][name])
    scene = draw_scene(np.random.Generator(np.random.SFC64([0, 5])))
    page = second[0]["page"][1, 0].numpy()
    assert_array_equal(page, scene.picture.astype(np.float32) / 255 - 0.5)
    other = next(learning.batches(lesson, 1, 2, 3, workers=0))
    assert not torch.equal(other["page"], second[0]["page"])


@pytest.mark.parametrize("lesson", [train.PageLesson(), train_glyphs.GlyphLesson(0)])
def test_worker_processes_draw_the_same_scenes(lesson):
    alone, shared = (list(learning.batches(lesson, 0, 0, 2, workers)) for workers in (0, 1))
    for first, second in zip(alone, shared, strict=True):
        for name, value in first.items():
            assert torch.equal(value, second[name])


def test_the_learning_rate_rises_and_falls_to_zero():
    """It rises for 3 % of the steps."""
    rates = np.array([learning.rate_at(step, 4000, 2e-3) for step in range(4000)])
    assert_allclose(rates[[0, 59, 119]], [2e-3 / 120, 1e-3, 2e-3])
    assert_allclose(rates[120 + 1940], 1e-3)
    assert (np.diff(rates[119:]) <= 0).all()
    assert rates[-1] < 1e-8


@pytest.mark.parametrize("option", [("--steps", "5"), ("--seed", "1"), ("--rate", "0.1")])
def test_a_training_is_not_resumed_with_another_plan(option, undisturbed):
    folder, _ = undisturbed
    before = (folder / "checkpoint.pt").read_bytes()
    with pytest.raises(SystemExit, match=r"was begun with .*'steps': 4.* expected"):
        run(folder, *option)
    assert (folder / "checkpoint.pt").read_bytes() == before


def random_targets(rng, n=2):
    """Targets with one centre each, and answers near nothing."""
    targets = {
        "centres": torch.zeros(n, CELLS, CELLS),
        "counted": torch.ones(n, CELLS, CELLS),
        "boxes": torch.tensor(rng.normal(size=(n, 4, CELLS, CELLS)), dtype=torch.float32),
        "characters": torch.tensor(rng.integers(0, 16, (n, CELLS, CELLS))),
        "weights": torch.zeros(n, 2, CELLS, CELLS),
        "closer": torch.zeros(n, CELLS, CELLS),
        "closer_counted": torch.ones(n, CELLS, CELLS),
    }
    targets["centres"][:, 5, 7] = 1
    targets["weights"][:, :, 5, 7] = 1
    answer = torch.tensor(rng.normal(size=(n, 22, CELLS, CELLS)), dtype=torch.float32)
    return answer, targets


def test_the_loss_of_perfect_answers_is_zero(rng):
    answer, targets = random_targets(rng)
    answer[:, :2] = -30
    answer[:, 0, 5, 7] = 30
    answer[:, 2:6] = targets["boxes"]
    answer[:, 6:] = 60 * torch.nn.functional.one_hot(targets["characters"], 16).permute(0, 3, 1, 2)
    assert {name: round(part.item(), 9) for name, part in loss_of(answer, targets).items()} == {
        "closer": 0, "centres": 0, "boxes": 0, "characters": 0,
    }  # fmt: skip


def test_the_loss_counts_what_is_asked_alone(rng):
    answer, targets = random_targets(rng)
    before = loss_of(answer, targets)
    other = answer.clone()
    other[:, 2:, 20, 20] += 5  # no box and no character is asked of this cell
    targets["counted"][:, 30, 30] = 0
    targets["closer_counted"][:, 30, 30] = 0
    without = loss_of(answer, targets)
    other[:, :2, 30, 30] += 5
    after = loss_of(other, targets)
    for name in before:
        assert torch.equal(after[name], without[name]), name
    assert without["centres"] < before["centres"]
    assert without["closer"] < before["closer"]


def test_the_loss_of_a_centre_is_the_focal_loss(rng):
    """By hand: one centre of logit 1, one background cell of logit -1 with a target of 0.5."""
    answer, targets = random_targets(rng, 1)
    answer[:, 0] = -200
    answer[:, 0, 5, 7], answer[:, 0, 5, 8] = 1.0, -1.0
    targets["centres"][:, 5, 8] = 0.5
    p, q = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))
    expected = -np.log(p) * (1 - p) ** 2 - np.log(1 - q) * q**2 * 0.5**4
    assert loss_of(answer, targets)["centres"].item() == pytest.approx(expected, rel=1e-5)


def test_what_is_shipped_is_the_trained_network_in_eight_bits(undisturbed, tmp_path, capsys, rng):
    folder, kept = undisturbed
    file = tmp_path / "page.safetensors"
    ship.main(["page", str(folder), "--out", str(file)])
    assert json.loads(capsys.readouterr().out) == {"step": 4, "bytes": file.stat().st_size}
    assert file.stat().st_size < MAX_BYTES
    found, exact = PageNetwork.load(file).params, ship.folded(kept["model"])
    assert set(found) == set(exact)
    for name, array in found.items():
        axes = tuple(range(1, array.ndim))
        largest = np.abs(exact[name]).max(axis=axes, keepdims=True)
        # eight bits: half of one of 127 levels; biases have the 11 bits of half precision
        rounding = largest / 254 if array.ndim > 1 else np.abs(exact[name]) * 2**-11 + 1e-7
        assert (np.abs(array - exact[name]) <= rounding * 1.001).all(), name
    page = rng.integers(0, 256, (64, 64), np.uint8)
    model = Model().eval()
    model.load_state_dict(kept["model"])
    with torch.no_grad():
        expected = model(torch.tensor(page[None, None]) / 255 - 0.5)[0].permute(1, 2, 0).numpy()
    assert np.abs(PageNetwork.load(file)(page) - expected).max() < 0.05 * np.abs(expected).max()


def test_each_step_of_glyphs_has_as_many_windows_of_its_own():
    lesson = train_glyphs.GlyphLesson(0)
    first = list(learning.batches(lesson, 0, 0, 3, workers=0))
    (last,) = learning.batches(lesson, 0, 2, 3, workers=0)
    assert torch.equal(last["windows"], first[2]["windows"])
    assert not torch.equal(first[0]["windows"], first[1]["windows"])
    for batch in first:
        assert batch["windows"].shape == (24, 1, SIDE, SIDE)
        assert batch["characters"].shape == (24,)
        assert abs(batch["windows"].mean()) < 0.2
    assert len({int(c) for batch in first for c in batch["characters"]}) > 6


def test_the_loss_of_the_right_characters_is_small():
    """It is the cross-entropy with labels smoothed by 0.02: by hand for equal logits."""
    lesson = train_glyphs.GlyphLesson(0)
    (batch,) = learning.batches(lesson, 0, 0, 1, workers=0)
    with torch.no_grad():
        list(lesson.model)[-1].weight.zero_()
        list(lesson.model)[-1].bias.zero_()
        equal = lesson.losses(batch, 0)["characters"].item()
        list(lesson.model)[-1].bias[:] = torch.eye(17)[3] * 10
        batch["characters"][:] = 3
        right = lesson.losses(batch, 0)["characters"].item()
    assert equal == pytest.approx(np.log(17), rel=1e-4)
    assert right == pytest.approx(10 * 0.02 * 16 / 17, rel=0.02)


def test_the_glyph_network_is_shipped_in_eight_bits(glyphs_undisturbed, tmp_path, capsys, rng):
    folder, kept = glyphs_undisturbed
    ship.main(["glyphs", str(folder), "--out", str(tmp_path / "glyphs")])
    size = sum(file.stat().st_size for file in (tmp_path / "glyphs").iterdir())
    assert json.loads(capsys.readouterr().out) == {"step": 4, "bytes": size}
    assert size < 600_000
    lesson = train_glyphs.GlyphLesson(0)
    lesson.model.load_state_dict(kept["model"])
    images = rng.integers(0, 256, (5, SIDE, SIDE), np.uint8)
    with torch.no_grad():
        x = torch.from_numpy(train_glyphs.NETWORK.standardise(images)[:, None])
        logits = lesson.model.eval()(x).numpy()
    logits[:, CLASSES.index("/")] -= np.log(ship.SLASHES)  # whose prior is lowered
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(load_glyph_network(tmp_path / "glyphs")(images), expected, atol=0.02)
    *_, bias = train_glyphs.NETWORK.parameter_shapes()
    shift = load_network(tmp_path / "glyphs")[1][bias] - kept["model"][bias].numpy()
    assert_allclose(shift, -np.log(ship.SLASHES) * (np.array(CLASSES) == "/"), atol=2e-3)
