"""`digitnn ladder`: measure classifiers from the nearest mean to the best network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digitnn.cli.console import print_result, say
from digitnn.cli.options import (
    AsJson,
    CollectionOption,
    DataDir,
    DeviceOption,
    EngineOption,
    SeedOption,
    ThreadsOption,
    at_least,
)
from digitnn.cli.progress import Stop, fetch_collection, stop_on_interrupt
from digitnn.errors import Interruption, UsageError
from digitnn.wording import percent

if TYPE_CHECKING:
    from digitnn.analysis.ladder.measuring import LadderPlan, RungResult


def ladder(
    rungs: Annotated[
        str,
        typer.Option(
            "--rungs",
            metavar="A,B,...",
            help="Measure only these classifiers: built-in ones, such as nearest-mean or logistic, "
            "and recipes. Default: all built-in ones.",
        ),
    ] = "",
    train: Annotated[
        list[int] | None,
        typer.Option(
            "--train",
            parser=at_least(1),
            metavar="N",
            help="Train on the first N images. Repeat the option to train on several sizes. "
            "Default: all images.",
        ),
    ] = None,
    by_size: Annotated[
        bool,
        typer.Option("--by-size", help="Train on 100, 300, 1,000, ... and all images."),
    ] = False,
    split: Annotated[
        Literal["valid", "test"], typer.Option("--split", help="The split to evaluate on.")
    ] = "valid",
    engine: EngineOption = None,
    seed: SeedOption = 0,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="The folder for the results. Results in it are not measured again.",
        ),
    ] = Path("ladder"),
    data: CollectionOption = "mnist",
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: AsJson = False,
) -> None:
    """Train and measure classifiers of increasing complexity.

    The table shows accuracy, training time, inference time and size. Each result is saved in
    --out as soon as it is measured. To continue after Ctrl-C, run the same command again.
    """
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.analysis.ladder.measuring import LadderPlan, sizes_to_measure
    from digitnn.analysis.ladder.results import write_ladder
    from digitnn.analysis.ladder.rungs import check_rungs, choose_rungs
    from digitnn.data.fetch.sources import load
    from digitnn.machine.resources import use_resources
    from digitnn.plotting import new_figure
    from digitnn.runs.experiment import load_training_data

    if train and by_size:
        raise UsageError("--train and --by-size exclude one another")
    chosen = choose_rungs([word for word in rungs.split(",") if word])
    use_resources(threads, device)
    check_rungs(chosen, engine)
    new_figure(1, 1)
    check_writable(out, "--out")
    fetch_collection(data, data_dir)
    parts = load_training_data(data, data_dir)
    asked = parts.valid if split == "valid" else load(data, "test", data_dir)
    sizes = sizes_to_measure(train, by_size, len(parts.train))
    what = LadderPlan(chosen, sizes, parts.train, parts.valid, asked, seed, engine, out)
    with stop_on_interrupt() as stop:
        found = _climb(what, stop)
    if found:
        value, text, written = write_ladder(what, found, split)
        say("written: " + ", ".join(map(str, written)))
        print_result(value, text, as_json)
    if stop.signal_number is not None:
        message = f"interrupted; {len(found)} of {len(what.cells())} are saved in {out}"
        raise Interruption(f"{message}: the same command continues", stop.signal_number)


def _climb(what: "LadderPlan", stop: Stop) -> "list[RungResult]":
    """Measure until `stop`, and say each result."""
    from digitnn.analysis.ladder.measuring import measure_ladder

    found = []
    total = len(what.cells())
    for one, kept in stop.until(measure_ladder(what, stop.watch)):
        found.append(one)
        how = "kept" if kept else f"trained in {one.train_seconds:.1f} s"
        say(
            f"[{len(found)}/{total}] {one.rung}, {one.n_train:,} images: "
            f"{percent(one.accuracy)}, {how}"
        )
    return found
