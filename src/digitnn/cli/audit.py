"""`digitnn audit`: which labels of a collection may be wrong."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, Collection, DataDir, Device, Epochs, Seed, Threads, at_least

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy import ndarray

    from digitnn.analysis.label_audit.findings import AuditResult
    from digitnn.analysis.label_audit.folds import Audit
    from digitnn.cli.interruption import Stop
    from digitnn.training.records import Record
    from digitnn.training.training import Training


def audit(
    recipe: Annotated[
        str, typer.Option("--recipe", help="What the networks are: a recipe's name or TOML file.")
    ] = "cnn-99.5",
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            parser=at_least(2),
            metavar="K",
            help="Networks to train, a fold held out each.",
        ),
    ] = 5,
    engine: Annotated[
        str | None, typer.Option("--engine", help="scratch or pytorch; the recipe's own if absent.")
    ] = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    out: Annotated[
        Path,
        typer.Option("--out", help="The folder for the list; folds it has are not done again."),
    ] = Path("audit"),
    data: Collection = "mnist",
    data_dir: DataDir = None,
    threads: Threads = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Rank the labels of all images, test among them, by how far networks contradict them.

    Each image is judged by a network that has not learned from it. No network is kept. After
    Ctrl-C the same command goes on with the next fold.
    """
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.analysis.label_audit.findings import audit_to_text, summarise_audit
    from digitnn.analysis.label_audit.folds import Audit
    from digitnn.cli.interruption import stop_on_interrupt
    from digitnn.data.fetch.sources import load
    from digitnn.engines.find import find_engine
    from digitnn.errors import Interruption, UsageError
    from digitnn.machine.resources import use_resources
    from digitnn.plotting import new_figure
    from digitnn.recipes.toml_reader import choose_recipe

    chosen = choose_recipe(recipe).with_epochs(epochs)
    if chosen.synthetic_mix:
        raise UsageError(
            f"recipe {chosen.name} learns from more than the collection: choose another"
        )
    chosen_engine = chosen.engine(engine)
    use_resources(threads, device)
    find_engine(chosen_engine)
    new_figure(1, 1)
    check_writable(out, "--out")
    ensure(data, data_dir)
    train, test = load(data, "train", data_dir), load(data, "test", data_dir)
    what = Audit(replace(train + test, name=data), chosen, chosen_engine, folds, seed, out)
    with stop_on_interrupt() as stop:
        answers, done = _ask(what, stop)
    if stop.signal_number is not None and done < folds:
        raise Interruption(
            f"interrupted; {done} of {folds} folds are kept in {out}: the same command goes on",
            stop.signal_number,
        )
    found = summarise_audit(what, answers, len(train), test.fingerprint())
    _write(what, found, data)
    if as_json:
        print_json(found.to_json())
    else:
        print_text(audit_to_text(found))


def _ask(what: "Audit", stop: "Stop") -> tuple["ndarray", int]:
    """What the networks say of every image, as far as they were asked, and how many folds."""
    import numpy as np

    from digitnn.analysis.label_audit.folds import predict_folds
    from digitnn.cli.interruption import until
    from digitnn.cli.progress import follow
    from digitnn.data.dataset import CLASSES

    def watch(training: "Training", title: str) -> "Iterable[Record]":
        return until(stop, follow(training, title))

    answers, done = np.zeros((len(what.data), CLASSES), np.float32), 0
    for fold in until(stop, predict_folds(what, watch)):
        answers[fold.indices] = fold.log_probabilities
        done += 1
        labels = what.data.labels[fold.indices]
        wrong = int(np.sum(fold.log_probabilities.argmax(axis=1) != labels))
        how = "kept from before" if fold.kept else "done"
        say(f"fold {done} of {what.folds} {how}: {wrong} of {len(labels):,} contradicted")
    return answers, done


def _write(what: "Audit", found: "AuditResult", collection: str) -> None:
    """The list, the sheet, and all of it as JSON."""
    import json

    from digitnn.analysis.label_audit.suspects import draw_suspects, suspects_to_csv
    from digitnn.atomic_files import write_text
    from digitnn.plotting import write_figure

    write_text(what.folder / "suspects.csv", suspects_to_csv(found.suspects))
    write_text(what.folder / "audit.json", json.dumps(found.to_json(), indent=2) + "\n")
    figure = draw_suspects(found.suspects, what.data.images, collection)
    write_figure(what.folder / "suspects.png", figure)
    names = ("suspects.csv", "suspects.png", "audit.json")
    say("written: " + ", ".join(str(what.folder / name) for name in names))
