"""The C header: strict compilers, its figures, and no foreign code."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digitnn.data.dataset import Dataset
from digitnn.errors import ExportError, FormatError
from digitnn.export import c_program
from digitnn.export.c_header import _float, header_source
from digitnn.export.c_program import find_compiler, load_header
from digitnn.export.exporting import export_run
from digitnn.export.formats import FORMATS
from digitnn.export.protocol import Options, Weights
from digitnn.network.storage.saved_network import dequantise, quantise
from digitnn.runs.run import Run

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-O2"]
COMPILERS = {"gcc": ["-std=c99"], "clang": ["-std=c99"], "g++": ["-std=c++11"]}
both_weights = pytest.mark.parametrize("weights", ["int8", "float32"])

MAIN = """
#include <stdio.h>
#include "digits.h"
int main(void) {
    uint8_t image[784]; float logits[10];
    while (fread(image, 1, 784, stdin) == 784) {
        digitnn_logits(image, logits);
        fwrite(logits, 4, 10, stdout);
    }
    return 0;
}
"""

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@both_weights
@pytest.mark.parametrize("compiler", COMPILERS)
def test_strict_compilers_accept_it_and_it_computes_the_logits(
    compiler: str, weights: Weights, runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    for run in runs.values():
        (tmp_path / "digits.h").write_text(header_source(run, weights))
        source = tmp_path / ("main.cpp" if compiler == "g++" else "main.c")
        source.write_text(MAIN)
        program = tmp_path / "digits"
        command = [compiler, *COMPILERS[compiler], *STRICT, str(source), "-o", str(program), "-lm"]
        assert subprocess.run(command, capture_output=True, text=True).stderr == ""
        done = subprocess.run([program], input=digits.images.tobytes(), capture_output=True)
        found = np.frombuffer(done.stdout, np.float32).reshape(600, 10)
        params = dict(run.params)
        if weights == "int8":
            rounded = dequantise(quantise(params))
            params |= {name: rounded[name] for name, p in params.items() if p.ndim > 1}
        expected = replace(run, params=params).classifier("scratch").logits(digits.images)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_header_that_nothing_calls_gives_no_warning(runs: dict[str, Run], tmp_path: Path) -> None:
    (tmp_path / "digits.h").write_text(header_source(runs["planes"], "int8"))
    (tmp_path / "main.c").write_text('#include "digits.h"\n#include "digits.h"\nint unused;\n')
    command = ["gcc", "-std=c99", *STRICT, "-c", "main.c"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr == ""


def test_flash_and_ram_are_what_the_arrays_take(runs: dict[str, Run], tmp_path: Path) -> None:
    by_hand = {
        # int8 weights, and float scales and biases of 12 and 10 outputs; a and b
        ("classic", "int8"): (784 * 12 + 12 * 10 + 2 * 4 * (12 + 10), 4 * (784 + 12)),
        ("classic", "float32"): (4 * (784 * 12 + 12 + 12 * 10 + 10), 4 * (784 + 12)),
        ("rejects", "int8"): (49 * 10 + 2 * 4 * 10, 4 * (784 + 49)),
    }
    for (name, weights), (flash, ram) in by_hand.items():
        text = header_source(runs[name], weights)
        assert f"Flash: {flash} bytes of constants" in text
        assert f"RAM: {ram} bytes of work buffers" in text
        sizes = {"int8_t": 1, "float": 4}
        arrays = re.findall(r"^static const (\w+) \w+\[(\d+)\]", text, re.MULTILINE)
        buffers = re.findall(r"^    static float \w+\[(\d+)\]", text, re.MULTILINE)
        assert sum(sizes[kind] * int(n) for kind, n in arrays) == flash
        assert sum(4 * int(n) for n in buffers) == ram
        path = tmp_path / "digits.h"
        path.write_text(text)
        assert load_header(path, runs[name]).sizes == {"flash": flash, "RAM": ram}


def test_the_comment_says_what_it_expects(runs: dict[str, Run]) -> None:
    text = header_source(replace_name(runs["classic"], "*/ evil \\ ?\n"), "int8")
    comment = text[: text.index("*/")]
    assert "raw uint8, 0 for paper to 255 for ink" in comment
    assert "const uint8_t image[784], float logits[10]" in comment
    assert "__ evil" in comment


def replace_name(run: Run, name: str) -> Run:
    return replace(run, about={**run.about, "recipe": {**run.about["recipe"], "name": name}})


EVIL = "int evil(void) { return 1; }\n"
CHANGES = {
    "code at the end": lambda text: text + EVIL,
    "an include": lambda text: text.replace("<stdint.h>", "</etc/passwd>"),
    "a statement": lambda text: text.replace("    digitnn_sigmoid", "    evil(); digitnn_sigmoid"),
    "an expression in an array": lambda text: text.replace("_bias[12] = {\n", "_bias[12] = {\nx+"),
    "a longer array": lambda text: text.replace("_bias[12]", "_bias[13]"),
    "code between comments": lambda text: text.replace("*/\n", f"*/ {EVIL}/* */\n", 1),
    "a directive in the comment": lambda text: text.replace("*/\n", f"*/\n#define x\n{EVIL}", 1),
    "a backslash ends the comment": lambda text: text.replace(" */\n", f"*\\\n/ {EVIL} /* */\n", 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_foreign_code_is_never_compiled(
    change: str, runs: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compiled holds no evil, whether the file is refused or not."""
    text = header_source(runs["classic"], "int8")
    changed = CHANGES[change](text)
    assert changed != text
    compiled = []

    def compile_nothing(compiler: str, folder: Path, source: str, *rest: object) -> Path:
        compiled.append(source)
        return folder

    monkeypatch.setattr(c_program, "_compile", compile_nothing)
    path = tmp_path / "digits.h"
    path.write_text(changed)
    try:
        load_header(path, runs["classic"])
    except FormatError as error:
        assert "its code is not what this version of digitnn writes" in str(error)
    else:
        assert change == "a backslash ends the comment"
    assert not any("evil" in source or "passwd" in source for source in compiled)


def test_another_comment_and_windows_line_ends_are_accepted(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    text = header_source(runs["classic"], "int8").replace("written by digitnn", "written by me and")
    path = tmp_path / "digits.h"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    found = load_header(path, runs["classic"]).run(digits.images[:5]).logits
    assert found.shape == (5, 10)


def test_binary_is_no_header(runs: dict[str, Run], tmp_path: Path) -> None:
    path = tmp_path / "digits.h"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match=r"digits\.h: .*damaged one: it is not text"):
        load_header(path, runs["classic"])


def test_a_compiler_that_fails_is_reported_in_one_line(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'main.c:1: error: no headers' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    out = tmp_path / "out" / "a.h"
    with pytest.raises(ExportError, match=r"cannot compile it: main\.c:1: error: no headers"):
        export_run(runs["classic"], FORMATS["h"], Options(), out, lambda: digits.images)
    assert not out.parent.exists()


def test_weights_too_coarse_for_int8_are_refused(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    run = runs["classic"]
    weight = 20 * run.params["3.weight"]  # so that answers differ between images
    # a huge weight of a unit that is 0 for each image, so that int8 rounds all others to 0
    first = run.params["1.weight"].copy()
    first[0] = 0
    weight[:, 0] = 1e4
    params = {**run.params, "1.weight": first, "3.weight": weight}
    params["1.bias"] = np.where(np.arange(12) == 0, -90, run.params["1.bias"]).astype(np.float32)
    coarse = replace(run, params=params)
    out = tmp_path / "a.h"
    with pytest.raises(ExportError, match=r"rounding the weights keeps \d+\.\d\d % of the answers"):
        export_run(coarse, FORMATS["h"], Options(), out, lambda: digits.images)
    assert list(tmp_path.iterdir()) == []
    found = export_run(coarse, FORMATS["h"], Options(weights="float32"), out, lambda: digits.images)
    assert found is not None
    assert found.rounding is None


def test_every_float_is_written_exactly() -> None:
    numbers = np.random.default_rng(5).integers(0, 2**32, 5000, np.uint32).view(np.float32)
    numbers = numbers[np.isfinite(numbers)]
    for number in [*numbers.tolist(), 0.0, 1.0, -3.0, 1e10]:
        text = _float(number)
        assert re.fullmatch(r"-?\d+(\.\d+)?(e[-+]\d+)?f", text)
        assert "." in text or "e" in text
        assert np.float32(text[:-1]) == np.float32(number)
