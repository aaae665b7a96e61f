"""`digitnn ensemble`: several runs as one classifier."""

from pathlib import Path
from typing import Annotated

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.options import AsJson


def ensemble(
    runs: Annotated[
        list[Path], typer.Argument(help="At least two runs, trained on the same split.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The new folder for the ensemble.")],
    as_json: AsJson = False,
) -> None:
    """Combine several runs into one classifier.

    It averages their probabilities. The runs are copied. Commands such as `evaluate` and
    `compare` take an ensemble like a run.
    """
    from digitnn.runs.ensembles import make_ensemble

    made = make_ensemble(runs, out)
    if as_json:
        print_json({"schema": 1, "run": str(made.path), "members": len(made.members)})
    else:
        print_text(str(made.path))
    say(f"{made.recipe} ({made.engine}): {made.parameter_count():,} parameters")
