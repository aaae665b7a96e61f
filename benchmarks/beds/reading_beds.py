"""All test beds through the reader, and what every threshold would accept and refuse.

Each picture is read once with nothing refused; a threshold then decides by the confidences.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.beds import digits, junk, pages, styles
from benchmarks.beds.samples import Sample
from benchmarks.beds.scoring import line, row
from benchmarks.beds.thresholds import Read, curve
from digitnn.data.fetch.sources import load
from digitnn.errors import PictureError
from digitnn.reader.reader import Reader


def read_all(reader: Reader, samples: Iterable[Sample], single: bool) -> list[Read]:
    """`reader` refuses nothing; a picture that it cannot read at all reads as nothing."""
    found = []
    for sample in samples:
        try:
            reading = reader.read(sample.picture, single=single)
            confidences = tuple(mark.confidence for mark in reading.digits)
            found.append(Read(sample.content, reading.text, confidences))
        except PictureError:
            found.append(Read(sample.content, "", ()))
    return found


def all_beds(n: int, seed: int) -> Iterator[tuple[str, str, bool, Iterator[Sample]]]:
    """(group, bed, whether single, its samples), `n` of most; fewer of what is slow to draw."""
    for name in digits.DRAWINGS:
        count = min(n, digits.SLOW.get(name, n))
        yield "digits", name, True, digits.samples(name, count, seed)
    for name in styles.STYLES:
        yield "styles", name, True, styles.samples(name, max(9, n // 10), seed)
    for name in pages.PAGES:
        count = min(max(5, n // 10), pages.SLOW.get(name, n))
        yield "pages", name, False, pages.samples(name, count, seed)
    for name in junk.JUNK:
        yield "junk", name, True, junk.samples(name, n // 2, seed)


def mnist_test() -> Iterator[Sample]:
    """MNIST's own test split as it is: 10,000 pictures of 28 x 28."""
    data = load("mnist", "test")
    for image, label in zip(data.images, data.labels, strict=True):
        yield Sample(image, str(label))


def measure(model: str | None, n: int, seed: int, test_split: bool) -> dict[str, Any]:
    """Rows by bed, totals by group, and the curve; as plain builtins."""
    usual = Reader.load(model)
    reader, threshold = Reader.load(model, 0.0), usual.min_confidence
    read: dict[str, dict[str, list[Read]]] = {}
    for group, name, single, samples in all_beds(n, seed):
        found = read.setdefault(group, {})[name] = read_all(reader, samples, single)
        print(line(name, row([r.at(threshold) for r in found])), file=sys.stderr)
    if test_split:
        read["test"] = {"mnist test": read_all(reader, mnist_test(), True)}
    single_digits = [
        r for group in ("digits", "styles") for bed in read[group].values() for r in bed
    ]
    refuse = [r for name, bed in read["junk"].items() if junk.counted(name) for r in bed]
    return {
        "threshold": threshold,
        "seed": seed,
        "beds": {
            group: {name: row([r.at(threshold) for r in bed]) for name, bed in beds.items()}
            for group, beds in read.items()
        },
        "totals": {
            **{
                group: row([r.at(threshold) for bed in beds.values() for r in bed])
                for group, beds in read.items()
                if group != "junk"
            },
            "junk": row([r.at(threshold) for r in refuse]),
        },
        "not_in_junk_total": sorted(name for name in junk.JUNK if not junk.counted(name)),
        "curve": curve(single_digits, refuse),
    }
