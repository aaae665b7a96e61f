"""`digitnn read`: the digits in pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.options import AsJson, above_zero
from digitnn.errors import PictureError, UsageError

if TYPE_CHECKING:
    from digitnn.cli.picture_files import PictureFile
    from digitnn.cli.readings import Entry
    from digitnn.picture.pages import Page
    from digitnn.picture.reader import Reader


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
    from digitnn.cli.picture_files import find_pictures, from_clipboard
    from digitnn.cli.readings import print_csv, print_json, print_text
    from digitnn.picture.opening import Limits
    from digitnn.picture.reader import Reader

    if not files and not clipboard:
        raise UsageError("no picture to read: name files, folders, - for stdin, or --clipboard")
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude one another")
    found = find_pictures(files or []) + (from_clipboard() if clipboard else [])
    reader = Reader.load(model, min_confidence, Limits(megapixels=max_megapixels))
    entries = _read_all(reader, found, single)
    show = print_json if as_json else print_csv if as_csv else print_text
    if not show(entries):
        raise typer.Exit(1)


def _read_all(reader: "Reader", found: list["PictureFile"], single: bool) -> Iterator["Entry"]:
    """An entry for each page of each file, in order, as they come."""
    from digitnn.cli.readings import Entry
    from digitnn.cores import one_core_blas
    from digitnn.picture.ordered import map_in_order
    from digitnn.picture.pages import pages_of
    from digitnn.resources import threads

    def read_page(file: "PictureFile", page: "Page") -> Entry:
        number = page.number if page.of > 1 else None
        try:
            picture = page.open()
            reading = reader.read_picture(picture, single)
        except PictureError as error:
            return Entry(file.path, number, error)
        return Entry(file.path, number, reading)

    def read_file(file: "PictureFile") -> list[Entry]:
        if isinstance(file.source, PictureError):
            return [Entry(file.path, None, file.source)]
        try:
            pages = pages_of(file.source, reader.limits)
        except PictureError as error:
            return [Entry(file.path, None, error)]
        return [read_page(file, page) for page in pages]

    if len(found) == 1:
        yield from read_file(found[0])
        return
    with one_core_blas:
        for entries in map_in_order(read_file, found, threads()):
            yield from entries
