"""The run that digitnn brings along: a trained `reader`, made small and sure of the right things.

    python -m digitnn.reader.ship runs/reader

Its weights are rounded to eight bits, its temperature is fitted on validation digits and junk that
are redrawn as in training but were never seen there, it is told to expect less junk than it learned
from, and what is left is a run like any other.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy import ndarray

from digitnn.atomic_files import write_text
from digitnn.data.augmentation.apply import augment_batch
from digitnn.data.dataset import Dataset
from digitnn.data.synthesis.generate import with_synthetic
from digitnn.data.synthesis.spec import SyntheticMix
from digitnn.engines.find import find_engine
from digitnn.errors import DigitnnError, RunError
from digitnn.evaluation.calibration import fit_temperature, mean_nats, with_no_digit
from digitnn.network.network import Network
from digitnn.network.storage.quantisation import dequantise, quantise
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import NETWORK, PARAMS
from digitnn.reader.recogniser import SHIPPED
from digitnn.recipes.recipe import Recipe
from digitnn.runs.experiment import load_split_of
from digitnn.runs.run import HISTORY, RECIPE, Run, load_single_run

MAX_BYTES = 600_000

UNSEEN = SyntheticMix(
    hands=1000,
    printed=300,
    letters=1000,
    figures=300,
    scribbles=300,
    halves=500,
    glued=600,
    clothes=600,
    blots=100,
)
"""Beside the 10,000 validation digits; drawn anew, with another seed than the training's."""

SEED = 21

JUNK = 0.2
"""The share of junk among what people hand in, as the shipped network takes it to be."""


def ship(run: Run, folder: Path) -> dict[str, float]:
    """Write `run` to `folder` in low precision, with its temperature fitted; what came of it.

    Raises `RunError` where the recipe does not learn to reject, or too many bytes would be shipped.
    """
    recipe = Recipe.from_json(run.about["recipe"])
    if not run.network.rejects:
        raise RunError(f"{run.path}: recipe {recipe.name} does not learn to tell what is no digit")
    small = quantise(run.params)
    valid = load_split_of(run, "valid")
    mixed = redrawn(with_synthetic(valid, UNSEEN, SEED), recipe)
    full, rounded = (
        logits_of(run.network, params, mixed) for params in (run.params, dequantise(small))
    )
    temperature = fit_temperature(rounded, mixed.labels)
    small = quantise(for_less_junk(run, recipe, temperature))
    with TemporaryDirectory(prefix="digitnn-") as place:
        made = Path(place)
        network = replace(run.network, temperature=round(temperature, 4))
        write_text(made / NETWORK, json.dumps(network.to_json(), indent=2) + "\n")
        save_safetensors(made / PARAMS, small)
        for name in (RECIPE, HISTORY):
            shutil.copyfile(run.path / name, made / name)
        size = sum(file.stat().st_size for file in made.iterdir())
        if size > MAX_BYTES:
            raise RunError(f"{size:,} bytes to ship; at most {MAX_BYTES:,}: a smaller network")
        # only what is in them: a temporary folder, and maybe the run, is for its owner's eyes alone
        folder.mkdir(parents=True, exist_ok=True)
        for file in made.iterdir():
            shutil.copyfile(file, folder / file.name)
    return {
        "bytes": size,
        "temperature": temperature,
        "nats_before": mean_nats(rounded, mixed.labels),
        "nats_after": mean_nats(rounded / temperature, mixed.labels),
        "accuracy_whole": float((full.argmax(axis=1) == mixed.labels).mean()),
        "accuracy_rounded": float((rounded.argmax(axis=1) == mixed.labels).mean()),
    }


def for_less_junk(run: Run, recipe: Recipe, temperature: float) -> Mapping[str, ndarray]:
    """The parameters of a network that expects a share of `JUNK`, not as much as it learned from.

    p'(digit) / p'(none) = p(digit) / p(none) * (odds of digits then / odds as learned) (Saerens,
    Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori
    probabilities"); the logit of "no digit" is 0, so the last bias of every digit grows by the
    logarithm of that ratio, times the temperature.
    """
    junk = recipe.synthetic_mix.junk if recipe.synthetic_mix else 0
    learned = junk / run.about["data"]["train"]["n"]
    if not 0 < learned < 1:
        return run.params
    ratio = (1 - JUNK) / JUNK * learned / (1 - learned)
    *_, bias = run.network.parameter_shapes()
    return {**run.params, bias: run.params[bias] + np.float32(temperature * log(ratio))}


def redrawn(dataset: Dataset, recipe: Recipe) -> Dataset:
    """`dataset` with every image augmented once, as the recipe does it."""
    if recipe.augmentation is None:
        return dataset
    images = augment_batch(dataset.images, recipe.augmentation, SEED, 0)
    return replace(dataset, images=images)


def logits_of(network: Network, params: Mapping[str, ndarray], dataset: Dataset) -> ndarray:
    """The network's logits and that of "no digit", by the scratch engine."""
    classifier = find_engine("scratch").classifier(network, params)
    return with_no_digit(classifier.logits(dataset.images))


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship a run; print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    try:
        told = ship(load_single_run(options.run), options.out)
    except DigitnnError as error:
        parser.exit(1, f"error: {error}\n")
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
