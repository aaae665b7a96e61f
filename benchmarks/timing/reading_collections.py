"""Measure `digitnn read-collection`: its rate, how busy the cores are, memory, growth, Ray.

    python -m benchmarks.timing.reading_collections --json

Every text is compared with the reader's own. Rates that are compared are measured in turns. The
rate of a run is that between its first and its last finished shard: starting the processes takes
the same second for a million pictures. Each rate has a partner in processor time, which other work
on the machine disturbs less: `processor_share` is the classifier's processor time per picture as a
share of the whole command's, without what starting costs.
"""

import io
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray
from PIL import Image

from benchmarks.beds import digits
from benchmarks.beds.handwriting import validation_split
from benchmarks.measuring import parse_arguments, print_result, spread
from digitnn.machine.resources import available_cores, use_resources
from digitnn.reader.reader import Reader

CLI = "import sys; from digitnn.cli.app import main; sys.exit(main())"
DRAWING_BED, DRAWING_SIDE, DISTINCT_DRAWINGS = "paint 300, marker", 200, 50
ROW_GROUP = 10_000
FEW = 500
"""Images of a run that shows what starting costs."""


@dataclass(frozen=True)
class Run:
    """One run of the command. rate: pictures per second between the first shard and the last.

    seconds: wall-clock, all of it; processor_seconds: of all processes; peak_megabytes: the
    largest sum of resident memory of the command and its workers.
    """

    pictures: int
    seconds: float
    processor_seconds: float
    rate: float
    peak_megabytes: float


def read_collection(source: Path, out: Path, *options: str) -> Run:
    """Run the command as a process of its own, and watch it."""
    command = [sys.executable, "-c", CLI, "read-collection", str(source), "--out", str(out)]
    command += ["--progress", "json", "--json", *options]
    before, start = _children_seconds(), perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak: list[float] = [0.0]
    watcher = threading.Thread(target=_watch_memory, args=(process, peak))
    watcher.start()
    printed, messages = process.communicate()
    seconds = perf_counter() - start
    watcher.join()
    if process.returncode:
        raise SystemExit(f"read-collection failed: {messages[-400:]}")
    steps = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    found = json.loads(printed)
    rate = _rate([step for step in steps if step["shards"]])
    processor = _children_seconds() - before
    return Run(found["rows"], seconds, processor, rate or found["pictures_per_second"], peak[0])


def _rate(steps: Sequence[dict[str, Any]]) -> float:
    if len(steps) < 2 or steps[0]["pictures"] == steps[-1]["pictures"]:
        return 0.0
    pictures = steps[-1]["pictures"] - steps[0]["pictures"]
    return float(pictures / (steps[-1]["seconds"] - steps[0]["seconds"]))


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch_memory(process: "subprocess.Popen[str]", peak: list[float]) -> None:
    """Keep the largest resident memory of a process and its children, until it ends."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_resident, [process.pid, *_children(process.pid)])))
        sleep(0.1)


def _children(pid: int) -> list[int]:
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def images(n: int) -> ndarray:
    """Return MNIST's validation images as often as needed, (n, 28, 28)."""
    own = validation_split().images
    return np.resize(own, (n, *own.shape[1:]))


def write_images(path: Path, pictures: ndarray) -> None:
    """Write images as PNGs into a Parquet file, as the Hugging Face hub has them."""
    distinct = {index: _png(picture) for index, picture in enumerate(pictures[:10_000])}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", kind)])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(pictures), ROW_GROUP):
            rows = [
                {"bytes": distinct[k % len(distinct)], "path": f"{k}.png"}
                for k in range(start, min(start + ROW_GROUP, len(pictures)))
            ]
            writer.write_table(pa.table({"image": pa.array(rows, kind)}))


def _png(pixels: ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def check_images(out: Path, pictures: ndarray) -> None:
    """Exit unless every row has the reader's text of its image."""
    own = [reading.text for reading in Reader.load().read_images(pictures[:10_000])]
    found = pq.read_table(out, columns=["path", "text"]).to_pylist()
    expected = [(f"{k}.png", own[k % len(own)]) for k in range(len(pictures))]
    if [(row["path"], row["text"]) for row in found] != expected:
        raise SystemExit(f"{out}: other texts than the reader's own")


def classifier_rate(pictures: ndarray) -> tuple[float, float]:
    """Return images per second with all threads, and processor seconds per image with one."""
    reader, seconds = Reader.load(), []
    for threads in (available_cores(), 1):
        use_resources(threads)
        reader = Reader.load()
        reader.classify_images(pictures[:500])
        start, used = perf_counter(), process_time()
        reader.classify_images(pictures)
        seconds.append((perf_counter() - start, process_time() - used))
    use_resources()
    return len(pictures) / seconds[0][0], seconds[1][1] / len(pictures)


def measure_images(folder: Path, n: int, repeats: int) -> dict[str, Any]:
    """Compare the command's rate with the classifier's, in turns."""
    pictures = images(n)
    source = folder / "images.parquet"
    write_images(source, pictures)
    few = folder / "few.parquet"
    write_images(few, pictures[:FEW])
    start = read_collection(few, folder / "few")
    shares, processor_shares, runs = [], [], []
    for repeat in range(repeats):
        rate, each = classifier_rate(pictures[:5000])
        run = read_collection(source, folder / f"images-{repeat}")
        runs.append(run)
        shares.append(run.rate / rate)
        more = run.processor_seconds - start.processor_seconds
        processor_shares.append(each * (run.pictures - FEW) / more)
    check_images(folder / "images-0", pictures)
    return {
        "n": n,
        "seconds_to_start": start.seconds,
        "pictures_per_second": spread([run.rate for run in runs]),
        "share_of_classifier": spread(shares),
        "processor_share": spread(processor_shares),
        "peak_megabytes": max(run.peak_megabytes for run in runs),
    }


def measure_drawings(folder: Path, n: int) -> dict[str, Any]:
    """Read PNG drawings from a folder; busy: processor seconds per core and second."""
    pngs, source = [], folder / "drawings"
    for sample in digits.samples(DRAWING_BED, DISTINCT_DRAWINGS, 0):
        pixels = Image.fromarray(sample.pixels()).resize((DRAWING_SIDE, DRAWING_SIDE))
        pngs.append(_png(np.asarray(pixels)))
    source.mkdir()
    for k in range(n):
        (source / f"{k:06}.png").write_bytes(pngs[k % len(pngs)])
    run = read_collection(source, folder / "drawings-out")
    reader = Reader.load()
    own = [reader.read(png).text for png in pngs]
    found = pq.read_table(folder / "drawings-out", columns=["text"])["text"].to_pylist()
    if found != [own[k % len(own)] for k in range(n)]:
        raise SystemExit("drawings: other texts than the reader's own")
    return {
        "n": n,
        "pictures_per_second": run.rate,
        "busy": run.processor_seconds / run.seconds / available_cores(),
        "peak_megabytes": run.peak_megabytes,
    }


def measure_growth(folder: Path, most: int) -> list[dict[str, float]]:
    """Measure cost and memory at three sizes, ten times apart."""
    found = []
    for n in (most // 100, most // 10, most):
        source = folder / f"growth-{n}.parquet"
        write_images(source, images(n))
        run = read_collection(source, folder / f"growth-{n}")
        found.append(
            {
                "n": n,
                "seconds": run.seconds,
                "processor_milliseconds_per_picture": 1e3 * run.processor_seconds / n,
                "peak_megabytes": run.peak_megabytes,
            }
        )
    return found


def measure_ray(folder: Path, n: int, repeats: int) -> dict[str, Any]:
    """Compare the rates of both engines, in turns, and their bytes."""
    source = folder / "ray.parquet"
    write_images(source, images(n))
    times: dict[str, list[Run]] = {"local": [], "ray": []}
    for repeat in range(repeats):
        for engine, runs in times.items():
            out = folder / f"{engine}-{repeat}"
            runs.append(read_collection(source, out, "--engine", engine))
    for part in sorted((folder / "local-0").glob("part-*")):
        if part.read_bytes() != (folder / "ray-0" / part.name).read_bytes():
            raise SystemExit(f"{part.name}: Ray gives other bytes")
    pairs = list(zip(times["local"], times["ray"], strict=True))
    return {
        "n": n,
        "local_over_ray_rate": spread([local.rate / ray.rate for local, ray in pairs]),
        "local_seconds": median(local.seconds for local, _ in pairs),
        "ray_seconds": median(ray.seconds for _, ray in pairs),
    }


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(
        __doc__.partition("\n")[0], images=50_000, drawings=1500, growth=100_000, ray=20_000,
        repeats=3,
    )  # fmt: skip
    with TemporaryDirectory(prefix="digitnn-") as temporary:
        folder = Path(temporary)
        result: dict[str, Any] = {
            "images": measure_images(folder, arguments.images, arguments.repeats),
            "drawings": measure_drawings(folder, arguments.drawings),
            "growth": measure_growth(folder, arguments.growth),
        }
        if arguments.ray:
            result["ray"] = measure_ray(folder, arguments.ray, arguments.repeats)
        print_result({"load_average": os.getloadavg()[0], **result}, arguments.json)


if __name__ == "__main__":
    main()
