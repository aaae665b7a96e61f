"""Measure `digitnn read-collection`: its rate, how busy the cores are, memory, growth, Ray.

    python -m benchmarks.timing.reading_collections --json

It takes some minutes on two free cores; `--quick` is a trial of a minute, whose figures say little.
Every text is compared with the reader's own. Rates that are compared are measured in turns. The
rate of a run is that between its first and its last finished shard: starting the processes takes
the same second for a million pictures. Each rate has a partner in processor time, which other work
on the machine disturbs less: `processor_share` is the classifier's processor time per picture as a
share of the whole command's, without what starting costs.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray
from PIL import Image

from benchmarks.beds import digits
from benchmarks.beds.handwriting import validation_split
from benchmarks.measuring import print_result, spread
from benchmarks.timing.collection_runs import Run, RunError, read_collection
from digitnn.machine.resources import available_cores, use_resources
from digitnn.reader.reader import Reader

DRAWING_BED, DRAWING_SIDE, DISTINCT_DRAWINGS = "paint 300, marker", 200, 50
ROW_GROUP = DISTINCT_IMAGES = 10_000
FEW = 500 * available_cores()
"""Images of a run that shows what starting costs: a shard for each worker."""

STEP = 10
"""Between two sizes of the growth."""

Write = Callable[[Path, ndarray], None]


@dataclass(frozen=True)
class Sizes:
    """How much is read. images, drawings, ray: pictures; growth: pictures of the largest size."""

    images: int = 50_000
    drawings: int = 1500
    growth: int = 100_000
    ray: int = 20_000
    repeats: int = 3


QUICK = Sizes(images=4000, drawings=20, growth=3000, ray=3000, repeats=1)


def images(n: int) -> ndarray:
    """Return MNIST's validation images as often as needed, (n, 28, 28)."""
    own = validation_split().images
    return np.resize(own, (n, *own.shape[1:]))


def write_pngs(path: Path, pictures: ndarray) -> None:
    """Write images as PNGs into a Parquet file, as the Hugging Face hub has them."""
    distinct = [_png(picture) for picture in pictures[:DISTINCT_IMAGES]]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    with pq.ParquetWriter(path, pa.schema([("image", kind)])) as writer:
        for start in range(0, len(pictures), ROW_GROUP):
            rows = [
                {"bytes": distinct[k % len(distinct)], "path": f"{k}.png"}
                for k in range(start, min(start + ROW_GROUP, len(pictures)))
            ]
            writer.write_table(pa.table({"image": pa.array(rows, kind)}))


def write_pixels(path: Path, pictures: ndarray) -> None:
    """Write images as lists of 784 pixels into a Parquet file."""
    pixels = pa.array(pictures.reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(pixels, pictures[0].size)
    pq.write_table(pa.table({"image": column}), path, row_group_size=ROW_GROUP)


LAYOUTS: dict[str, Write] = {"png": write_pngs, "pixels": write_pixels}


def _png(pixels: ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def check_images(out: Path, pictures: ndarray) -> None:
    """Exit unless every row has the reader's text of its image."""
    own = [reading.text for reading in Reader.load().read_images(pictures[:DISTINCT_IMAGES])]
    found = pq.read_table(out, columns=["text"])["text"].to_pylist()
    if found != [own[k % len(own)] for k in range(len(pictures))]:
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


def measure_images(folder: Path, write: Write, n: int, repeats: int) -> dict[str, Any]:
    """Compare the command's rate with the classifier's, in turns."""
    folder.mkdir()
    pictures = images(n)
    source, few = folder / "images.parquet", folder / "few.parquet"
    write(source, pictures)
    write(few, pictures[:FEW])
    starts = [read_collection(few, folder / f"few-{repeat}") for repeat in range(repeats)]
    start = median(run.processor_seconds for run in starts)
    shares, processor_shares, runs = [], [], []
    for repeat in range(repeats):
        rate, each = classifier_rate(pictures[:5000])
        run = read_collection(source, folder / f"images-{repeat}")
        runs.append(run)
        shares.append(run.rate / rate)
        processor_shares.append(each * (run.pictures - FEW) / (run.processor_seconds - start))
    check_images(folder / "images-0", pictures)
    return {
        "n": n,
        "seconds_to_start": median(run.seconds for run in starts),
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


def measure_growth(folder: Path, most: int, repeats: int) -> list[dict[str, Any]]:
    """Measure cost and memory at three sizes, ten times apart.

    milliseconds_of_a_further_picture: processor time of a picture more, from the size before; it
    is the same everywhere if the cost of a picture does not grow. Medians of `repeats` runs.
    """
    found: list[dict[str, Any]] = []
    before = (0, 0.0)
    for n in (most // STEP**2, most // STEP, most):
        source = folder / f"growth-{n}.parquet"
        write_pngs(source, images(n))
        runs = [read_collection(source, folder / f"growth-{n}-{k}") for k in range(repeats)]
        processor = median(run.processor_seconds for run in runs)
        further = 1e3 * (processor - before[1]) / (n - before[0]) if before[0] else None
        before = (n, processor)
        found.append(
            {
                "n": n,
                "seconds": median(run.seconds for run in runs),
                "processor_seconds": processor,
                "milliseconds_of_a_further_picture": further,
                "peak_megabytes": max(run.peak_megabytes for run in runs),
            }
        )
    return found


def measure_ray(folder: Path, n: int, repeats: int) -> dict[str, Any]:
    """Compare the rates of both engines, in turns, and their bytes."""
    source = folder / "ray.parquet"
    write_pngs(source, images(n))
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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--quick", action="store_true", help="a trial with few pictures")
    parser.add_argument(
        "--largest", type=int, metavar="N", help="measure rate and growth alone, up to N images"
    )
    arguments = parser.parse_args()
    if arguments.largest is not None and arguments.largest <= FEW:
        parser.error(f"--largest must be above {FEW}, got {arguments.largest}")
    if arguments.largest:
        with TemporaryDirectory(prefix="digitnn-") as temporary:
            folder, n = Path(temporary), arguments.largest
            rates = measure_images(folder / "png", write_pngs, n, Sizes().repeats)
            growth = measure_growth(folder, n, 1)
        print_result({"images": {"png": rates}, "growth": growth}, arguments.json)
        return
    sizes, start = QUICK if arguments.quick else Sizes(), perf_counter()
    load = os.getloadavg()[0]
    with TemporaryDirectory(prefix="digitnn-") as temporary:
        folder = Path(temporary)
        result: dict[str, Any] = {
            "images": {
                name: measure_images(folder / name, write, sizes.images, sizes.repeats)
                for name, write in LAYOUTS.items()
            },
            "drawings": measure_drawings(folder, sizes.drawings),
            "growth": measure_growth(folder, sizes.growth, sizes.repeats),
        }
        try:
            result["ray"] = measure_ray(folder, sizes.ray, sizes.repeats)
        except RunError as error:  # it needs more than a minute to start where others work
            print(error, file=sys.stderr)
            result["ray"] = None
    about = {"sizes": asdict(sizes), "load_average": load, "minutes": (perf_counter() - start) / 60}
    print_result({**about, **result}, arguments.json)
    sys.exit(result["ray"] is None)


if __name__ == "__main__":
    main()
