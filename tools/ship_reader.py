"""Make the run that is distributed with the package from a trained `reader`.

    python -m tools.ship_reader runs/reader

Quantises the weights to eight bits, fits the temperature on held-out digits and non-digits that are
augmented as in training, and adjusts the prior of "no digit". The result is an ordinary run.
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
from digitnn.data.synthesis import SyntheticMix
from digitnn.data.synthesis.generate import add_synthetic
from digitnn.engines.find import find_engine
from digitnn.errors import DigitnnError, RunError
from digitnn.evaluation.evaluation import mean_nats
from digitnn.evaluation.scores import append_non_digit_logit, fit_temperature
from digitnn.network.network import Network
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import NETWORK, PARAMS, dequantise, quantise
from digitnn.reader.digit_classifier import SHIPPED_FOLDER
from digitnn.recipes.recipe import Recipe
from digitnn.runs.evaluate_run import load_split_of
from digitnn.runs.run import HISTORY, RECIPE, Run, load_single_run

MAX_SHIPPED_BYTES = 600_000

HELD_OUT_MIX = SyntheticMix(
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
"""Synthetic data added to the 10,000 validation digits, generated with `SHIPPING_SEED`."""

SHIPPING_SEED = 21

NON_DIGIT_SHARE = 0.2
"""Assumed share of non-digits among the glyphs that users hand in."""


def ship(run: Run, folder: Path) -> dict[str, float]:
    """Write the quantised, calibrated `run` to `folder`; return its size and quality.

    Raises `RunError` if it was not trained to reject, or exceeds `MAX_SHIPPED_BYTES`.
    """
    recipe = Recipe.from_json(run.about["recipe"])
    if not run.network.rejects:
        raise RunError(f'{run.path}: recipe {recipe.name} has no class "no digit"')
    small = quantise(run.params)
    valid = load_split_of(run, "valid")
    mixed = augment_once(add_synthetic(valid, HELD_OUT_MIX, SHIPPING_SEED), recipe)
    full, rounded = (
        logits_of(run.network, params, mixed) for params in (run.params, dequantise(small))
    )
    temperature = fit_temperature(rounded, mixed.labels)
    small = quantise(adjust_prior(run, recipe, temperature))
    with TemporaryDirectory(prefix="digitnn-") as place:
        made = Path(place)
        network = replace(run.network, temperature=round(temperature, 4))
        write_text(made / NETWORK, json.dumps(network.to_json(), indent=2) + "\n")
        save_safetensors(made / PARAMS, small)
        for name in (RECIPE, HISTORY):
            shutil.copyfile(run.path / name, made / name)
        size = sum(file.stat().st_size for file in made.iterdir())
        if size > MAX_SHIPPED_BYTES:
            raise RunError(
                f"{size:,} bytes to ship; at most {MAX_SHIPPED_BYTES:,}: a smaller network"
            )
        # Copy the contents only: the temporary files are readable by their owner alone.
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


def adjust_prior(run: Run, recipe: Recipe, temperature: float) -> Mapping[str, ndarray]:
    """Return the parameters for a prior of `NON_DIGIT_SHARE` instead of the share in training.

    p'(digit) / p'(none) = p(digit) / p(none) * new odds of a digit / odds in training (Saerens,
    Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori
    probabilities"). The logit of "no digit" is 0, so the output bias of each digit grows by
    T log(new odds / odds in training), where T is the temperature.
    """
    non_digits = recipe.synthetic_mix.non_digits if recipe.synthetic_mix else 0
    learned = non_digits / run.about["data"]["train"]["n"]
    if not 0 < learned < 1:
        return run.params
    ratio = (1 - NON_DIGIT_SHARE) / NON_DIGIT_SHARE * learned / (1 - learned)
    *_, bias = run.network.parameter_shapes()
    return {**run.params, bias: run.params[bias] + np.float32(temperature * log(ratio))}


def augment_once(dataset: Dataset, recipe: Recipe) -> Dataset:
    """Return `dataset` with every image augmented once by the recipe."""
    if recipe.augmentation is None:
        return dataset
    images = augment_batch(dataset.images, recipe.augmentation, SHIPPING_SEED, 0)
    return replace(dataset, images=images)


def logits_of(network: Network, params: Mapping[str, ndarray], dataset: Dataset) -> ndarray:
    """Return the network's logits by the scratch engine, and the 0 of "no digit"."""
    classifier = find_engine("scratch").classifier(network, params)
    return append_non_digit_logit(classifier.logits(dataset.images))


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship a run; print its size and quality as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=SHIPPED_FOLDER)
    options = parser.parse_args(arguments)
    try:
        result = ship(load_single_run(options.run), options.out)
    except DigitnnError as error:
        parser.exit(1, f"error: {error}\n")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
