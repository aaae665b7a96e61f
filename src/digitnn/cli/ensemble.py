"""`digitnn ensemble`: several runs that answer as one."""

from pathlib import Path
from typing import Annotated

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.options import AsJson


def ensemble(
    runs: Annotated[
        list[Path], typer.Argument(help="Two runs or more, trained on the same split.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder of the ensemble, a new one.")],
    as_json: AsJson = False,
) -> None:
    """Make one classifier of several runs: it averages their probabilities.

    The runs are copied into it. `evaluate`, `compare` and `inspect` take it like any run.
    """
    from digitnn.runs.ensembles import make_ensemble

    made = make_ensemble(runs, out)
    if as_json:
        print_json({"schema": 1, "run": str(made.path), "members": len(made.members)})
    else:
        print_text(str(made.path))
    say(f"{made.recipe} ({made.engine}): {made.parameter_count():,} parameters")
