"""`digitnn understand`: what a network has learned, and why it reads an image as it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, DataDir, Threads, at_least

if TYPE_CHECKING:
    from numpy import ndarray


def understand(
    run: Annotated[Path, typer.Argument(help="A run.")],
    image: Annotated[
        int | None,
        typer.Option(
            "--image",
            parser=at_least(0),
            metavar="INDEX",
            help="Which image of the validation split to follow; 0 if absent.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="A picture of one digit instead."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder for the figures.")] = Path(
        "understanding"
    ),
    no_map: Annotated[
        bool, typer.Option("--no-map", help="Leave the map out, which takes longest.")
    ] = False,
    data_dir: DataDir = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Draw what a network has learned and why it reads one image as it does, and say it in words.

    Its first weights as pictures, how they came to be if `digitnn train --snapshots` kept that, the
    image on its way through the layers, the pixels that the
    answer hangs on, the nearest training images, and a map of what it was validated on.
    """
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.analysis.explain.over_epochs import has_snapshots
    from digitnn.analysis.explain.plates import plates
    from digitnn.errors import UsageError
    from digitnn.machine.resources import use_resources
    from digitnn.plotting import new_figure, write_figure
    from digitnn.runs.experiment import load_split_of, load_training_data
    from digitnn.runs.run import load_single_run

    if image is not None and picture is not None:
        raise UsageError("--image and --picture exclude one another")
    use_resources(threads)
    trained = load_single_run(run)
    new_figure(1, 1)
    check_writable(out, "--out")
    about = trained.about["data"]
    ensure(about["collection"], data_dir)
    valid = load_split_of(trained, "valid", data_dir)
    train = load_training_data(about["collection"], data_dir, about["split_seed"]).train
    index = None if picture else image or 0
    if index is not None and index >= len(valid):
        raise UsageError(
            f"--image takes 0 to {len(valid) - 1:,}, the validation images; got {index}"
        )
    pixels = _image_of(picture, run) if picture else valid.images[index or 0]
    drawn = []
    for plate in plates(trained, pixels, train, valid, index, not no_map):
        path = out / f"{plate.name}.png"
        write_figure(path, plate.figure)
        drawn.append((path, plate))
        if not as_json:
            print_text(f"{path}\n  {plate.words}\n")
    if not has_snapshots(trained):
        say("no weights over epochs: `digitnn train ... --snapshots` keeps what it takes")
    source = {"picture": str(picture)} if picture else {"index": index}
    if as_json:
        print_json(
            {
                "schema": 1,
                "run": str(run),
                "image": source,
                "plates": [
                    {"name": p.name, "title": p.title, "path": str(path), "words": p.words}
                    | {"values": p.values}
                    for path, p in drawn
                ],
            }
        )


def _image_of(picture: Path, run: Path) -> "ndarray":
    """The one digit of a picture as the network gets it."""
    from digitnn.errors import PictureError
    from digitnn.reader.reader import Reader

    reading = Reader.load(run).read(picture, single=True)
    if not reading.digits:
        raise PictureError(f"{picture}: no ink that could be a digit")
    return reading.digits[0].image
