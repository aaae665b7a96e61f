"""`digitnn ladder`: from the nearest mean to the best network."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, Collection, DataDir, Device, Seed, Threads, at_least

if TYPE_CHECKING:
    from collections.abc import Iterable

    from digitnn.analysis.ladder.climbing import LadderPlan
    from digitnn.analysis.ladder.measuring import RungResult
    from digitnn.cli.interruption import Stop
    from digitnn.training.records import Record
    from digitnn.training.training import Training


def ladder(
    rungs: Annotated[
        str,
        typer.Option(
            "--rungs", metavar="A,B,...", help="Only these, and other recipes; all if absent."
        ),
    ] = "",
    train: Annotated[
        list[int] | None,
        typer.Option(
            "--train",
            parser=at_least(1),
            metavar="N",
            help="Train on the first N images; several times for several N; all if absent.",
        ),
    ] = None,
    by_size: Annotated[
        bool,
        typer.Option("--by-size", help="Train on 100, 300, 1,000, ... and all images."),
    ] = False,
    split: Annotated[
        Literal["valid", "test"], typer.Option("--split", help="Which images to ask each for.")
    ] = "valid",
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="scratch or pytorch; each recipe's own if absent."),
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path, typer.Option("--out", help="The folder for the page; what it has is not done again.")
    ] = Path("ladder"),
    data: Collection = "mnist",
    data_dir: DataDir = None,
    threads: Threads = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure classifiers from the simplest up: accuracy, training and reading time, size.

    Each is kept in --out once it is measured: after Ctrl-C the same command goes on.
    """
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.analysis.ladder.climbing import TRAINING_SIZES, LadderPlan
    from digitnn.analysis.ladder.rungs import choose_rungs
    from digitnn.cli.interruption import stop_on_interrupt
    from digitnn.data.fetch.sources import load
    from digitnn.engines.find import find_engine
    from digitnn.errors import Interruption, UsageError
    from digitnn.machine.resources import use_resources
    from digitnn.plotting import new_figure
    from digitnn.runs.experiment import load_training_data

    if train and by_size:
        raise UsageError("--train and --by-size exclude one another")
    chosen = choose_rungs([word for word in rungs.split(",") if word])
    use_resources(threads, device)
    if engine is not None:
        find_engine(engine)
    for rung in chosen:
        if rung.recipe is None:
            rung.model()
        else:
            find_engine(rung.recipe.engine(engine if engine in rung.recipe.engines else None))
    new_figure(1, 1)
    check_writable(out, "--out")
    ensure(data, data_dir)
    parts = load_training_data(data, data_dir)
    asked = parts.valid if split == "valid" else load(data, "test", data_dir)
    n = len(parts.train)
    sizes = {*(size for size in TRAINING_SIZES if size < n), n} if by_size else set(train or [n])
    what = LadderPlan(
        chosen, tuple(sorted(sizes)), parts.train, parts.valid, asked, seed, engine, out
    )
    with stop_on_interrupt() as stop:
        found = _climb(what, stop)
    if found:
        value, text = _write(what, found, split)
        if as_json:
            print_json(value)
        else:
            print_text(text)
    if stop.signal_number is not None:
        raise Interruption(
            f"interrupted; {len(found)} of {len(what.cells())} are kept in {out}: the same command "
            "goes on",
            stop.signal_number,
        )


def _climb(what: "LadderPlan", stop: "Stop") -> "list[RungResult]":
    """All that could be measured before somebody asked to stop, each told as it is done."""
    from digitnn.analysis.ladder.climbing import measure_ladder
    from digitnn.cli.interruption import until
    from digitnn.cli.progress import follow
    from digitnn.wording import percent

    def watch(training: "Training", title: str) -> "Iterable[Record]":
        return until(stop, follow(training, title))

    found = []
    total = len(what.cells())
    for one, kept in until(stop, measure_ladder(what, watch)):
        found.append(one)
        how = "kept" if kept else f"trained in {one.train_seconds:.1f} s"
        say(
            f"[{len(found)}/{total}] {one.rung}, {one.n_train:,} images: "
            f"{percent(one.accuracy)}, {how}"
        )
    return found


def _write(what: "LadderPlan", found: "list[RungResult]", split: str) -> tuple[dict[str, Any], str]:
    """The page as JSON, as Markdown and as figures, in the folder; the first two returned."""
    from digitnn.analysis.ladder.figures import draw_by_size, draw_ladder
    from digitnn.analysis.ladder.page import ladder_to_json, ladder_to_markdown
    from digitnn.atomic_files import write_text
    from digitnn.plotting import write_figure

    value = ladder_to_json(found, what.asked, split, what.seed)
    text = ladder_to_markdown(found, split, what.seed)
    write_text(what.folder / "ladder.json", json.dumps(value, indent=2) + "\n")
    write_text(what.folder / "ladder.md", text)
    write_figure(what.folder / "ladder.png", draw_ladder(found, split))
    written = ["ladder.json", "ladder.md", "ladder.png"]
    if len(what.sizes) > 1:
        write_figure(what.folder / "by_size.png", draw_by_size(found, split))
        written.append("by_size.png")
    say("written: " + ", ".join(str(what.folder / name) for name in written))
    return value, text
