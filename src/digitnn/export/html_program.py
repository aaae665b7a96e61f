"""Run the script of an exported page over images: in Node.js, or else in a headless browser.

A page is run only if its script is ours to the letter; its data is JSON and checked here.
"""

import base64
import json
import re
import shutil
import subprocess
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.errors import ExportError, FormatError
from digitnn.export.html_page import MAX_HTML_BYTES, array_sizes, page_parts, require_digits
from digitnn.export.protocol import LoadedExport, Outputs, Weights, single_network
from digitnn.network.storage.saved_network import round_weights
from digitnn.runs.ensembles import Trained
from digitnn.runs.run import Run
from digitnn.wording import error_text

NODE = ("node", "nodejs")
RUNTIMES = (*NODE, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 600
"""Seconds that a block of images may take."""

Compute: TypeAlias = Callable[[bytes], bytes]
"""Returns the logits, float32, of images, uint8, as bytes."""

_LOGITS = """
function computeLogits(images) {
  const network = loadNetwork(data);
  const found = [];
  for (let at = 0; at < images.length; at += 784) {
    found.push(...network.logits(images.subarray(at, at + 784)));
  }
  return new Uint8Array(Float32Array.from(found).buffer);
}
"""

_IN_NODE = (
    """
const { readFileSync } = require("node:fs");
const [script, file] = process.argv.slice(1);
require("node:vm").runInThisContext(readFileSync(script, "utf8"));
const data = JSON.parse(readFileSync(file, "utf8"));
process.stdout.write(computeLogits(new Uint8Array(readFileSync(0))));
"""
    + _LOGITS
)

_IN_BROWSER = """\
<!doctype html>
<meta charset="utf-8">
<body>
<script type="application/json" id="data">{data}</script>
<script type="application/json" id="images">{images}</script>
<script>{script}</script>
<script>
const textOf = (id) => document.getElementById(id).textContent;
const data = JSON.parse(textOf("data"));
const found = computeLogits(decodeBytes(textOf("images")));
let letters = "";
for (const byte of found) letters += String.fromCharCode(byte);
document.body.textContent = `logits:${{btoa(letters)}}:`;
{logits}
</script>
"""


def find_runtime() -> str | None:
    """Return the path of Node.js or of Chromium, or None."""
    return next((found for name in RUNTIMES if (found := shutil.which(name))), None)


def why_not_run() -> str | None:
    """Return why no page can be run here, or None."""
    if find_runtime():
        return None
    return f"cannot be verified: neither Node.js nor Chromium found ({', '.join(RUNTIMES)})"


def load_html(path: Path, trained: Trained) -> LoadedExport:
    """Return the network of a page that digitnn wrote for this run.

    Raises `FormatError` for any other file, `ExportError` if there is nothing to run it in.
    """
    run = single_network(trained, "html")
    require_digits(run)
    block = _data_block(path)
    weights = _check_data(path, block, run)
    program = find_runtime()
    if program is None:
        raise ExportError(f"{path}: {why_not_run()}")
    folder = Path(mkdtemp(prefix="digitnn-export-"))
    k = len(run.network.labels)
    is_node = Path(program).name in NODE
    compute = _in_node(program, block, folder) if is_node else _in_browser(program, block, folder)

    def classify(images: UInt8[ndarray, "n 28 28"]) -> Outputs:
        try:
            logits = np.frombuffer(compute(np.ascontiguousarray(images).tobytes()), "<f4")
        except (subprocess.SubprocessError, ValueError) as error:
            raise ExportError(f"{path}: its script failed: {error_text(error)}") from None
        if logits.size != len(images) * k:
            raise ExportError(f"{path}: its script gives {logits.size} logits")
        return Outputs(logits.reshape(len(images), k).astype(np.float32))

    weakref.finalize(classify, shutil.rmtree, folder, ignore_errors=True)
    stored = replace(run, params=round_weights(run.params)) if weights == "int8" else None
    return LoadedExport(classify, f"{_version(program)}, 1 thread", stored)


def _data_block(path: Path) -> str:
    """Return the JSON of a page whose other parts are ours. Raises `FormatError`."""
    page = page_parts()
    reason = "its script and text are not what this version of digitnn writes, so it is not run"
    try:
        if path.stat().st_size > 2 * MAX_HTML_BYTES:
            raise ValueError("it is larger than any that digitnn writes")
        text = path.read_text(encoding="utf-8")
        block = text.removeprefix(page.before).removesuffix(page.after)
        if page.before + block + page.after != text or "<" in block:
            raise ValueError(reason)
    except ValueError as error:
        raise FormatError(f"{path}: not an html export, or damaged: {error_text(error)}") from None
    return block


def _check_data(path: Path, block: str, run: Run) -> Weights:
    """Return how the weights are stored. Raises `FormatError` unless the data fit the run."""
    try:
        data = json.loads(block)
        layers = run.network.to_json()["layers"]
        weights: Weights = "int8" if data["weights"] == "int8" else "float32"
        if data["network"]["layers"] != layers or data["network"]["input"] != [1, 28, 28]:
            raise ValueError("it holds other layers")
        for name, sizes in array_sizes(run.network, weights).items():
            found = {key: _size(text) for key, text in data["arrays"][name].items()}
            if found != sizes:
                raise ValueError(f"array {name} has other sizes")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(
            f"{path}: not an export of this run, or damaged: {error_text(error)}"
        ) from None
    return weights


def _size(text: Any) -> int:
    return len(base64.b64decode(text, validate=True))


def _in_node(program: str, block: str, folder: Path) -> Compute:
    script, data = folder / "script.js", folder / "network.json"
    script.write_text(page_parts().script, encoding="utf-8")
    data.write_text(block, encoding="utf-8")

    def compute(images: bytes) -> bytes:
        command = [program, "-e", _IN_NODE, str(script), str(data)]
        return _output(command, images)

    return compute


def _in_browser(program: str, block: str, folder: Path) -> Compute:
    page = folder / "page.html"

    def compute(images: bytes) -> bytes:
        source = _IN_BROWSER.format(
            data=block,
            images=base64.b64encode(images).decode(),
            script=page_parts().script,
            logits=_LOGITS,
        )
        page.write_text(source, encoding="utf-8")
        with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as profile:
            options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
            options += ["--disable-dev-shm-usage", "--disable-background-networking"]
            command = [program, *options, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
            found = re.search(rb"logits:([A-Za-z0-9+/=]*):", _output(command, b""))
        if found is None:
            raise ValueError("it has shown no logits")
        return base64.b64decode(found[1])

    return compute


def _output(command: list[str], content: bytes) -> bytes:
    done = subprocess.run(command, input=content, capture_output=True, timeout=PATIENCE)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        reason = next((line for line in lines if "Error" in line), f"exit code {done.returncode}")
        raise ValueError(reason.strip()[:120])
    return done.stdout


def _version(program: str) -> str:
    try:
        text = _output([program, "--version"], b"").decode(errors="replace").split("\n")[0]
    except (OSError, ValueError, subprocess.SubprocessError):
        text = "of unknown version"
    return f"Node.js {text.removeprefix('v')}" if Path(program).name in NODE else text.strip()
