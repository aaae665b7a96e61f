"""`digitnn data`: fetch, describe or export a collection of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import fetch_collection
from digitnn.cli.options import AsJson, DataDir

if TYPE_CHECKING:
    from digitnn.data.dataset import Dataset

app = typer.Typer(help="Fetch, describe or export a collection of images.")

CollectionArgument = Annotated[str, typer.Argument(help="The images: mnist or fashion-mnist.")]


@app.command()
def fetch(
    collection: CollectionArgument = "mnist", data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Download the missing files of a collection, and print its path."""
    found = fetch_collection(collection, data_dir)
    if as_json:
        about = {"collection": collection, "path": str(found.path), "format": found.format.name}
        print_json({"schema": 1, **about, "parts": list(found.parts)})
        return
    print_text(str(found.path))


@app.command()
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
    as_json: AsJson = False,
) -> None:
    """Show the path of a collection, the number of images per digit, and fingerprints."""
    from digitnn.runs.experiment import load_training_data

    found = fetch_collection(collection, data_dir)
    training = load_training_data(collection, data_dir, seed)
    splits = {"train": training.train, "valid": training.valid}
    if "test" in found.parts:
        splits["test"] = found.read("test", f"{collection} test")
    mean, std = _pixel_moments(training.train)
    about = {
        "schema": 1,
        "collection": collection,
        "path": str(found.path),
        "format": found.format.name,
        "split_seed": seed,
        "pixel_mean": mean,
        "pixel_std": std,
        "splits": {
            name: {
                "n": len(data),
                "counts": data.counts().tolist(),
                "fingerprint": data.fingerprint(),
            }
            for name, data in splits.items()
        },
    }
    if as_json:
        print_json(about)
        return
    print_text(_as_text(about, f"{found.format.title} in {found.path}"))


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A folder; or a file name ending in .mat or .npz.")],
    collection: CollectionArgument = "mnist",
    to: Annotated[
        Literal["mat", "idx", "idx-gz", "npz", "png"] | None,
        typer.Option("--to", help="The format. Default: determined by the suffix of OUT."),
    ] = None,
    data_dir: DataDir = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the training file and the test file of a collection in another format.

    Without --to, the name of OUT determines the format: NAME.mat, NAME.npz, or a folder for IDX
    files. If the export fails, no file is written.
    """
    from digitnn.data.dataset import PARTS
    from digitnn.data.formats.storage import destinations, infer_format
    from digitnn.data.formats.storage import export as export_to

    target = to or infer_format(out)
    destinations(out, target, force)  # refuse before the work, not after it
    found = fetch_collection(collection, data_dir)
    train, test = (found.read(part, f"{collection} {part}") for part in PARTS)
    say(f"writing {len(train) + len(test):,} images to {out} ({target})")
    made = [str(path) for path in export_to(train, test, out, target, force)]
    if as_json:
        print_json({"schema": 1, "collection": collection, "to": target, "files": made})
        return
    print_text("\n".join(made))


def _pixel_moments(data: "Dataset") -> tuple[float, float]:
    """Return mean and standard deviation of all pixels, 0 to 255, without a float copy."""
    import numpy as np

    mean = float(data.images.mean())
    mean_square = float(np.square(data.images, dtype=np.uint16).mean())
    return mean, (mean_square - mean**2) ** 0.5


def _as_text(about: dict[str, Any], place: str) -> str:
    """Return `about` as a table: a line per split, a column per digit."""
    splits = about["splits"].items()
    counts = [
        f"{name:<8}{split['n']:>8,}" + "".join(f"{count:>7,}" for count in split["counts"])
        for name, split in splits
    ]
    prints = [f"{name:<8}{split['fingerprint']}" for name, split in splits]
    return "\n".join(
        [
            f"{about['collection']}: {place}",
            f"{'split':<8}{'images':>8}" + "".join(f"{digit:>7}" for digit in range(10)),
            *counts,
            f"pixels of train: mean {about['pixel_mean']:.3f}, "
            f"standard deviation {about['pixel_std']:.3f} (0 to 255)",
            "fingerprints (SHA-256 of shape, images, labels):",
            *prints,
        ]
    )
