"""`digitnn tune`: search for the best values of a recipe's fields."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    command_line,
)
from digitnn.cli.progress import fetch_collection, stop_on_interrupt
from digitnn.errors import Interruption
from digitnn.wording import percent, percent_range

if TYPE_CHECKING:
    from digitnn.runs.experiment import TrainingData
    from digitnn.scaling.tuning.results import SearchResult
    from digitnn.scaling.tuning.searching import Setting
    from digitnn.scaling.tuning.worker import Plan

DEFAULTS = {
    "trials": 60,
    "workers": 1,
    "sampler": "tpe",
    "pruner": "halving",
    "final_seeds": 5,
    "seed": 0,
    "data": "mnist",
    "device": "auto",
}
"""Those that are not None."""


def tune(
    search_file: Annotated[
        Path,
        typer.Argument(metavar="SEARCH", help="A recipe in TOML with ranges in place of values."),
    ],
    trials: Annotated[
        int,
        typer.Option(
            "--trials",
            parser=at_least(1),
            metavar="N",
            help="Finished trials in all, over all workers and calls.",
        ),
    ] = 60,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="FILE|URL",
            help="Where the trials are kept: a .db file (SQLite), a .journal file, also on NFS, "
            "or the URL of a database. Default: trials.db in --out.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            parser=at_least(1),
            metavar="N",
            help="Processes on this machine. Other machines call the same command.",
        ),
    ] = 1,
    sampler: Annotated[
        Literal["tpe", "random"], typer.Option("--sampler", help="How values are drawn.")
    ] = "tpe",
    pruner: Annotated[
        Literal["halving", "none"],
        typer.Option("--pruner", help="Which trials end early: by successive halving, or none."),
    ] = "halving",
    final_seeds: Annotated[
        int,
        typer.Option(
            "--final-seeds",
            parser=at_least(0),
            metavar="N",
            help="Train the winner with so many seeds that no trial has used.",
        ),
    ] = 5,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder for the result. Default: tuning/NAME."),
    ] = None,
    data: CollectionOption = "mnist",
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: AsJson = False,
) -> None:
    """Search for the values of a recipe that validate best.

    Writes the winner as a recipe, and a page about the search. The test split is not read. To
    continue after Ctrl-C, run the same command again.
    """
    options = {k: v for k, v in locals().items() if k not in ("search_file", "as_json")}
    from digitnn.report.page import check_libraries
    from digitnn.report.tuning_page import write_tuning_page
    from digitnn.scaling.tuning.folder import write_result
    from digitnn.scaling.tuning.searching import result_to_json, search
    from digitnn.scaling.tuning.storage import check_optuna

    check_optuna()
    check_libraries()
    plan, setting, parts = _plan(search_file, options)
    with stop_on_interrupt() as stop:
        found = search(
            plan,
            setting,
            parts,
            lambda: stop.signal_number is not None,
            lambda title: lambda training: stop.watch(training, title),
            say,
        )
    if found.result is None:
        raise Interruption(
            f"interrupted; {found.finished} of {trials} trials are finished and kept in "
            f"{plan.storage}: "
            "the same command continues",
            stop.signal_number or 2,
        )
    value = result_to_json(found.result, plan, setting)
    page = write_tuning_page(found.result, plan, setting)
    write_result(setting.folder, value)
    _say_worth(found.result)
    say(f"written: {value['recipe']}, {page}")
    print_result(value, value["recipe"], as_json)


def _plan(search_file: Path, options: Mapping[str, Any]) -> "tuple[Plan, Setting, TrainingData]":
    """Read the search, choose cores and device, and load the data."""
    from digitnn.machine.resources import use_resources
    from digitnn.runs.experiment import load_training_data
    from digitnn.scaling.tuning.folder import STORAGE, default_folder
    from digitnn.scaling.tuning.search import read_search
    from digitnn.scaling.tuning.searching import Setting, check_engine
    from digitnn.scaling.tuning.storage import choose_storage
    from digitnn.scaling.tuning.worker import Plan, identify_search
    from digitnn.scaling.tuning.workers import threads_per_worker

    data, data_dir, threads = (options[name] for name in ("data", "data_dir", "threads"))
    wanted = read_search(search_file)
    folder = options["out"] or default_folder(wanted.name)
    place = choose_storage(options["storage"] or str(folder / STORAGE))
    shown = {**options, **({"storage": str(place)} if options["storage"] else {})}
    command = command_line(["digitnn", "tune", str(search_file)], shown, DEFAULTS)
    workers = options["workers"]
    setting = Setting(
        *(folder, options["final_seeds"], workers, threads_per_worker(workers, threads)),
        *(options["device"], command),
    )
    use_resources(threads, options["device"])
    fetch_collection(data, data_dir)
    parts = load_training_data(data, data_dir)
    how = {name: options[name] for name in ("engine", "seed", "sampler", "pruner")}
    identity = identify_search(wanted, parts, **how)
    plan = Plan(wanted, place, identity, data, data_dir, trials=options["trials"], **how)
    check_engine(plan)
    return plan, setting, parts


def _say_worth(result: "SearchResult") -> None:
    """Say what the search claims, and what the winner gives with fresh seeds."""
    say(f"trial {result.best.number} is the best of {len(result.trials)}: {_draws(result)}")
    say(f"validation accuracy, as the search claims it: {percent(result.claimed)}")
    if result.mean is None:
        return
    n = len(result.accuracies)
    interval = f", 95 % interval {percent_range(result.interval)}" if result.interval else ""
    say(f"mean of {n} fresh seeds: {percent(result.mean)}{interval}")


def _draws(result: "SearchResult") -> str:
    values: dict[str, Any] = dict(result.best.draws)
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )
