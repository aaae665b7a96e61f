"""Searches that take no time: a tiny network with two ranges, on few images."""

from pathlib import Path

import optuna

from digitnn.data.dataset import Dataset
from digitnn.runs.experiment import TrainingData
from digitnn.scaling.tuning.sampling import SeededSampler, make_pruner
from digitnn.scaling.tuning.search import search_from_toml
from digitnn.scaling.tuning.storage import choose_storage
from digitnn.scaling.tuning.worker import Plan, identify_search

SEARCH = """
name = "little"
summary = "one hidden layer"
engines = ["scratch"]
epochs = 3
batch_size = {choice = [40, 80]}
layers = ["Flatten", {layer = "Dense", units = 6}, "Relu", {layer = "Dense", units = 10}]
[optimiser]
optimiser = "Adam"
learning_rate = {log = [0.0001, 0.3]}
"""


def training_data(digits: Dataset) -> TrainingData:
    """400 images to train on and 80 to validate on: the split of what `write_digits` writes."""
    return TrainingData("mnist", None, digits[:400], digits[400:480])


def plan_of(
    digits: Dataset,
    storage: Path | str = "t.journal",
    text: str = SEARCH,
    data_dir: Path | None = None,
    **more,
) -> Plan:
    """A plan of 6 trials with random draws, unless `more` says otherwise."""
    search = search_from_toml(text)
    choices = {"seed": 0, "sampler": "random", "pruner": "none", "trials": 6, "engine": None} | more
    named = [choices[name] for name in ("engine", "seed", "sampler", "pruner")]
    return Plan(
        search=search,
        storage=choose_storage(str(storage)),
        identity=identify_search(search, training_data(digits), *named),
        collection="mnist",
        data_dir=data_dir,
        **choices,
    )


def study_in_memory(plan: Plan, storage: optuna.storages.BaseStorage | None = None) -> optuna.Study:
    """What `plan.study()` opens, but without a disk, which may be slow."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        storage=storage,
        study_name=plan.search.name,
        direction="maximize",
        load_if_exists=True,
        sampler=SeededSampler(plan.sampler, plan.seed),
        pruner=make_pruner(plan.pruner, plan.search.max_epochs),
    )
