"""Fit the weights of both networks in `digitnn.reader.page.reading.combine`.

    python -m tools.page_reader.fit [--scenes 800]

Scenes are drawn with the digits of MNIST's validation split, on which no network was trained. What
the search finds in them is matched with the truth. Which digit it is: the exponents of greatest
likelihood. Whether it is one: a logistic regression. Half of the scenes fit, the others judge.
Axes: n glyphs.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from numpy import ndarray
from scipy.optimize import minimize

from digitnn.data.dataset import NON_DIGIT
from digitnn.evaluation.evaluation import log_softmax
from digitnn.reader.digit_classifier import load_image_classifier
from digitnn.reader.page.network import Detections, shipped_page_network
from digitnn.reader.page.reading import (
    DIGIT_WEIGHTS,
    EXISTENCE_BIAS,
    EXISTENCE_WEIGHTS,
    LEAST,
    evidence_of,
    glyph_image,
)
from digitnn.reader.page.search import find_glyphs
from tools.page_reader import glyphs
from tools.page_reader.scenes import MIN_VISIBLE, Scene, draw_scene

SEED = 900_000
"""The scenes of training have other seeds, and other digits."""

MIN_HEIGHT = 6.0
"""Height in pixels below which a digit of a scene cannot be read."""

MIN_SHARED = 0.35
"""A detection is of the glyph with which it shares so much of the union of both boxes."""


@dataclass(frozen=True, eq=False)
class Found:
    """Detections of many scenes. truth: the digit, or `NON_DIGIT`."""

    detections: Detections
    alone: Float32[ndarray, "n 11"]
    truth: Int64[ndarray, " n"]

    def __getitem__(self, which: ndarray) -> "Found":
        return Found(self.detections[which], self.alone[which], self.truth[which])


def look_at(scenes: Sequence[Scene]) -> Found:
    """Return what both networks see in the scenes, where the truth is known."""
    network, classify = shipped_page_network(), load_image_classifier()
    parts: list[Found] = []
    for scene in scenes:
        found = find_glyphs(scene.picture, network)
        truth = np.array([true_digit(box, scene) for box in found.boxes], np.int64)
        found, truth = found[truth >= 0], truth[truth >= 0]
        if len(truth):
            images = np.stack([glyph_image(scene.picture, box) for box in found.boxes])
            parts.append(Found(found, classify(images), truth))
    detections = [part.detections for part in parts]
    return Found(
        Detections(
            np.concatenate([d.boxes for d in detections]),
            np.concatenate([d.scores for d in detections]),
            np.concatenate([d.characters for d in detections]),
        ),
        np.concatenate([part.alone for part in parts]),
        np.concatenate([part.truth for part in parts]),
    )


def true_digit(box: Float32[ndarray, "4"], scene: Scene) -> int:
    """Return the digit in a box, `NON_DIGIT`, or -1 for a glyph that is cut off or hidden."""
    if not len(scene.boxes):
        return NON_DIGIT
    low = np.maximum(scene.boxes[:, :2], box[:2])
    high = np.minimum(scene.boxes[:, 2:], box[2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    areas = (scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(axis=1)
    shares = shared / (areas + (box[2:] - box[:2]).prod() - shared)
    best = int(shares.argmax())
    unclear = scene.visible[best] < MIN_VISIBLE or scene.heights[best] < MIN_HEIGHT
    if unclear and shared[best] > 0:
        return -1
    if shares[best] < MIN_SHARED:
        return NON_DIGIT
    character = scene.characters[best]
    return int(character) if character.isdigit() else NON_DIGIT


def digit_logits(found: Found) -> tuple[Float[ndarray, "n 10"], Float[ndarray, "n 10"]]:
    """Return the logs of the digit probabilities of the page network and of the classifier."""
    page = found.detections.characters[:, :NON_DIGIT].astype(np.float64)
    return np.log(page + LEAST), np.log(found.alone[:, :NON_DIGIT].astype(np.float64) + LEAST)


def fit_digits(found: Found) -> tuple[float, float]:
    """Return the exponents of greatest likelihood."""
    page, alone = digit_logits(found)
    rows = np.arange(len(found.truth))

    def nats(weights: ndarray) -> float:
        z = weights[0] * page + weights[1] * alone
        return -float(log_softmax(z)[rows, found.truth].mean())

    best = minimize(nats, np.array(DIGIT_WEIGHTS), method="Nelder-Mead").x
    return round(float(best[0]), 2), round(float(best[1]), 2)


def fit_existence(found: Found) -> tuple[tuple[float, ...], float]:
    """Return the weights and the bias of the logistic regression."""
    x = evidence_of(found.detections, found.alone)
    y = (found.truth != NON_DIGIT).astype(np.float64)

    def nats(weights: ndarray) -> float:
        z = weights[:-1] @ x + weights[-1]
        return float(np.mean(np.logaddexp(0, z) - y * z))

    start = np.array([*EXISTENCE_WEIGHTS, EXISTENCE_BIAS])
    *weights, bias = minimize(nats, start, method="BFGS").x.round(2).tolist()
    return tuple(weights), bias


def judge(
    found: Found, digits: tuple[float, float], weights: tuple[float, ...], bias: float
) -> dict[str, float]:
    """Return the shares of digits that are confused and rejected, and of others accepted."""
    page, alone = digit_logits(found)
    real: Bool[ndarray, " n"] = found.truth != NON_DIGIT
    z = digits[0] * page + digits[1] * alone
    exists = weights @ evidence_of(found.detections, found.alone) + bias > 0
    return {
        "digits": int(real.sum()),
        "others": int((~real).sum()),
        "confused": float((z.argmax(axis=1) != found.truth)[real].mean()),
        "confused_by_page_network": float((page.argmax(axis=1) != found.truth)[real].mean()),
        "confused_by_classifier": float((alone.argmax(axis=1) != found.truth)[real].mean()),
        "rejected": float((~exists)[real].mean()),
        "others_accepted": float(exists[~real].mean()),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit and judge; print the constants as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=800)
    options = parser.parse_args(arguments)
    glyphs.write_with("valid")
    rngs = (np.random.default_rng(SEED + k) for k in range(options.scenes))
    scenes = [draw_scene(rng) for rng in rngs]
    first, second = look_at(scenes[::2]), look_at(scenes[1::2])
    digits = fit_digits(first[first.truth != NON_DIGIT])
    weights, bias = fit_existence(first)
    now = (DIGIT_WEIGHTS, EXISTENCE_WEIGHTS, EXISTENCE_BIAS)
    result = {
        "DIGIT_WEIGHTS": digits, "EXISTENCE_WEIGHTS": weights, "EXISTENCE_BIAS": bias,
        "judged": judge(second, digits, weights, bias), "judged_before": judge(second, *now),
    }  # fmt: skip
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
