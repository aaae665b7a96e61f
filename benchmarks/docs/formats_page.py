"""Read MNIST in every format, train on few images, and write the tables of docs/formats.md.

    python -m benchmarks.docs.formats_page                 # both tables
    python -m benchmarks.docs.formats_page --only formats  # or: few

Only MNIST's training part is used: its images are written in each format and read again; 100 of each
digit are trained on, and the networks are evaluated on the validation split.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from benchmarks import ROOT
from benchmarks.docs.update_readme import put_between
from benchmarks.measuring import load_data
from digitnn.atomic_files import write_text
from digitnn.data.dataset import Dataset
from digitnn.data.formats.picture_folder import read_picture_folder, write_png_folder
from digitnn.data.formats.storage import detect, read_part
from digitnn.engines.find import find_engine
from digitnn.errors import FormatError
from digitnn.machine.describe import describe_machine
from digitnn.machine.resources import use_resources
from digitnn.recipes.builtin import RECIPES
from digitnn.training.training import Training
from tests.support.digit_files import OTHERS, PAIRED, SINGLE, Builder

PAGE = ROOT / "docs" / "formats.md"
N_TRAIN, N_TEST = 2000, 500
PER_CLASS, DRAWS = 100, 5
PLANS = (("cnn", None), ("cnn", 20), ("cnn-99.5", 40))
"""Recipes and epochs to train on few images; None for the recipe's own."""

N_WATCHED = 100
"""Validation images that are classified after each epoch; all of them once, at the end."""


def formats_table() -> str:
    """Return the table of formats as Markdown: what comes back, how fast, and cut files."""
    rows = [
        "| format | images | size, classes | read exactly | images a second | cut to 40 % |",
        "|---|---|---|---|---|---|",
        *map(_format_row, _written()),
    ]
    about = describe_machine()
    return "\n".join(rows) + (
        f"\n\n{N_TRAIN:,} images of MNIST's training part, or generated ones of other sizes and "
        f"classes, on {about['processor']}, its two cores shared with other work; commit "
        f"{about['commit']}. A text of sparse rows does not show that its end is missing.\n"
    )


def _written() -> Iterator[tuple[str, Path, Dataset]]:
    """Write each format into a folder, and yield its name, its path and the training part."""
    data = load_data().train
    train, test = data[:N_TRAIN], data[N_TRAIN : N_TRAIN + N_TEST]
    builders: dict[str, Callable[[Path], tuple[Path, Dataset]]] = {
        **{name: partial(_with_both, build, train, test) for name, build in PAIRED.items()},
        **{name: partial(_with_one, build, train) for name, build in SINGLE.items()},
        **OTHERS,
    }
    for name, build in builders.items():
        print(name, file=sys.stderr)
        with TemporaryDirectory(prefix="digitnn-") as folder:
            path, expected = build(Path(folder))
            yield name, path, expected


def _with_both(build: Builder, train: Dataset, test: Dataset, folder: Path) -> tuple[Path, Dataset]:
    return build(folder, train, test), train


def _with_one(
    build: Callable[[Path, Dataset], Path], train: Dataset, folder: Path
) -> tuple[Path, Dataset]:
    return build(folder, train), train


def _format_row(written: tuple[str, Path, Dataset]) -> str:
    name, path, expected = written
    start = perf_counter()
    found = detect(path)
    assert found is not None, name
    data = found.read("train", name)
    seconds = perf_counter() - start
    exact = (
        np.array_equal(data.images, expected.images)
        and np.array_equal(data.labels, expected.labels)
        and data.classes == expected.classes
    )
    h, w = data.images.shape[1:]
    return (
        f"| {name} | {len(data):,} | {h} x {w}, {len(data.classes)} "
        f"| {'yes' if exact else 'NO'} | {len(data) / seconds:,.0f} | {_when_cut(path)} |"
    )


def _when_cut(path: Path) -> str:
    """Return what reading says when the largest file is cut to 40 %."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    largest = max(files, key=lambda each: each.stat().st_size)
    content = largest.read_bytes()
    largest.write_bytes(content[: len(content) * 2 // 5])
    try:
        read_part(path, "train", "cut")
    except FormatError:
        return "refused"
    return "read as fewer rows"


def few_images_table() -> str:
    """Return the table about few images as Markdown."""
    use_resources(1, "cpu")
    data = load_data()
    rows = [
        f"| command | accuracy, mean of {DRAWS} draws | standard deviation | lowest | training time |",
        "|---|---|---|---|---|",
    ]
    draws = [_through_pictures(_draw(data.train, seed)) for seed in range(DRAWS)]
    for recipe, epochs in PLANS:
        found = [_train(recipe, epochs, draw, data.valid, seed) for seed, draw in enumerate(draws)]
        accuracies = [accuracy for accuracy, _ in found]
        command = (
            f"`digitnn train {recipe}{f' --epochs {epochs}' if epochs else ''} --data-dir FOLDER`"
        )
        rows.append(
            f"| {command} | **{100 * mean(accuracies):.2f} %** | {100 * stdev(accuracies):.2f} "
            f"| {100 * min(accuracies):.2f} % | {mean(seconds for _, seconds in found):.1f} s |"
        )
    about = describe_machine()
    return "\n".join(rows) + (
        f"\n\n{PER_CLASS} images of each digit, drawn {DRAWS} times from MNIST's training split, written "
        "as folders of PNG pictures and read again; seeds 0 to "
        f"{DRAWS - 1}; evaluated on the {len(data.valid):,} validation images; one thread of "
        f"{about['processor']}, shared with other work; commit {about['commit']}.\n"
    )


def _draw(train: Dataset, seed: int) -> Dataset:
    """Return `PER_CLASS` random images of each class, mixed."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(train.labels == label), PER_CLASS, replace=False)
        for label in range(len(train.classes))
    ]
    return train[rng.permutation(np.concatenate(chosen))]


def _through_pictures(draw: Dataset) -> Dataset:
    """Return `draw` as read from folders of PNG pictures, which must not change it."""
    with TemporaryDirectory(prefix="digitnn-") as folder:
        write_png_folder(Path(folder), draw, draw[:10])
        read = read_picture_folder(Path(folder), "train", "few")
    if not (np.array_equal(read.images, draw.images) and np.array_equal(read.labels, draw.labels)):
        raise FormatError("the folders of pictures came back changed")
    return read


def _train(
    name: str, epochs: int | None, draw: Dataset, valid: Dataset, seed: int
) -> tuple[float, float]:
    """Return the accuracy on all of `valid` and the seconds of training."""
    recipe = RECIPES[name]
    recipe = replace(recipe, epochs=epochs or recipe.epochs)
    engine = find_engine(recipe.engines[0])
    training = Training(recipe, engine, draw, valid[:N_WATCHED], seed)
    for _ in training:
        pass
    classifier = engine.classifier(training.network, training.params())
    right = classifier.logits(valid.images).argmax(axis=1) == valid.labels
    print(f"{name} {epochs}, draw {seed}: {right.mean():.4f}", file=sys.stderr)
    return float(right.mean()), training.history[-1].seconds


TABLES = {"formats": formats_table, "few": few_images_table}


def main() -> None:
    """Write the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(TABLES), help="default: both tables")
    only = parser.parse_args().only
    for name in [only] if only else TABLES:
        begin = f"<!-- {name}: written by python -m benchmarks.docs.formats_page -->"
        table = TABLES[name]()
        page = PAGE.read_text(encoding="utf-8")
        write_text(PAGE, put_between(page, begin, f"<!-- end of {name} -->", table))


if __name__ == "__main__":
    main()
