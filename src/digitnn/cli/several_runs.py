"""`digitnn ensemble`, `leaderboard` and `curves`: several runs as one, in order, in one figure."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digitnn.cli.console import print_json, print_result, print_text, say
from digitnn.cli.options import AsJson
from digitnn.errors import RunError, UsageError


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
    value = {"schema": 1, "run": str(made.path), "members": len(made.members)}
    print_result(value, str(made.path), as_json)
    say(f"{made.recipe} ({made.engine}): {made.parameter_count():,} parameters")


def leaderboard(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Runs, or folders of runs. Default: runs/.")
    ] = None,
    split: Annotated[
        Literal["valid", "test"],
        typer.Option(
            "--split",
            help="Rank by the recorded accuracy on this split. Runs are not evaluated again.",
        ),
    ] = "valid",
    as_json: AsJson = False,
) -> None:
    """Rank recipes by their mean accuracy over seeds.

    The table also shows the accuracy of the best seed, and how much it exceeds the mean.
    """
    from digitnn.analysis.comparison.leaderboard import find_runs, rank, summarise_run
    from digitnn.analysis.comparison.tables import leaderboard_to_text

    board = rank([summarise_run(path) for path in find_runs(runs or [Path("runs")])], split)
    print_result({"schema": 1} | board.to_json(), leaderboard_to_text(board), as_json)


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
    from digitnn.runs.histories import read_histories

    if as_json is (out is not None):
        raise UsageError("give one of --out FILE.png and --json")
    if out is not None and out.is_dir():
        raise UsageError(f"--out takes a file, but {out} is a folder")
    if out is not None and out.suffix.lower() != ".png":
        raise UsageError(f"--out takes a name that ends in .png, got {out}")
    if out is not None and out.exists() and not force:
        raise UsageError(f"{out} already exists: --force overwrites it")
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
