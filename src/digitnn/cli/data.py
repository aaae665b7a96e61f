"""`digitnn data`: fetch, describe or export a collection; `digitnn inspect`: describe a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitnn.cli.console import print_result, printable, say
from digitnn.cli.options import AsJson, DataDir, FitOption, SkipBadOption
from digitnn.cli.progress import fetch_collection
from digitnn.wording import count

if TYPE_CHECKING:
    from digitnn.data.dataset import Dataset
    from digitnn.runs.inspection import Inspection

data = typer.Typer(help="Fetch, describe or export a collection of images.")

CollectionArgument = Annotated[str, typer.Argument(help="The images: mnist or fashion-mnist.")]


@data.command()
def fetch(
    collection: CollectionArgument = "mnist", data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Download the missing files of a collection, and print its path."""
    found = fetch_collection(collection, data_dir)
    about = {"collection": collection, "path": str(found.path), "format": found.format.name}
    print_result({"schema": 1, **about, "parts": list(found.parts)}, str(found.path), as_json)


@data.command()
def info(
    collection: CollectionArgument = "mnist",
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            help="Shuffle the training file with this seed before it is split. Default: no "
            "shuffling.",
        ),
    ] = None,
    data_dir: DataDir = None,
    fit: FitOption = "pad",
    skip_bad: SkipBadOption = False,
    as_json: AsJson = False,
) -> None:
    """Show the path of a collection, the number of images per class, and fingerprints."""
    from digitnn.data.formats.picture_options import PictureOptions
    from digitnn.runs.experiment import load_training_data

    options = PictureOptions(fit, skip_bad)
    found = fetch_collection(collection, data_dir)
    training = load_training_data(collection, data_dir, seed, options)
    splits = {"train": training.train, "valid": training.valid}
    if "test" in found.parts:
        test = found.read("test", f"{collection} test", options)
        splits["test"] = test.with_classes(training.train.classes)
    mean, std = _pixel_moments(training.train)
    about = {
        "schema": 1,
        "collection": collection,
        "path": str(found.path),
        "format": found.format.name,
        "split_seed": seed,
        "pixel_mean": mean,
        "pixel_std": std,
        "classes": list(training.train.classes),
        "splits": {
            name: {
                "n": len(images),
                "counts": images.counts().tolist(),
                "image_shape": list(images.images.shape[1:]),
                "fingerprint": images.fingerprint(),
            }
            for name, images in splits.items()
        },
    }
    print_result(about, _splits_table(about, f"{found.format.title} in {found.path}"), as_json)


@data.command()
def export(
    out: Annotated[Path, typer.Argument(help="A folder; or a file name ending in .mat or .npz.")],
    collection: CollectionArgument = "mnist",
    to: Annotated[
        Literal["mat", "idx", "idx-gz", "npz", "png"] | None,
        typer.Option("--to", help="The format. Default: determined by the suffix of OUT."),
    ] = None,
    data_dir: DataDir = None,
    fit: FitOption = "pad",
    skip_bad: SkipBadOption = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the training file and the test file of a collection in another format.

    Without --to, the name of OUT determines the format: NAME.mat, NAME.npz, or a folder for IDX
    files. If the export fails, no file is written.
    """
    from digitnn.data.dataset import PARTS
    from digitnn.data.formats.picture_options import PictureOptions
    from digitnn.data.formats.storage import destinations, infer_format
    from digitnn.data.formats.storage import export as export_to

    target = to or infer_format(out)
    destinations(out, target, force)  # refuse before the work, not after it
    found = fetch_collection(collection, data_dir)
    options = PictureOptions(fit, skip_bad)
    found.check_options(options)
    train, test = (found.read(part, f"{collection} {part}", options) for part in PARTS)
    test = test.with_classes(train.classes)
    say(f"writing {len(train) + len(test):,} images to {out} ({target})")
    made = [str(path) for path in export_to(train, test, out, target, force)]
    value = {"schema": 1, "collection": collection, "to": target, "files": made}
    print_result(value, "\n".join(made), as_json)


def _pixel_moments(dataset: "Dataset") -> tuple[float, float]:
    """Return mean and standard deviation of all pixels, 0 to 255, without a float copy."""
    import numpy as np

    mean = float(dataset.images.mean())
    mean_square = float(np.square(dataset.images, dtype=np.uint16).mean())
    return mean, (mean_square - mean**2) ** 0.5


_MAX_COLUMNS = 12


def _splits_table(about: dict[str, Any], place: str) -> str:
    """Return `about` as a table: a line per split, a column per class, at most 12 in a row."""
    splits, classes = about["splits"].items(), about["classes"]
    counts = []
    for first in range(0, len(classes), _MAX_COLUMNS):
        part = slice(first, first + _MAX_COLUMNS)
        head = f"{'split':<8}{'images':>8}" if first == 0 else f"{'':<16}"
        counts.append(head + "".join(f"{name[:6]:>7}" for name in classes[part]))
        for name, split in splits:
            start = f"{name:<8}{split['n']:>8,}" if first == 0 else f"{name:<16}"
            counts.append(start + "".join(f"{n:>7,}" for n in split["counts"][part]))
    prints = [f"{name:<8}{split['fingerprint']}" for name, split in splits]
    return "\n".join(
        [
            f"{about['collection']}: {place}",
            *counts,
            f"pixels of train: mean {about['pixel_mean']:.3f}, "
            f"standard deviation {about['pixel_std']:.3f} (0 to 255)",
            "fingerprints (SHA-256 of shape, images, labels):",
            *prints,
        ]
    )


def inspect(
    file: Annotated[
        Path, typer.Argument(help="A file of data or weights, a run, or a folder of images.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show what a data or weights file holds.

    That is its kind, and its arrays with shapes and types. Kinds: IDX, .mat, .npz, .npy, pickle,
    Parquet, CSV and LIBSVM text (IDX, pickle and text also packed), safetensors, a run, folders of
    these or of pictures. The content decides the kind, not the name. No code in a pickle is run.
    """
    from digitnn.runs.inspection import inspect_path

    found = inspect_path(file)
    print_result(found.to_json(), _arrays_table(file, found), as_json)


def _arrays_table(file: Path, found: "Inspection") -> str:
    """Return a line for the kind, one per array in columns, and one per other property."""
    rows = [
        (printable(array.name), " x ".join(map(str, array.shape)) or "one", array.dtype)
        for array in found.arrays
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    return "\n".join(
        [
            f"{printable(str(file))}: {found.kind}, {count(len(rows), 'array')}",
            *(f"  {name:{widths[0]}}  {shape:{widths[1]}}  {dtype}" for name, shape, dtype in rows),
            *(
                f"{key.replace('_', ' ')}: {printable(str(value))}"
                for key, value in found.about.items()
            ),
        ]
    )
