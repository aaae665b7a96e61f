"""Fit the weights of the networks in `digitnn.reader.page.second_look`.

    python -m tools.page_reader.fit [--scenes 800]

Scenes are drawn with the digits of MNIST's validation split, on which no network was trained. What
the search finds in them is matched with the truth. Is there a glyph, is it a digit: two logistic
regressions. Which digit it is: the exponents of greatest likelihood. Half of the scenes fit, the
others judge.
Axes: n glyphs, m networks.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray
from scipy.optimize import minimize
from scipy.special import log_softmax

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.digit_classifier import load_image_classifier
from digitnn.reader.page.glyph_network import NONE, windows
from digitnn.reader.page.network import Detections
from digitnn.reader.page.search import find_glyphs
from digitnn.reader.page.second_look import (
    MIN_GLYPH,
    WEIGHTS,
    Weights,
    digit_logits,
    digit_logs,
    digit_probabilities,
    glyph_image,
    glyph_logits,
    glyph_probabilities,
    shipped_page_networks,
)
from digitnn.reader.reader import DEFAULT_MIN_CONFIDENCE
from tools.page_reader.hands import write_with
from tools.page_reader.scenes import Scene, draw_scene
from tools.page_reader.windows import true_characters

SEED = 900_000
"""The scenes of training have other seeds, and other digits."""

NO_GLYPH = NON_DIGIT + 1
"""The truth about a detection that holds no glyph, or a part of one."""


@dataclass(frozen=True, eq=False)
class Found:
    """Detections of many scenes, and what the second look says of each.

    truth: the digit, `NON_DIGIT` for another glyph, or `NO_GLYPH`.
    """

    detections: Detections
    seen: Float32[ndarray, "n 17"]
    alone: Float32[ndarray, "n 11"]
    truth: Int64[ndarray, " n"]

    def __getitem__(self, which: ndarray) -> "Found":
        return Found(self.detections[which], self.seen[which], self.alone[which], self.truth[which])

    @property
    def networks(self) -> tuple[Detections, Float32[ndarray, "n 17"], Float32[ndarray, "n 11"]]:
        """What the three networks say."""
        return self.detections, self.seen, self.alone


def look_at(scenes: Sequence[Scene]) -> Found:
    """Return what the networks see in the scenes, where the truth is known."""
    networks, classify = shipped_page_networks(), load_image_classifier()
    parts: list[Found] = []
    for scene in scenes:
        found = find_glyphs(scene.picture, networks.find)
        classes = true_characters(found.boxes, scene)
        found, classes = found[classes >= 0], classes[classes >= 0]
        if len(classes):
            images = np.stack([glyph_image(scene.picture, box) for box in found.boxes])
            seen = networks.look(windows(scene.picture, found.boxes))
            truth = np.minimum(classes, NON_DIGIT)
            truth[classes == NONE] = NO_GLYPH
            parts.append(Found(found, seen, classify(images), truth))
    detections = [part.detections for part in parts]
    return Found(
        Detections(
            np.concatenate([d.boxes for d in detections]),
            np.concatenate([d.scores for d in detections]),
            np.concatenate([d.characters for d in detections]),
        ),
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.alone for part in parts]),
        np.concatenate([part.truth for part in parts]),
    )


def fit_digits(found: Found) -> tuple[float, ...]:
    """Return the exponents of greatest likelihood, of digits alone."""
    digits = found[found.truth < NON_DIGIT]
    logs, rows = digit_logs(*digits.networks), np.arange(len(digits.truth))

    def nats(weights: ndarray) -> float:
        z = np.tensordot(weights, logs, axes=1)
        return -float(log_softmax(z, axis=1)[rows, digits.truth].mean())

    best = minimize(nats, np.array(WEIGHTS.which), method="Nelder-Mead").x
    return tuple(best.round(2).tolist())


def fit_logistic(logits: Float64[ndarray, "m n"], true: Bool[ndarray, " n"]) -> tuple[float, ...]:
    """Return the weights of each row of logits, and the bias, of greatest likelihood."""
    y = true.astype(np.float64)

    def nats(weights: ndarray) -> float:
        z = weights[:-1] @ logits + weights[-1]
        return float(np.mean(np.logaddexp(0, z) - y * z))

    start = np.array([*np.full(len(logits), 1 / len(logits)), 0])
    return tuple(minimize(nats, start, method="BFGS").x.round(2).tolist())


def fit(found: Found) -> Weights:
    """Return the weights of greatest likelihood."""
    glyphs = found[found.truth != NO_GLYPH]
    logits, there = glyph_logits(found.detections, found.seen), found.truth != NO_GLYPH
    shapes = ~found.detections.symbols
    return Weights(
        glyph=fit_logistic(logits[:, shapes], there[shapes]),
        digit=fit_logistic(digit_logits(glyphs.detections, glyphs.seen), glyphs.truth < NON_DIGIT),
        which=fit_digits(found),
    )


def judge(found: Found, weights: Weights) -> dict[str, float]:
    """Return the shares of digits that are confused, lost and rejected, and of false glyphs."""
    real: Bool[ndarray, " n"] = found.truth < NON_DIGIT
    other, nothing = found.truth == NON_DIGIT, found.truth == NO_GLYPH
    logs = digit_logs(*found.networks)

    def confused(z: Float64[ndarray, "n 10"]) -> float:
        return float((z.argmax(axis=1) != found.truth)[real].mean())

    exists = glyph_probabilities(found.detections, found.seen, weights)
    digits = digit_probabilities(*found.networks, weights) * exists[:, None]
    reported, accepted = exists >= MIN_GLYPH, digits.max(axis=1) >= DEFAULT_MIN_CONFIDENCE
    return {
        "digits": int(real.sum()),
        "other_glyphs": int(other.sum()),
        "no_glyphs": int(nothing.sum()),
        "confused": confused(digits),
        "confused_by_page_network": confused(logs[0]),
        "confused_by_glyph_network": confused(logs[1]),
        "confused_by_classifier": confused(logs[2]),
        "digits_lost": float((~reported)[real].mean()),
        "digits_rejected": float((~accepted)[real].mean()),
        "others_accepted": float(accepted[other].mean()),
        "no_glyphs_reported": float(reported[nothing].mean()),
        "no_glyphs_accepted": float(accepted[nothing].mean()),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit and judge; print the constants as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=800, help="at least 20")
    options = parser.parse_args(arguments)
    write_with("valid")
    rngs = (np.random.default_rng(SEED + k) for k in range(options.scenes))
    scenes = [draw_scene(rng) for rng in rngs]
    first, second = look_at(scenes[::2]), look_at(scenes[1::2])
    weights = fit(first)
    result = {
        "weights": asdict(weights),
        "judged": judge(second, weights),
        "judged_before": judge(second, WEIGHTS),
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
