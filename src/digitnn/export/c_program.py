"""Compile an exported C header and run it over images."""

import shutil
import subprocess
import weakref
from dataclasses import replace
from math import prod
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from digitnn.errors import ExportError, FormatError
from digitnn.export.c_header import check_header
from digitnn.export.protocol import LoadedExport, Outputs, single_network, takes_features
from digitnn.network.network import Network, Samples
from digitnn.network.storage.saved_network import round_weights
from digitnn.runs.ensembles import Trained

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O3")
MAX_BYTES = 1 << 28

_MAIN = """\
#include <stdio.h>
#include "digits.h"

int main(void)
{{
    static {kind} x[{n}];
    float logits[{k}];
    while (fread(x, 1, sizeof x, stdin) == sizeof x) {{
        digitnn_logits(x, logits);
        if (fwrite(logits, sizeof logits, 1, stdout) != 1)
            return 1;
    }}
    return 0;
}}
"""


def find_compiler() -> str | None:
    """Return the path of a C compiler, or None."""
    return next((found for name in COMPILERS if (found := shutil.which(name))), None)


def why_not_compiled() -> str | None:
    """Return why no header can be run here, or None."""
    if find_compiler():
        return None
    return f"cannot be verified: no C compiler found ({', '.join(COMPILERS)})"


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
        raise ExportError(f"{path}: {why_not_compiled()}")
    folder = Path(mkdtemp(prefix="digitnn-export-"))
    k = len(run.network.labels)
    try:
        executable = _compile(compiler, folder, checked.source, run.network, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise

    def classify(images: Samples) -> Outputs:
        done = subprocess.run([executable], input=images.tobytes(), capture_output=True)
        logits = np.frombuffer(done.stdout, np.float32)
        if done.returncode or logits.size != len(images) * k:
            raise ExportError(f"{path}: the compiled program failed ({done.returncode})")
        return Outputs(logits.reshape(len(images), k))

    weakref.finalize(classify, shutil.rmtree, folder, ignore_errors=True)
    return LoadedExport(
        classify,
        f"{Path(compiler).name} {' '.join(FLAGS)}, 1 thread",
        replace(run, params=round_weights(run.params)) if checked.weights == "int8" else None,
        {"flash": checked.program.flash_bytes, "RAM": checked.program.ram_bytes},
    )


def _compile(compiler: str, folder: Path, text: str, network: Network, path: Path) -> Path:
    kind = "float" if takes_features(network) else "uint8_t"
    main = _MAIN.format(kind=kind, n=prod(network.input), k=len(network.labels))
    (folder / "digits.h").write_text(text, encoding="utf-8")
    (folder / "main.c").write_text(main, encoding="utf-8")
    executable = folder / "digits"
    command = [compiler, *FLAGS, "main.c", "-o", str(executable), "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
        raise ExportError(f"{path}: {compiler} cannot compile it: {reason.strip():.120}")
    return executable
