"""How accurate and how fast is the reader, and what does it reject?

Each picture is read once without a rejection threshold; thresholds are then applied to the
confidences. Some keys of the result keep older words: "junk" is non-digits, "refused" is rejected.

    python -m benchmarks.beds.reading --json [--beds] [--speed] [--model RUN] [--digits 200]
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from benchmarks.beds import digits, non_digits, pages, scenes, styles
from benchmarks.beds.samples import Sample
from benchmarks.beds.scoring import (
    Answer,
    RawReading,
    format_summary,
    summarise_answers,
    threshold_curve,
)
from benchmarks.measuring import print_result
from benchmarks.timing import reading_speed
from digitnn.data.fetch.sources import load
from digitnn.errors import PictureError
from digitnn.reader.reader import Reader


def read_all(reader: Reader, samples: Iterable[Sample], single: bool) -> list[RawReading]:
    """Read every sample with a reader that rejects nothing; text is empty if reading fails."""
    found = []
    for sample in samples:
        try:
            reading = reader.read(sample.picture, single=single)
            confidences = tuple(digit.confidence for digit in reading.digits)
            text = reading.text
        except PictureError:
            text, confidences = "", ()
        found.append(RawReading(sample.content, text, confidences, sample.letters))
    return found


def all_beds(n: int, seed: int) -> Iterator[tuple[str, str, bool, Iterator[Sample]]]:
    """Yield (group, bed, single or not, samples): `n` of most beds, fewer of slow ones."""
    for name in digits.DRAWINGS:
        count = min(n, digits.MAX_SAMPLES.get(name, n))
        yield "digits", name, True, digits.samples(name, count, seed)
    for name in styles.STYLES:
        yield "styles", name, True, styles.samples(name, max(9, n // 10), seed)
    for name in pages.PAGES:
        count = min(max(5, n // 10), pages.MAX_SAMPLES.get(name, n))
        yield "pages", name, False, pages.samples(name, count, seed)
    for name in scenes.SCENES:
        yield "scenes", name, False, scenes.samples(name, max(5, n // 10), seed)
    for name in scenes.WITH_SYMBOLS:
        yield "symbols", name, False, scenes.with_symbols_read(name, max(5, n // 10), seed)
    for name in non_digits.NON_DIGITS:
        yield "junk", name, True, non_digits.samples(name, n // 2, seed)


def mnist_test() -> Iterator[Sample]:
    """Yield the unchanged images of MNIST's test split."""
    data = load("mnist", "test")
    for image, label in zip(data.images, data.labels, strict=True):
        yield Sample(image, str(label))


def measure(model: str | None, n: int, seed: int, test_split: bool) -> dict[str, Any]:
    """Return summaries by bed, totals by group, and the threshold curve, as plain builtins."""
    threshold = Reader.load(model).min_confidence
    reader, symbol_reader = Reader.load(model, 0.0), Reader.load(model, symbols=True)

    def summarise(group: str, readings: Iterable[RawReading]) -> dict[str, Any]:
        if group == "symbols":  # only what is rejected as a digit can be a symbol
            return summarise_answers([Answer(reading.truth, reading.text) for reading in readings])
        return summarise_answers([reading.answer_at(threshold) for reading in readings])

    read: dict[str, dict[str, list[RawReading]]] = {}
    for group, name, single, samples in all_beds(n, seed):
        chosen = symbol_reader if group == "symbols" else reader
        found = read.setdefault(group, {})[name] = read_all(chosen, samples, single)
        print(format_summary(name, summarise(group, found)), file=sys.stderr)
    if test_split:
        read["test"] = {"mnist test": read_all(reader, mnist_test(), True)}
    together = {group: list(chain(*beds.values())) for group, beds in read.items()}
    counted = [name for name in read["junk"] if non_digits.is_counted(name)]
    together["junk"] = list(chain.from_iterable(read["junk"][name] for name in counted))
    return {
        "threshold": threshold,
        "seed": seed,
        "beds": {
            group: {name: summarise(group, bed) for name, bed in beds.items()}
            for group, beds in read.items()
        },
        "totals": {group: summarise(group, readings) for group, readings in together.items()},
        "not_in_junk_total": sorted(set(read["junk"]) - set(counted)),
        "curve": threshold_curve(together["digits"] + together["styles"], together["junk"]),
    }


def main() -> None:
    """Measure accuracy and speed, or one of them; print rows to stderr and JSON to stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--beds", action="store_true", help="measure accuracy and rejection")
    parser.add_argument("--speed", action="store_true", help="measure time and memory")
    parser.add_argument("--model", metavar="RUN", help="a run instead of the shipped network")
    parser.add_argument("--digits", type=int, default=200, metavar="N", help="samples per bed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test-split", action="store_true", help="also read MNIST's test split")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--reads", type=int, default=2000, help="readings to check memory growth")
    options = parser.parse_args()
    if options.digits < 2:
        sys.exit("--digits: expected 2 or more")
    both = options.beds == options.speed
    result: dict[str, Any] = {"schema": 1, "model": options.model or "shipped"}
    result["seed"] = options.seed
    if options.speed or both:  # first, since memory is measured as well
        result["speed"] = reading_speed.measure(
            options.model, options.repeats, options.reads, options.seed
        )
    if options.beds or both:
        result |= measure(options.model, options.digits, options.seed, options.test_split)
    print_result(result, options.json)


if __name__ == "__main__":
    main()
