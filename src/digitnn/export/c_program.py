"""Compile an exported C header and run it over images."""

import shutil
import subprocess
import weakref
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.errors import FormatError
from digitnn.export.c_header import check_header
from digitnn.export.protocol import ExportError, LoadedExport, Outputs, single_network
from digitnn.network.storage.saved_network import dequantise, quantise_channels
from digitnn.runs.ensembles import Trained
from digitnn.runs.run import Run

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O3")
MAX_BYTES = 1 << 28

_MAIN = """\
#include <stdio.h>
#include "digits.h"

int main(void)
{{
    uint8_t image[784];
    float logits[{k}];
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {{
        digitnn_logits(image, logits);
        if (fwrite(logits, sizeof logits, 1, stdout) != 1)
            return 1;
    }}
    return 0;
}}
"""


def find_compiler() -> str | None:
    """Return the path of a C compiler, or None."""
    return next((found for name in COMPILERS if (found := shutil.which(name))), None)


def load_header(path: Path, trained: Trained) -> LoadedExport:
    """Compile a header that digitnn wrote for this run, and return the program.

    Raises `FormatError` for any other header, `ExportError` if there is no compiler or it fails.
    """
    run = single_network(trained, "h")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path}: larger than any header that digitnn writes")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"{path}: not a C header, or a damaged one: it is not text") from None
    checked = check_header(path, text, run)
    compiler = find_compiler()
    if compiler is None:
        raise ExportError(
            f"{path}: cannot be verified: no C compiler found ({', '.join(COMPILERS)})"
        )
    folder = Path(mkdtemp(prefix="digitnn-export-"))
    k = len(run.network.labels)
    try:
        executable = _compile(compiler, folder, checked.source, k, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise

    def classify(images: UInt8[ndarray, "n 28 28"]) -> Outputs:
        done = subprocess.run([executable], input=images.tobytes(), capture_output=True)
        logits = np.frombuffer(done.stdout, np.float32)
        if done.returncode or logits.size != len(images) * k:
            raise ExportError(f"{path}: the compiled program failed ({done.returncode})")
        return Outputs(logits.reshape(len(images), k))

    weakref.finalize(classify, shutil.rmtree, folder, ignore_errors=True)
    return LoadedExport(
        classify,
        f"{Path(compiler).name} {' '.join(FLAGS)}, 1 thread",
        _rounded(run) if checked.weights == "int8" else None,
        {"flash": checked.program.flash_bytes, "RAM": checked.program.ram_bytes},
    )


def _compile(compiler: str, folder: Path, text: str, k: int, path: Path) -> Path:
    (folder / "digits.h").write_text(text, encoding="utf-8")
    (folder / "main.c").write_text(_MAIN.format(k=k), encoding="utf-8")
    executable = folder / "digits"
    command = [compiler, *FLAGS, "main.c", "-o", str(executable), "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
        raise ExportError(f"{path}: {compiler} cannot compile it: {reason.strip():.120}")
    return executable


def _rounded(run: Run) -> Run:
    """Return `run` with its weights rounded to int8 and back, as the header holds them."""
    params = {}
    for name, array in run.params.items():
        array = np.asarray(array, np.float32)
        if array.ndim >= 2:
            levels, scales = quantise_channels(array)
            array = dequantise({name: levels, f"{name}.scale": scales})[name]
        params[name] = array
    return replace(run, params=params)
