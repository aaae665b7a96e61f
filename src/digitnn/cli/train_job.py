"""What `digitnn train` does with its options: in one process, or as one of several of torchrun."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from digitnn.cli.console import say
from digitnn.cli.options import command_line
from digitnn.cli.progress import Stop, fetch_collection, follow, stop_on_interrupt
from digitnn.data.formats.picture_options import PictureOptions
from digitnn.engines.find import find_engine
from digitnn.engines.micro_batches import MicroBatches
from digitnn.errors import UsageError
from digitnn.machine.resources import DEFAULT_PRECISION, use_resources
from digitnn.recipes.overrides import with_fields
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.recipes.toml_reader import choose_recipe
from digitnn.runs.experiment import (
    load_starting_point,
    load_training_data,
    run_experiment,
    run_with_checkpoints,
)
from digitnn.runs.resume import Checkpointing
from digitnn.runs.run import Run, check_free, default_path
from digitnn.scaling.training import session
from digitnn.scaling.training.launch import Launch, find_launch
from digitnn.training.records import Record, Stopping
from digitnn.training.tensorboard import log_scalars, prepare_folder
from digitnn.training.training import Training

REPEATED = (
    *("engine", "epochs", "seed", "data", "data_dir", "split_seed", "max_seconds", "patience"),
    *("keep", "snapshots", "tensorboard", "threads", "device", "micro_batches", "all_reduce"),
    *("precision", "fit", "skip_bad", "all_images"),
)
"""Parameters that the command to resume with repeats, unless they have their default."""
DEFAULTS = {
    "seed": 0,
    "data": "mnist",
    "keep": "last",
    "snapshots": False,
    "device": "auto",
    "precision": DEFAULT_PRECISION,
    "all_reduce": False,
    "fit": "pad",
    "skip_bad": False,
    "all_images": False,
}
"""Those that are not None."""


@dataclass(frozen=True)
class TrainJob:
    """One training, from the options of the command.

    options: every argument of the command by name; launch: how torchrun started this process, if it
    did; cut: of the batches, for a training in parts; path: the folder of the run.
    """

    options: Mapping[str, Any]
    launch: Launch | None
    recipe: Recipe
    engine: EngineName
    cut: MicroBatches | None
    path: Path

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "TrainJob":
        """Check the options and choose cores and device. Raises `UsageError`."""
        launch, wanted = find_launch(), options["micro_batches"]
        in_parts = bool(launch or wanted)
        if options["all_reduce"] and launch is None:
            raise UsageError("--all-reduce adds gradients of processes: start them with torchrun")
        if options["from_run"] is not None and in_parts:
            raise UsageError(
                "--from trains in one process and on whole batches: leave out one of them"
            )
        recipe = with_fields(choose_recipe(options["recipe"]), options["changes"] or ())
        recipe, cut = recipe.with_epochs(options["epochs"]), None
        if in_parts:
            asked = (options["engine"], wanted, options["all_reduce"])
            cut = session.cut_for(recipe, *asked, launch)
        engine: EngineName = "pytorch" if cut else recipe.engine(options["engine"])
        threads = options["threads"] or (1 if cut else None)
        use_resources(threads, options["device"], options["precision"])
        if options["precision"] != DEFAULT_PRECISION:
            _check_precision(recipe, engine)
        find_engine(engine)
        path = options["out"] or default_path(recipe.name, engine, options["seed"])
        return cls(
            {**options, "micro_batches": cut and cut.count}, launch, recipe, engine, cut, path
        )

    def run(self, stop: Stop) -> Run | None:
        """Train until the end or until `stop`; None in a process that helps another one."""
        options = self.options
        pictures = PictureOptions(options["fit"], options["skip_bad"])
        source = (options["data"], options["data_dir"], options["split_seed"], pictures)
        load = partial(load_training_data, *source, all_images=options["all_images"])
        stopping = Stopping(options["patience"], options["keep"], options["max_seconds"])
        command = self.resuming_command(self.path)
        checkpointing = Checkpointing(
            command, say, options["checkpoint_every"], options["resume"], options["snapshots"]
        )
        watch = partial(self._watch, stop=stop)
        if self.cut is None:
            before = options["from_run"]
            start = None if before is None else load_starting_point(before)
            self._fetch()
            what = (self.recipe, self.engine, options["seed"], load(), self.path)
            with stop_on_interrupt(stop):
                return run_experiment(*what, watch, checkpointing, stopping, start)

        def lead(training: Training, identity: Mapping[str, Any], tell: session.Tell) -> Run:
            with stop_on_interrupt(stop):
                told = tell(watch)
                return run_with_checkpoints(self.path, training, identity, told, checkpointing)

        plan = session.Plan(self.recipe, options["seed"], stopping, self._fetch, load, self.cut)
        try:
            return session.train_in_parts(plan, self.launch, command, lead)
        except session.SilentExit:
            raise typer.Exit(1) from None

    def resuming_command(self, out: Path, **changes: Any) -> str:
        """Return the command line that continues: the options that were given, and --resume."""
        options = {**self.options, **changes}
        repeated = {name: options[name] for name in REPEATED}
        repeated |= {"set": options["changes"], "from": options["from_run"]}
        program = self.launch.command().split() if self.launch else ["digitnn"]
        words = [*program, "train", str(options["recipe"])]
        return command_line(words, {**repeated, "out": out, "resume": True}, DEFAULTS)

    @property
    def _scalars(self) -> Path | None:
        """The folder for TensorBoard."""
        folder, seed = self.options["tensorboard"], self.options["seed"]
        return folder and folder / f"{self.recipe.name}-{self.engine}-seed{seed}"

    def _fetch(self) -> None:
        """Check that results can be written, and fetch the data, before the data are loaded."""
        options = self.options
        leads = self.launch is None or self.launch.leads
        if options["out"] is not None and not options["resume"] and leads:
            check_free(options["out"])
        if self._scalars and leads:
            prepare_folder(self._scalars)
        fetch_collection(options["data"], options["data_dir"])

    def _watch(self, training: Training, stop: Stop) -> Iterator[Record]:
        """Show the records of `training`, write them for TensorBoard, and end at `stop`."""
        records = follow(training, f"{self.recipe.name} ({self.engine})")
        scalars = self._scalars
        return stop.until(log_scalars(training, records, scalars) if scalars else records)


def _check_precision(recipe: Recipe, engine: EngineName) -> None:
    """Raise `UsageError` if a training multiplies in float32 whatever is asked for."""
    if recipe.is_full_batch:
        raise UsageError(
            f"recipe {recipe.name} takes all images in each step, and multiplies in float32: leave "
            "out --precision, or choose a recipe with mini-batches, for example cnn"
        )
    if engine == "scratch":
        raise UsageError(
            "the engine written from scratch multiplies in float32: leave out --precision, or "
            "add --engine pytorch"
        )
