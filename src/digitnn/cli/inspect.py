"""`digitnn inspect`: what a data or weights file holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_json, print_text
from digitnn.cli.options import AsJson
from digitnn.wording import count

if TYPE_CHECKING:
    from digitnn.runs.inspection import Inspection


def inspect(
    file: Annotated[
        Path, typer.Argument(help="A file of data or weights, a run, or a folder of images.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show what a data or weights file holds.

    That is its kind, and its arrays with shapes and types. Kinds: IDX (also gzipped), .mat,
    .npz, .npy, pickle, safetensors, a run, folders of images. The content decides the kind, not
    the name. No code in a pickle is run.
    """
    from digitnn.runs.inspection import inspect_path

    found = inspect_path(file)
    if as_json:
        print_json(found.to_json())
    else:
        print_text(_as_text(file, found))


def _as_text(file: Path, found: "Inspection") -> str:
    """Return a line for the kind, one per array in columns, and one per other property."""
    rows = [
        (_printable(array.name), " x ".join(map(str, array.shape)) or "one", array.dtype)
        for array in found.arrays
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    return "\n".join(
        [
            f"{_printable(str(file))}: {found.kind}, {count(len(rows), 'array')}",
            *(f"  {name:{widths[0]}}  {shape:{widths[1]}}  {dtype}" for name, shape, dtype in rows),
            *(
                f"{key.replace('_', ' ')}: {_printable(str(value))}"
                for key, value in found.about.items()
            ),
        ]
    )


def _printable(text: str) -> str:
    """Return text from a file on one line, with terminal control characters escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]
