"""`digitnn curves`: the learning curves of runs in one figure."""

from pathlib import Path
from typing import Annotated

import typer

from digitnn.cli.console import print_json, print_text


def curves(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Runs, finished or not. An ensemble stands for all of its members."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The figure to write, a .png file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the histories as one JSON object instead.")
    ] = False,
) -> None:
    """Draw the learning curves of runs.

    The figure shows error rate and loss on the training and validation split, over epochs and
    over seconds.
    """
    from digitnn.errors import RunError, UsageError
    from digitnn.runs.histories import read_histories

    if as_json is (out is not None):
        raise UsageError("give one of --out FILE.png and --json")
    if out is not None:
        _check_out(out, force)
    histories = [one for path in dict.fromkeys(runs) for one in read_histories(path)]
    if out is None:
        print_json({"schema": 1, "runs": [history.to_json() for history in histories]})
        return
    from digitnn.analysis.comparison.curves import draw_curves
    from digitnn.plotting import write_figure

    figure = draw_curves(histories)
    try:
        write_figure(out, figure)
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror or error}") from None
    print_text(str(out))


def _check_out(out: Path, force: bool) -> None:
    """Raise `UsageError` unless a figure can be written to `out`."""
    from digitnn.errors import UsageError

    if out.is_dir():
        raise UsageError(f"--out takes a file, but {out} is a folder")
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out takes a name that ends in .png, got {out}")
    if out.exists() and not force:
        raise UsageError(f"{out} already exists: --force overwrites it")
