"""`digitnn audit`: which labels of a collection may be wrong."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_result, say
from digitnn.cli.options import (
    AsJson,
    CollectionOption,
    DataDir,
    DeviceOption,
    EngineOption,
    EpochsOption,
    SeedOption,
    ThreadsOption,
    at_least,
)
from digitnn.cli.progress import Stop, fetch_collection, stop_on_interrupt
from digitnn.errors import Interruption, UsageError

if TYPE_CHECKING:
    from numpy import ndarray

    from digitnn.analysis.label_audit.folds import Audit


def audit(
    recipe: Annotated[
        str, typer.Option("--recipe", help="The networks' recipe: a name or a TOML file.")
    ] = "cnn-99.5",
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            parser=at_least(2),
            metavar="K",
            help="Number of folds. One network is trained for each fold, on all other folds.",
        ),
    ] = 5,
    engine: EngineOption = None,
    epochs: EpochsOption = None,
    seed: SeedOption = 0,
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="The folder for the results. Folds in it are not trained again."
        ),
    ] = Path("audit"),
    data: CollectionOption = "mnist",
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: AsJson = False,
) -> None:
    """Rank the labels that may be wrong.

    All images, test images included, are ranked by the probability that a network gives their
    label. The network was not trained on the image that it classifies, and is not saved.
    After Ctrl-C the same command continues with the next fold.
    """
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.analysis.label_audit.folds import Audit
    from digitnn.analysis.label_audit.suspects import audit_to_text, summarise_audit, write_audit
    from digitnn.data.fetch.sources import load
    from digitnn.engines.find import find_engine
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
    fetch_collection(data, data_dir)
    train, test = load(data, "train", data_dir), load(data, "test", data_dir)
    what = Audit(replace(train + test, name=data), chosen, chosen_engine, folds, seed, out)
    with stop_on_interrupt() as stop:
        answers, done = _ask(what, stop)
    if stop.signal_number is not None and done < folds:
        raise Interruption(
            f"interrupted; {done} of {folds} folds are saved in {out}: the same command continues",
            stop.signal_number,
        )
    found = summarise_audit(what, answers, len(train), test.fingerprint())
    written = write_audit(found)
    say("written: " + ", ".join(map(str, written)))
    print_result(found.to_json(), audit_to_text(found), as_json)


def _ask(what: "Audit", stop: Stop) -> tuple["ndarray", int]:
    """Return the log-probabilities of every image, 0 for folds not done, and the folds done."""
    import numpy as np

    from digitnn.analysis.label_audit.folds import predict_folds

    answers, done = np.zeros((len(what.data), len(what.data.classes)), np.float32), 0
    for fold in stop.until(predict_folds(what, stop.watch)):
        answers[fold.indices] = fold.log_probabilities
        done += 1
        labels = what.data.labels[fold.indices]
        wrong = int(np.sum(fold.log_probabilities.argmax(axis=1) != labels))
        how = "kept" if fold.kept else "done"
        say(f"fold {done} of {what.folds} {how}: {wrong} of {len(labels):,} contradicted")
    return answers, done
