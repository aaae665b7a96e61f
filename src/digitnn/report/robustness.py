"""The section on robustness: corrupted, shifted, rotated, resized, thickened, attacked images."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import UInt8
from numpy import ndarray

from digitnn.analysis.robustness.adversarial import AdversarialRow
from digitnn.analysis.robustness.corrupted import CORRUPTION_SEED, CorruptionSummary
from digitnn.analysis.robustness.corruptions.suite import corrupt
from digitnn.analysis.robustness.sweeps import Curve
from digitnn.report.charts import draw_attacks, draw_sweeps
from digitnn.report.elements import Chart, Pixels, Table, ink, inline_svg
from digitnn.report.measured import Measurements
from digitnn.wording import count, percent, percent_range

SAMPLES_PER_CORRUPTION = 5
"""Images shown for each corruption."""

SWEEP_WORDS = {
    "shift": "Every image shifted by this many pixels: down, right, up or left in turn.",
    "rotation": "Every image rotated about its centre; positive angles are anticlockwise.",
    "size": "Every digit scaled by this factor.",
    "thickness": "The outline of the strokes moved outwards by this many pixels, or inwards below "
    "0.",
}


def robustness_section(measured: Measurements) -> dict[str, Any]:
    """Return the section on the accuracy under changed images.

    missing: what could not be measured, and why; there is nothing else if n is 0.
    """
    found = measured.robustness
    if found is None or found.corruptions is None:
        return {"n": 0, "missing": ["Not measured: --robustness-images was 0."]}
    least = min(accuracy for curve in found.curves for accuracy in curve.accuracy)
    n = count(found.n, "image")
    content = {
        "n": found.n,
        "words": (
            f"To save time, this section changes only the first {n} of the split; unchanged, their "
            f"accuracy is {percent(found.accuracy)}. `digitnn evaluate --corruptions --robustness` "
            "takes the whole split."
        ),
        "bars": _bars(
            found.corruptions, measured.dataset.images[: min(SAMPLES_PER_CORRUPTION, found.n)]
        ),
        "bar_words": _bar_words(found.corruptions, n),
        "sweeps": [_sweep(curve) for curve in found.curves],
        "sweep_words": (
            f"Each point is the accuracy on the same {n}, the band its 95 % interval; the lowest "
            f"point of the four curves is {percent(least)}. Where a curve stays high, the network "
            "does not depend on that property of the image; where it falls, the network relies on "
            "the position, size or stroke thickness of its training images."
        ),
    }
    if found.attacks:
        return content | {"attacks": _attacks(found.attacks, found.accuracy), "missing": []}
    missing = "No adversarial attacks: an ensemble has no single gradient to follow."
    return content | {"missing": [missing]}


def _bars(
    corruptions: CorruptionSummary, images: UInt8[ndarray, "n 28 28"]
) -> list[dict[str, Any]]:
    """Return the corruptions, worst first. bar, low, high: in % of the highest upper bound."""
    rows = corruptions.rows
    widest = max(1 - row.interval[0] for row in rows) or 1.0

    def width(accuracy: float) -> float:
        return round(100 * (1 - accuracy) / widest, 2)

    return [
        {
            "name": _words(row.corruption),
            "sample": _sample(images, row.corruption),
            "error": percent(1 - row.accuracy),
            "interval": percent_range((1 - row.interval[1], 1 - row.interval[0])),
            "bar": width(row.accuracy),
            "low": width(row.interval[1]),
            "high": width(row.interval[0]),
        }
        for row in sorted(rows, key=lambda row: (row.accuracy, row.corruption))
    ]


def _sample(images: UInt8[ndarray, "n 28 28"], corruption: str) -> Pixels:
    alt = f"{count(len(images), 'image')} under {_words(corruption)}"
    corrupted = corrupt(images, corruption, CORRUPTION_SEED)
    return ink(corrupted, alt, zoom=1, columns=len(images))


def _bar_words(corruptions: CorruptionSummary, n: str) -> str:
    worst = min(corruptions.rows, key=lambda row: row.accuracy)
    return (
        f"The fifteen corruptions of MNIST-C, worst first, on {n} each; the line on a bar is the "
        f"95 % interval. None of them changes the digit. The mean accuracy is "
        f"{percent(corruptions.mean)}; the hardest corruption is {_words(worst.corruption)}, with "
        f"{percent(worst.accuracy)}."
    )


def _sweep(curve: Curve) -> Chart:
    best, worst = max(curve.accuracy), min(curve.accuracy)
    label = (
        f"Accuracy over {curve.name} in {curve.unit}: from {percent(worst)} at the worst step to "
        f"{percent(best)} at the best."
    )
    return Chart(
        inline_svg(draw_sweeps([curve]), f"sweep-{curve.name}", label),
        SWEEP_WORDS[curve.name],
        Table(
            f"Accuracy over {curve.name}",
            (curve.unit, "accuracy", "95 % interval"),
            [
                (f"{step:g}", percent(accuracy), percent_range(interval))
                for step, accuracy, interval in zip(
                    curve.steps, curve.accuracy, curve.intervals, strict=True
                )
            ],
        ),
    )


def _attacks(rows: Sequence[AdversarialRow], accuracy: float) -> Chart:
    last = rows[-1]
    label = "Accuracy under adversarial attacks: " + ", ".join(
        f"{row.attack.upper()} {row.epsilon}: {percent(row.accuracy)}" for row in rows
    )
    words = (
        f"An attacker who knows the network changes {count(last.n, 'image')}: each pixel moves by "
        "at most epsilon levels in the direction that raises the loss, in one step (FGSM) or in "
        f"{last.steps} (PGD). At {last.epsilon} of 255 levels and {last.steps} steps the accuracy "
        f"is {percent(last.accuracy)}; on the unchanged images it is {percent(accuracy)}."
    )
    return Chart(
        inline_svg(draw_attacks(rows, accuracy), "attacks", label),
        words,
        Table(
            "Accuracy under adversarial attacks",
            ("attack", "levels of 255", "steps", "images", "accuracy", "95 % interval"),
            [
                (
                    row.attack.upper(),
                    str(row.epsilon),
                    str(row.steps),
                    f"{row.n:,}",
                    percent(row.accuracy),
                    percent_range(row.interval),
                )
                for row in rows
            ],
        ),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
