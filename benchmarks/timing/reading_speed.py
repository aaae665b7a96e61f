"""Measure the reader's speed: a whole process, a digit, a page; and the growth of its memory.

`benchmarks.beds.reading --speed` calls it. Every timed answer is checked: the process against the
reader, the network against onnxruntime; the page's errors are counted.
"""

import json
import os
import sys
from pathlib import Path
from statistics import median
from subprocess import PIPE, run
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy import ndarray
from PIL import Image

from benchmarks.beds import digits, pages
from benchmarks.beds.handwriting import validation_split
from benchmarks.beds.scoring import edit_distance
from benchmarks.measuring import seconds_in_turns, spread, timed
from benchmarks.timing import one_page, onnx_peer
from digitnn.engines.find import find_engine
from digitnn.machine.resources import threads
from digitnn.network.storage.saved_network import load_network
from digitnn.reader.digit_classifier import SHIPPED_FOLDER
from digitnn.reader.reader import Reader

CLI = "import sys; from digitnn.cli.app import main; sys.exit(main())"
LARGE_PAGE = "page, camera"


def cold(picture: Path, model: str | None, repeats: int) -> dict[str, Any]:
    """Time `digitnn read --json --single` as a whole process, imports included."""
    command = [sys.executable, "-c", CLI, "read", "--json", "--single", str(picture)]
    command += ["--model", model] if model else []
    expected = Reader.load(model).read(picture, single=True).text
    seconds = []
    for _ in range(repeats):
        took, done = timed(lambda: run(command, stdout=PIPE, text=True, check=True))
        text = json.loads(done.stdout)["pictures"][0]["text"]
        if text != expected:
            raise SystemExit(f"the process reads {text!r}, but the reader {expected!r}")
        seconds.append(took)
    return spread(seconds)


def warm(model: str | None, n: int, seed: int) -> dict[str, Any]:
    """Measure the milliseconds per picture of one digit, opening it included."""
    reader = Reader.load(model)
    found = {}
    for name in ("paint 28, thick", "paint 400, hair", "pencil photo"):
        pictures = [sample.picture for sample in digits.samples(name, n, seed)]
        reader.read(pictures[0], single=True)
        found[name] = spread([1e3 * _seconds(reader, picture) for picture in pictures])
    return found


def _seconds(reader: Reader, picture: ndarray | bytes) -> float:
    return timed(lambda: reader.read(picture, single=True))[0]


def throughput(model: str | None, repeats: int, n: int = 2000) -> dict[str, Any]:
    """Measure images per second of the network alone, and of onnxruntime with the same network."""
    network, params = load_network(Path(model) if model else SHIPPED_FOLDER)
    classifier = find_engine("scratch").classifier(network, params)
    images: ndarray = validation_split().images[:n]
    logits = classifier.logits(images)
    works = {"ours": lambda: classifier.logits(images)}
    if onnx_peer.available():
        peer = onnx_peer.session(network, params, threads())
        np.testing.assert_allclose(logits, peer(images), rtol=1e-3, atol=1e-3)
        works["onnxruntime"] = lambda: peer(images)
    seconds = seconds_in_turns(works, repeats, 1)
    rates = {name: n / median(taken) for name, taken in seconds.items()}
    found: dict[str, Any] = {"digits_per_second": rates, "n": n, "repeats": repeats}
    if "onnxruntime" in rates:
        return {**found, "ours_over_onnxruntime": rates["ours"] / rates["onnxruntime"]}
    return {**found, "note": "without onnxruntime: pip install onnx onnxruntime"}


def large_page(folder: Path, model: str | None, repeats: int, seed: int) -> dict[str, Any]:
    """Read a camera's page, resized to 4000 x 3000, each time in a fresh process."""
    sample = next(pages.samples(LARGE_PAGE, 1, seed))
    path = folder / "page.jpg"
    Image.fromarray(sample.pixels()).resize((4000, 3000)).save(path, quality=88)
    found = [one_page.in_fresh_process(path, model) for _ in range(repeats)]
    return {
        "megapixels": 12.0,
        "seconds": spread([one["seconds"] for one in found]),
        "peak_megabytes": max(one["peak_megabytes"] for one in found),
        "characters": len(sample.content),
        "edits": edit_distance(sample.content, found[0]["text"]),
    }


def growth(model: str | None, reads: int, seed: int) -> dict[str, Any]:
    """Measure the megabytes by which the process grows over `reads`, after a tenth as warm-up."""
    reader = Reader.load(model)
    beds = ("paint 80, brush", "envelope")
    pictures = [sample.picture for name in beds for sample in digits.samples(name, 50, seed)]
    before = 0.0
    for turn in range(reads + reads // 10):
        if turn == reads // 10:
            before = resident_megabytes()
        reader.read(pictures[turn % len(pictures)], single=True)
    return {"reads": reads, "megabytes": resident_megabytes() - before}


def resident_megabytes() -> float:
    """Return the resident memory of this process; 0 if the system does not provide it."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0.0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(model: str | None, repeats: int, reads: int, seed: int) -> dict[str, Any]:
    """Measure everything; return the result as plain builtins."""
    with TemporaryDirectory(prefix="digitnn-") as temporary:
        folder = Path(temporary)
        picture = folder / "digit.png"
        sample = next(digits.samples("paint 400, hair", 1, seed))
        Image.fromarray(sample.pixels()).save(picture)
        return {
            "cold_seconds": cold(picture, model, repeats),
            "warm_milliseconds": warm(model, 100, seed),
            "network": throughput(model, repeats),
            "large_page": large_page(folder, model, 3, seed),
            "growth": growth(model, reads, seed),
        }
