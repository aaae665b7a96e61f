"""How well do OCR engines and digitnn read the same pictures, and at what CPU time?

RapidOCR's recogniser is limited to digits, Tesseract by its whitelist; both are told nothing else,
but Tesseract and all engines on the beds of single digits get the mode that suits the picture: one
block, one line, one digit. Engines run on one thread, in turns, picture by picture. The peers
cannot answer "?", so the error rate and the paired test compare digits only, and "?" counts as
digits not found.

    python -m benchmarks.peers.ocr_peers --json [--engines digitnn,rapidocr,tesseract]
        [--groups pages,scenes,digits] [--samples 15] [--digits 10] [--folder FOLDER]
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from benchmarks.beds import digits, pages, scenes
from benchmarks.beds.pictures import read_manifest
from benchmarks.beds.samples import Sample
from benchmarks.measuring import print_result
from benchmarks.peers.engines import ENGINES, Worker, started
from benchmarks.peers.scores import Shown, format_row, summarise

GROUPS = ("pages", "scenes", "digits")


def draw_beds(
    groups: Sequence[str], n: int, singles: int, seed: int
) -> Iterator[tuple[str, str, str | None, Iterator[Sample]]]:
    """Yield (group, bed, its only mode or None, samples)."""
    for name in pages.PAGES if "pages" in groups else ():
        count = min(n, pages.MAX_SAMPLES.get(name, n))
        yield "pages", name, None, pages.samples(name, count, seed)
    for name in scenes.SCENES if "scenes" in groups else ():
        yield "scenes", name, None, scenes.samples(name, n, seed)
    for name in digits.DRAWINGS if "digits" in groups else ():
        count = min(singles, digits.MAX_SAMPLES.get(name, singles))
        yield "digits", name, "digit", digits.samples(name, count, seed)


def save(sample: Sample, folder: Path) -> Path:
    """Write the sample's bytes, or its pixels as PNG, and return the file."""
    if isinstance(sample.picture, bytes):
        path = folder / ("picture.png" if sample.picture.startswith(b"\x89PNG") else "picture.jpg")
        path.write_bytes(sample.picture)
        return path
    path = folder / "picture.png"
    Image.fromarray(sample.picture).save(path)
    return path


def mode_of(truth: str) -> str:
    """Return "row" for a text of one line, else "page"."""
    return "row" if truth and "\n" not in truth else "page"


def read_all(
    workers: Sequence[Worker], options: argparse.Namespace, folder: Path
) -> Iterator[Shown]:
    """Read every picture with every engine, after one picture that is not counted."""
    warm = next(pages.samples("row, drawn", 1, options.seed))
    for worker in workers:
        worker.read(save(warm, folder), "page")
    groups = () if options.folder else options.groups
    for group, bed, mode, samples in draw_beds(
        groups, options.samples, options.digits, options.seed
    ):
        for sample in samples:
            path = save(sample, folder)
            chosen = mode or mode_of(sample.content)
            reads = {worker.name: worker.read(path, chosen) for worker in workers}
            yield Shown(group, bed, sample.content, reads)
        print(f"{group}: {bed}", file=sys.stderr)
    for entry in read_manifest(options.folder) if options.folder else ():
        bed = entry.path.relative_to(options.folder).parent.as_posix()
        if options.only and bed not in options.only:
            continue
        mode = "digit" if len(entry.content) == 1 else mode_of(entry.content)
        reads = {worker.name: worker.read(entry.path, mode) for worker in workers}
        yield Shown("folder", bed, entry.content, reads)


def names(known: Sequence[str]) -> Any:
    """Return a parser of names separated by commas."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(unknown)}; expected some of {', '.join(known)}"
            )
        return chosen

    return parse


def main() -> None:
    """Read all pictures with all engines; print rows to stderr and JSON to stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--engines", type=names(ENGINES), default=list(ENGINES))
    parser.add_argument("--groups", type=names(GROUPS), default=list(GROUPS))
    parser.add_argument("--samples", type=int, default=15, help="pages or scenes of each bed")
    parser.add_argument("--digits", type=int, default=10, help="digits of each bed of digits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", metavar="RUN", help="a run instead of the shipped network")
    parser.add_argument("--folder", type=Path, help="pictures with a manifest, instead of beds")
    parser.add_argument("--only", type=lambda text: text.split(","), help="some of its folders")
    parser.add_argument("--answers", type=Path, metavar="JSONL", help="write what was read")
    options = parser.parse_args()
    with ExitStack() as stack, TemporaryDirectory() as folder:
        workers = [stack.enter_context(started(name, options.model)) for name in options.engines]
        versions = {worker.name: worker.versions for worker in workers}
        shown = list(read_all(workers, options, Path(folder)))
    if options.answers:
        lines = [json.dumps(asdict(one)) for one in shown]
        options.answers.write_text("\n".join(lines) + "\n", encoding="utf-8")
    groups = summarise(shown, options.engines, options.seed)
    for group, found in groups.items():
        for name, row in found["total"].items():
            print(f"{group:8} {format_row(name, row)}", file=sys.stderr)
    result = {"schema": 1, "seed": options.seed, "threads": 1, "engines": versions}
    print_result({**result, "groups": groups}, options.json)


if __name__ == "__main__":
    main()
