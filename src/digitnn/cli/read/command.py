"""`digitnn read`: the digits in pictures."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from digitnn.cli.options import AsJson
from digitnn.cli.read.options import (
    MaxMegapixelsOption,
    MinConfidenceOption,
    ModelOption,
    RotateOption,
    SingleOption,
    SymbolsOption,
)
from digitnn.errors import UsageError


def read(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="Pictures, folders of pictures, patterns such as 'scans/**/*.png', - for stdin.",
            show_default=False,
        ),
    ] = None,
    single: SingleOption = False,
    symbols: SymbolsOption = False,
    rotate: RotateOption = True,
    model: ModelOption = None,
    min_confidence: MinConfidenceOption = None,
    clipboard: Annotated[
        bool, typer.Option("--clipboard", help="Read the picture on the clipboard.")
    ] = False,
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            metavar="OUT",
            help="Draw the digits and their bounding boxes onto the picture, and write it to a "
            ".png file, or to a folder for several pictures.",
        ),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain",
            metavar="OUT",
            help="Draw every step from the picture to the probabilities, into a .png file, or a "
            "folder for several pictures.",
        ),
    ] = None,
    max_megapixels: MaxMegapixelsOption = 64.0,
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print a table with a row for each digit.")
    ] = False,
) -> None:
    """Read the digits in pictures: photos, scans, drawings. "?" stands for a rejected digit.

    The pictures of a folder are read in natural order (2.png before 10.png), but not those of its
    subfolders. The exit code is 1 if a picture cannot be opened; the others are still read.
    """
    from digitnn.cli.read.inputs import find_pictures, from_clipboard
    from digitnn.cli.read.job import Drawings, Job, with_progress
    from digitnn.cli.read.output import print_as_csv, print_as_json, print_as_text
    from digitnn.reader.input.opening import Limits
    from digitnn.reader.reader import Reader

    if not files and not clipboard:
        raise UsageError("no picture to read: name files, folders, - for stdin, or --clipboard")
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude one another")
    if boxes and boxes == explain and boxes.suffix:
        raise UsageError(f"--boxes and --explain cannot both write {boxes}")
    found = find_pictures(files or []) + (from_clipboard() if clipboard else [])
    limits = Limits(megapixels=max_megapixels)
    reader = Reader.load(model, min_confidence, limits, symbols=symbols, rotate=rotate)
    paths, drawings = [file.path for file in found], []
    if boxes:
        from digitnn.reader.drawing.boxes import draw_boxes

        drawings.append(Drawings(boxes, "boxes", paths, draw_boxes))
    if explain:
        from digitnn.reader.drawing.explanation import explain as draw_steps

        draw = partial(draw_steps, min_confidence=reader.min_confidence)
        drawings.append(Drawings(explain, "explained", paths, draw))
    job = Job(found, reader, single, drawings)
    show = print_as_json if as_json else print_as_csv if as_csv else print_as_text
    if not show(with_progress(job.results(), len(found))):
        raise typer.Exit(1)
