"""`digitnn export`: what it prints, what it writes, and how it fails."""

import errno
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import CommandLine, assert_one_error_line

from digitnn.export import c_program
from digitnn.export.formats import FORMATS
from digitnn.network.storage.safetensors import load_safetensors, save_safetensors

JSON_KEYS = "schema run path format verified"
VERIFIED_KEYS = (
    "runtime n equal largest_difference tolerance probabilities_difference rounding bytes "
    "memory_bytes images_per_second"
)


@pytest.fixture
def run(digitnn: CommandLine) -> Path:
    digitnn("train", "classic", "--epochs", "4", "--out", "run")
    return Path("run")


def change_one_weight(run: Path) -> None:
    params = load_safetensors(run / "params.safetensors")
    params["3.weight"][2, 50] += 0.25
    save_safetensors(run / "params.safetensors", params)


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_written_verified_and_checked(
    name: str, digitnn: CommandLine, run: Path
) -> None:
    done = digitnn("export", "run", f"digits.{name}")
    assert done.code == 0, done.err
    n = int(done.err.split("verifying over ")[1].split()[0])
    assert done.out.startswith(f"digits.{name}\n\n")
    rows = dict(
        line.split("  ", 1) for line in done.out.split("\n\n")[1].splitlines() if "  " in line
    )
    rows = {key.strip(): value.strip() for key, value in rows.items()}
    assert rows["format"] == name
    assert rows["answers equal"] == f"{n} of {n}"
    assert rows["size, bytes"] == f"{Path(f'digits.{name}').stat().st_size:,}"
    assert ("load_state_dict" in done.out) == (name in ("pt", "safetensors"))
    checked = digitnn("export", "--check", f"digits.{name}", "run", "--json").json()
    assert list(checked["verified"]) == VERIFIED_KEYS.split()
    assert checked["verified"]["equal"] == checked["verified"]["n"] == n
    assert checked["format"] == name
    change_one_weight(run)
    assert_one_error_line(
        digitnn("export", "--check", f"digits.{name}", "run"),
        1,
        f"digits.{name} does not compute what the run computes",
        "answers are equal, logits differ by up to",
    )


def test_the_json_object_has_all_documented_keys(digitnn: CommandLine, run: Path) -> None:
    found = digitnn("export", "run", "a.onnx", "--json").json()
    assert list(found) == JSON_KEYS.split()
    assert (found["schema"], found["run"], found["path"]) == (1, "run", "a.onnx")
    assert found["verified"]["probabilities_difference"] is None
    again = digitnn("export", "run", "b.onnx", "--probabilities", "--json").json()
    assert again["verified"]["probabilities_difference"] < 1e-5
    small = digitnn("export", "run", "a.h", "--json").json()["verified"]
    large = digitnn("export", "run", "b.h", "--weights", "float32", "--json").json()["verified"]
    assert list(small["memory_bytes"]) == ["flash", "RAM"]
    assert large["memory_bytes"]["flash"] > 3.8 * small["memory_bytes"]["flash"]
    assert small["rounding"]["largest_difference"] > small["tolerance"]
    assert large["rounding"] is None


def test_the_printed_lines_load_the_file(digitnn: CommandLine, run: Path) -> None:
    found = digitnn("export", "run", "a.pt", "--json").json()
    assert list(found) == [*JSON_KEYS.split(), "pytorch"]
    names: dict[str, torch.nn.Module] = {}
    exec(found["pytorch"], names)
    assert names["model"](torch.zeros(2, 28, 28, dtype=torch.uint8)).shape == (2, 10)


def test_an_ensemble_is_exported_as_one_graph(digitnn: CommandLine, run: Path) -> None:
    digitnn("train", "classic", "--epochs", "3", "--seed", "1", "--out", "other")
    digitnn("ensemble", "run", "other", "--out", "both")
    assert digitnn("export", "both", "a.onnx").code == 0
    assert digitnn("export", "--check", "a.onnx", "both").code == 0
    assert_one_error_line(
        digitnn("export", "--check", "a.onnx", "run"), 1, "a.onnx does not compute"
    )
    for name in ("npz", "h"):
        done = digitnn("export", "both", f"a.{name}")
        assert_one_error_line(done, 1, f"{name} holds one network, and both is an ensemble of 2")
    assert files() == {"a.onnx", "both", "data", "other", "run"}


def test_nothing_is_written_if_the_verification_fails(
    digitnn: CommandLine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the writer of ONNX forgot the standardisation's mean."""
    from digitnn.export import onnx_graph

    constant = onnx_graph.GraphWriter.constant

    def forgetful(self, value, name, dtype=np.float32):
        return constant(self, 0 if name == "standardise.mean" else value, name, dtype)

    monkeypatch.setattr(onnx_graph.GraphWriter, "constant", forgetful)
    before = files()
    done = digitnn("export", "run", "a.onnx")
    assert_one_error_line(done, 1, "nothing is written: a.onnx does not compute what the run")
    assert files() == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "a.onx"], 2, ["unknown format 'onx'", "did you mean 'onnx'"]),
        (["run", "a"], 2, ["a: its name has no suffix"]),
        (["run", "a.onnx", "--to", "numpy"], 2, ["unknown format 'numpy'"]),
        (["run"], 2, ["name the file to write: digitnn export RUN OUT"]),
        (["nowhere", "a.onnx"], 1, ["nowhere is not a run: no such folder"]),
        (["data", "a.onnx"], 1, ["data is not a complete run"]),
        (["run", "missing/a.onnx"], 1, ["cannot write missing/a.onnx: there is no folder missing"]),
        (["run", "data"], 1, ["cannot write data: it is a folder"]),
        (["run", "taken.npz"], 1, ["taken.npz exists already", "--force"]),
        (["run", "a.npz", "--probabilities"], 2, ["--probabilities belongs to onnx, not to npz"]),
        (["run", "a.onnx", "--weights", "int8"], 2, ["--weights belongs to h", "not to onnx"]),
        (["run", "a.pt", "--unverified"], 2, ["--unverified belongs to h", "not to pt"]),
        (["run", "a.h", "--weights", "int4"], 2, ["'int4'"]),
        (["--check", "gone.onnx", "run"], 1, ["cannot check gone.onnx: no such file"]),
        (["--check", "data", "run", "--to", "npz"], 1, ["cannot check data: it is a folder"]),
        (["--check", "taken.npz", "run"], 1, ["taken.npz: not an .npz file"]),
        (["--check", "taken.npz", "run", "b.npz"], 2, ["--check verifies a file"]),
        (["--check", "taken.npz", "run", "--force"], 2, ["--check verifies a file"]),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: list[str], code: int, words: list[str], digitnn: CommandLine, run: Path
) -> None:
    Path("taken.npz").write_bytes(b"mine")
    before = files()
    assert_one_error_line(digitnn("export", *arguments), code, *words)
    assert files() == before
    assert Path("taken.npz").read_bytes() == b"mine"


def test_force_replaces_a_file(digitnn: CommandLine, run: Path) -> None:
    Path("a.npz").write_bytes(b"old")
    assert digitnn("export", "run", "a.npz", "--force").code == 0
    with np.load("a.npz") as file:
        assert "1.weight" in file


def test_the_format_overrides_the_suffix(digitnn: CommandLine, run: Path) -> None:
    assert digitnn("export", "run", "model.bin", "--to", "safetensors").code == 0
    assert "1.weight" in load_safetensors(Path("model.bin"))
    assert digitnn("export", "--check", "model.bin", "run", "--to", "safetensors").code == 0


@pytest.mark.parametrize(
    ("library", "name", "extra"),
    [("onnx", "onnx", "onnx"), ("onnxruntime", "onnx", "onnx"), ("torch", "pt", "torch")],
)
def test_a_missing_library_names_the_extra(
    library: str,
    name: str,
    extra: str,
    digitnn: CommandLine,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if library == "torch":
        monkeypatch.setattr("digitnn.export.pytorch_state.find_spec", lambda name: None)
    else:
        monkeypatch.setitem(sys.modules, library, None)
    done = digitnn("export", "run", f"a.{name}")
    assert_one_error_line(done, 1, library, f"pip install 'digitnn[{extra}]'")
    assert not Path(f"a.{name}").exists()


def test_arrays_are_exported_without_the_optional_libraries(
    digitnn: CommandLine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("onnx", "onnxruntime", "matplotlib"):
        monkeypatch.setitem(sys.modules, library, None)
    for name in ("npz", "pickle", "h"):
        assert digitnn("export", "run", f"a.{name}").code == 0


def test_without_a_compiler_a_header_is_written_only_on_request(
    digitnn: CommandLine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert digitnn("export", "run", "verified.h").code == 0
    monkeypatch.setattr(c_program.shutil, "which", lambda name: None)
    words = ("a.h cannot be verified: no C compiler found (cc, gcc, clang)", "--unverified")
    assert_one_error_line(digitnn("export", "run", "a.h"), 1, *words)
    assert not Path("a.h").exists()
    done = digitnn("export", "run", "a.h", "--unverified", "--json")
    assert done.json()["verified"] is None
    assert Path("a.h").read_bytes() == Path("verified.h").read_bytes()
    assert "not verified" in digitnn("export", "run", "b.h", "--unverified").out
    assert_one_error_line(
        digitnn("export", "--check", "a.h", "run"), 1, "cannot be verified: no C compiler found"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_nothing(
    name: str, digitnn: CommandLine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    digitnn("export", "run", f"a.{name}")
    old, before = Path(f"a.{name}").read_bytes(), files()
    monkeypatch.setattr("digitnn.atomic_files.os.fsync", full)
    done = digitnn("export", "run", f"a.{name}", "--force")
    if name != "pickle":  # whose temporary file is on the full disk too
        assert_one_error_line(done, 1, f"a.{name}: No space left on device")
    assert_one_error_line(done, 1, "No space left on device")
    assert files() == before
    assert Path(f"a.{name}").read_bytes() == old


def test_other_data_than_the_runs_are_refused(digitnn: CommandLine, run: Path) -> None:
    recipe = json.loads((run / "recipe.json").read_text())
    recipe["data"]["valid"]["sha256"] = "0" * 64
    (run / "recipe.json").write_text(json.dumps(recipe))
    done = digitnn("export", "run", "a.npz")
    assert_one_error_line(done, 1, "the validation images are not those of run")
    assert not Path("a.npz").exists()
