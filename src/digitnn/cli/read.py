"""`digitnn read`: the digits in pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.options import AsJson, above_zero
from digitnn.errors import PictureError, UsageError

if TYPE_CHECKING:
    from digitnn.cli.drawings import Drawings
    from digitnn.cli.picture_files import PictureFile
    from digitnn.cli.readings import Entry
    from digitnn.picture.pages import Page
    from digitnn.picture.reader import Reader

MANY = 50
"""Pictures from which on it takes a second or more."""


def read(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="Pictures, folders of them, patterns such as 'scans/**/*.png', - for stdin.",
            show_default=False,
        ),
    ] = None,
    single: Annotated[
        bool, typer.Option("--single", help="Each picture holds one digit at most.")
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="RUN", help="Read with this run or ensemble instead."),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence", metavar="P", help="Refuse what is less likely (0 to 1): '?'."
        ),
    ] = None,
    clipboard: Annotated[
        bool, typer.Option("--clipboard", help="Read the picture that was copied last.")
    ] = False,
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes", metavar="OUT", help="Draw what was found: a .png, or a folder for many."
        ),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain", metavar="OUT", help="Draw each step to each digit: a .png or a folder."
        ),
    ] = None,
    max_megapixels: Annotated[
        float,
        typer.Option(
            "--max-megapixels", parser=above_zero, metavar="N", help="Refuse larger pictures."
        ),
    ] = 64.0,
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print a table with a row for each mark.")
    ] = False,
) -> None:
    """Read the digits in pictures: photos, scans, drawings. "?" is what is no digit, or not clear.

    Of a folder its pictures are read, in natural order, not those of folders in it. Exit code 1 if
    any picture cannot be read; the others are read all the same.
    """
    from digitnn.cli.drawings import drawings_to
    from digitnn.cli.picture_files import find_pictures, from_clipboard
    from digitnn.cli.readings import print_csv, print_json, print_text
    from digitnn.picture.opening import Limits
    from digitnn.picture.reader import Reader

    if not files and not clipboard:
        raise UsageError("no picture to read: name files, folders, - for stdin, or --clipboard")
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude one another")
    if boxes and boxes == explain and boxes.suffix:
        raise UsageError(f"--boxes and --explain cannot both write {boxes}")
    found = find_pictures(files or []) + (from_clipboard() if clipboard else [])
    paths = [file.path for file in found]
    sheets = (drawings_to(boxes, "boxes", paths), drawings_to(explain, "explained", paths))
    reader = Reader.load(model, min_confidence, Limits(megapixels=max_megapixels))
    entries = _read_all(reader, found, single, *sheets)
    show = print_json if as_json else print_csv if as_csv else print_text
    if not show(_with_progress(entries, len(found))):
        raise typer.Exit(1)


def _read_all(
    reader: "Reader",
    found: list["PictureFile"],
    single: bool,
    boxes: "Drawings | None",
    explained: "Drawings | None",
) -> Iterator["list[Entry]"]:
    """The entries of each file, one a page, in order, as they come."""
    from digitnn.cli.readings import Entry
    from digitnn.cores import one_core_blas
    from digitnn.picture.ordered import map_in_order
    from digitnn.picture.pages import pages_of
    from digitnn.resources import threads

    def read_page(index: int, page: "Page") -> Entry:
        path, number = found[index].path, page.number if page.of > 1 else None
        try:
            picture = page.open()
            reading = reader.read_picture(picture, single)
        except PictureError as error:
            return Entry(path, number, error)
        if boxes:
            from digitnn.picture.drawing import draw_boxes

            boxes.save(draw_boxes(picture, reading), index, number)
        if explained:
            from digitnn.picture.explaining import explain

            explained.save(explain(picture, reading, reader.min_confidence), index, number)
        return Entry(path, number, reading)

    def read_file(index: int) -> list[Entry]:
        file = found[index]
        if isinstance(file.source, PictureError):
            return [Entry(file.path, None, file.source)]
        try:
            pages = pages_of(file.source, reader.limits)
        except PictureError as error:
            return [Entry(file.path, None, error)]
        return [read_page(index, page) for page in pages]

    if len(found) == 1:  # a thread and BLAS's setting cost more than they gain
        yield read_file(0)
        return
    with one_core_blas:
        yield from map_in_order(read_file, range(len(found)), threads())


def _with_progress(files: Iterator["list[Entry]"], total: int) -> Iterator["Entry"]:
    """The entries; of many files how far it is, on a terminal whose stdout goes elsewhere."""
    from sys import stderr, stdout

    if total < MANY or not stderr.isatty() or stdout.isatty():
        for entries in files:
            yield from entries
        return
    from rich.progress import Progress

    from digitnn.cli.talk import talk

    with Progress(console=talk, transient=True) as progress:
        for entries in progress.track(files, total, description="pictures"):
            yield from entries
