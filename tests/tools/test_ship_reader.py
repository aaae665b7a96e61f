"""On a tiny run that rejects; what is shipped must be small, whole, and answer as before."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_trainings import CNN

from digitnn.data.augmentation.distortion import Distortion
from digitnn.data.augmentation.redrawing import Redrawing
from digitnn.data.dataset import Dataset
from digitnn.data.synthesis import SyntheticMix
from digitnn.data.synthesis.generate import add_synthetic
from digitnn.engines.find import find_engine
from digitnn.errors import RunError
from digitnn.network.layers import SoftmaxCrossEntropy
from digitnn.network.storage.safetensors import load_safetensors
from digitnn.runs.run import load_single_run, save_run
from digitnn.training.training import Training
from tools import ship_reader as shipping
from tools.ship_reader import main, ship

pytestmark = pytest.mark.slow

FEW = SyntheticMix(20, 0, 0, 20, 20, 20, 20, 0, 0)
RECIPE = replace(
    CNN,
    name="tiny-reader",
    loss=SoftmaxCrossEntropy(no_digit=True),
    augmentation=Redrawing(hand=Distortion(degrees=5)),
    synthetic_mix=FEW,
    epochs=2,
)


@pytest.fixture
def run(digits: Dataset, tmp_path, monkeypatch):
    valid = digits[:100]
    monkeypatch.setattr(shipping, "load_split_of", lambda run, name: valid)
    monkeypatch.setattr(shipping, "HELD_OUT_MIX", FEW)
    train = add_synthetic(digits[100:], FEW)
    training = Training(RECIPE, find_engine("scratch"), train, valid, 0)
    list(training)
    return save_run(tmp_path / "run", training, "scratch", "mnist")


def test_the_shipped_run_is_a_third_as_large_and_answers_alike(run, digits, tmp_path):
    result = ship(run, tmp_path / "shipped")
    shipped = load_single_run(tmp_path / "shipped")
    assert shipped.network.rejects
    assert shipped.network.temperature == pytest.approx(result["temperature"], abs=1e-3)
    stored = load_safetensors(shipped.path / "params.safetensors")
    assert {name: array.dtype.name for name, array in stored.items() if array.ndim > 1} == {
        name: "int8" for name, array in run.params.items() if array.ndim > 1
    }
    assert all(array.dtype == np.float32 for array in shipped.params.values())
    assert result["nats_after"] <= result["nats_before"]
    before = run.classifier("scratch").logits(digits.images)
    after = shipped.classifier("scratch").logits(digits.images)
    # 80 of the 600 images it learned from are non-digits; the shipped prior is a fifth.
    more = shipped.network.temperature * np.log(4 * 80 / 520)
    np.testing.assert_allclose(after, before + more, atol=0.03 * np.abs(before).max())
    sizes = [(folder / "params.safetensors").stat().st_size for folder in (shipped.path, run.path)]
    assert sizes[0] < sizes[1] / 3


def test_a_run_too_large_to_ship_leaves_the_old_one_intact(run, tmp_path, monkeypatch, capsys):
    ship(run, tmp_path / "shipped")
    before = (tmp_path / "shipped" / "network.json").read_bytes()
    monkeypatch.setattr(shipping, "MAX_SHIPPED_BYTES", 100)
    with pytest.raises(SystemExit) as stopped:
        main([str(run.path), "--out", str(tmp_path / "shipped")])
    assert stopped.value.code == 1
    assert "at most 100" in capsys.readouterr().err
    assert (tmp_path / "shipped" / "network.json").read_bytes() == before


def test_shipping_again_replaces_the_old_run(run, tmp_path, capsys):
    for _ in range(2):
        assert main([str(run.path), "--out", str(tmp_path / "shipped")]) == 0
    assert "temperature" in json.loads(capsys.readouterr().out.split("\n}\n")[0] + "\n}")


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="other permissions")
def test_shipped_files_have_ordinary_permissions(run, tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.mkdir()
    (ordinary / "file").touch()
    for path in (*run.path.iterdir(), run.path):
        path.chmod(0o700)
    for folder in (ordinary, tmp_path / "new"):
        before = permissions(ordinary)
        ship(run, folder)
        assert permissions(folder) == before
        for name in ("network.json", "params.safetensors", "recipe.json", "history.jsonl"):
            assert permissions(folder / name) == permissions(ordinary / "file"), name


def test_a_run_that_cannot_reject_is_not_shipped(run, tmp_path):
    with pytest.raises(RunError, match="no digit"):
        ship(replace(run, network=replace(run.network, rejects=False)), tmp_path / "shipped")
