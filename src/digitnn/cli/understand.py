"""`digitnn understand`: what a network has learned, and why it classifies an image as it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.options import AsJson, DataDir, ThreadsOption, at_least
from digitnn.cli.progress import fetch_collection

if TYPE_CHECKING:
    from numpy import ndarray

    from digitnn.analysis.explain.plates import Plate


def understand(
    run: Annotated[Path, typer.Argument(help="A run.")],
    image: Annotated[
        int | None,
        typer.Option(
            "--image",
            parser=at_least(0),
            metavar="INDEX",
            help="The image of the validation split to explain. Default: 0.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Explain a picture of one digit instead."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder for the figures.")] = Path(
        "understanding"
    ),
    no_map: Annotated[
        bool, typer.Option("--no-map", help="Leave out the map, the slowest figure.")
    ] = False,
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    as_json: AsJson = False,
) -> None:
    """Explain a network and one of its predictions, in figures and words.

    The figures show the weights of its first layer, their development (if it was trained with
    --snapshots), the output of each layer for the image, the most important pixels, the nearest
    training images, and a map of the validation images.
    """
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.analysis.explain.over_epochs import has_snapshots
    from digitnn.analysis.explain.plates import plates
    from digitnn.errors import UsageError
    from digitnn.machine.resources import use_resources
    from digitnn.plotting import new_figure, write_figure
    from digitnn.runs.evaluate_run import load_split_of
    from digitnn.runs.experiment import load_training_data_of
    from digitnn.runs.run import load_single_run

    if image is not None and picture is not None:
        raise UsageError("--image and --picture exclude one another")
    use_resources(threads)
    trained = load_single_run(run)
    new_figure(1, 1)
    check_writable(out, "--out")
    about = trained.about["data"]
    fetch_collection(about["collection"], data_dir)
    valid = load_split_of(trained, "valid", data_dir)
    train = load_training_data_of(about, data_dir).train
    index = None if picture else image or 0
    if index is not None and index >= len(valid):
        limit = f"0 to {len(valid) - 1:,}, the validation images"
        raise UsageError(f"--image takes {limit}; got {index}")
    pixels = _image_of(picture, run) if picture else valid.images[index or 0]
    drawn = {}
    for plate in plates(trained, pixels, train, valid, index, not no_map):
        path = out / f"{plate.name}.png"
        write_figure(path, plate.figure)
        drawn[path] = plate
        if not as_json:
            print_text(f"{path}\n  {plate.words}\n")
    if not has_snapshots(trained):
        say("no figure of the weights over epochs: `digitnn train --snapshots` saves what it needs")
    if as_json:
        source = {"picture": str(picture)} if picture else {"index": index}
        print_json({"schema": 1, "run": str(run), "image": source, "plates": _to_json(drawn)})


def _to_json(drawn: dict[Path, "Plate"]) -> list[dict[str, Any]]:
    return [
        {
            "name": plate.name,
            "title": plate.title,
            "path": str(path),
            "words": plate.words,
            "values": plate.values,
        }
        for path, plate in drawn.items()
    ]


def _image_of(picture: Path, run: Path) -> "ndarray":
    """Return the only digit of a picture as the network receives it."""
    from digitnn.errors import PictureError
    from digitnn.reader.reader import Reader

    reading = Reader.load(run).read(picture, single=True)
    if not reading.digits:
        raise PictureError(f"{picture}: no ink that could be a digit")
    return reading.digits[0].image
