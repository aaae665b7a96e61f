"""Where it fails: corrupted, moved, turned, resized, thickened and attacked images."""

from collections.abc import Sequence
from dataclasses import dataclass

from digitnn.analysis.robustness.adversarial import AdversarialRow
from digitnn.analysis.robustness.corrupted import CorruptionRow
from digitnn.analysis.robustness.figures import draw_sweeps
from digitnn.analysis.robustness.sweeps import Curve
from digitnn.report.charts import draw_attacks
from digitnn.report.elements import Chart, Pixels, between, table
from digitnn.report.inline_svg import inline_svg
from digitnn.report.measured import Fragility, Measurements
from digitnn.report.pixels import ink
from digitnn.wording import count, percent

SWEEP_WORDS = {
    "shift": "Every image moved by so many pixels, down, right, up or left in turn.",
    "rotation": "Every image turned about its centre, anticlockwise above 0.",
    "size": "Every digit made so many times as large.",
    "thickness": "The outline of the strokes moved out by so many pixels, or in below 0.",
}


@dataclass(frozen=True)
class CorruptionBar:
    """A kind of corruption. The bar's ends are percent of the widest: error, interval."""

    name: str
    sample: Pixels
    error: str
    interval: str
    bar: float
    low: float
    high: float


@dataclass(frozen=True)
class WhereItFails:
    """missing: what could not be made, and why; nothing else is there if `n` is 0."""

    n: int
    words: str
    bars: tuple[CorruptionBar, ...]
    bar_words: str
    sweeps: tuple[Chart, ...]
    sweep_words: str
    attacks: Chart | None
    missing: tuple[str, ...]


def where_it_fails(measured: Measurements) -> WhereItFails:
    """What the first images of the split came to when they were changed."""
    found = measured.fragility
    if found is None:
        reason = "Nobody asked for it: --robustness-images was 0, so no image was changed."
        return WhereItFails(0, "", (), "", (), "", None, (reason,))
    rows = found.corruptions.rows
    least = min(curve.accuracy[i] for curve in found.curves for i in range(len(curve.steps)))
    return WhereItFails(
        n=found.n,
        words=(
            f"To stay short this page changes the first {count(found.n, 'image')} of the split "
            f"only; as they are, {percent(found.accuracy)} of these are read. "
            "`digitnn evaluate --corruptions --robustness` takes all of them."
        ),
        bars=_bars(found),
        bar_words=_bar_words(rows, found),
        sweeps=tuple(_sweep(curve) for curve in found.curves),
        sweep_words=(
            f"Each point is the accuracy on the same {count(found.n, 'image')}, the band its 95 % "
            f"interval; the lowest point of the four is {percent(least)}. Where the curves stand "
            "high, the network has learned the digit; where they fall, it has learned where on the "
            "paper, how large and how thick digits happened to be."
        ),
        attacks=_attacks(found.attacks, found.accuracy) if found.attacks else None,
        missing=()
        if found.attacks
        else ("No adversarial steps: an ensemble has no one gradient to follow.",),
    )


def _sample(found: Fragility, name: str) -> Pixels:
    images = found.samples[name]
    alt = f"{count(len(images), 'image')} under {_words(name)}"
    return ink(images, alt, zoom=1, columns=len(images))


def _bars(found: Fragility) -> tuple[CorruptionBar, ...]:
    rows = found.corruptions.rows
    widest = max(1 - row.interval[0] for row in rows) or 1.0
    return tuple(
        CorruptionBar(
            name=_words(row.corruption),
            sample=_sample(found, row.corruption),
            error=percent(1 - row.accuracy),
            interval=between((1 - row.interval[1], 1 - row.interval[0])),
            bar=round(100 * (1 - row.accuracy) / widest, 2),
            low=round(100 * (1 - row.interval[1]) / widest, 2),
            high=round(100 * (1 - row.interval[0]) / widest, 2),
        )
        for row in sorted(rows, key=lambda row: (row.accuracy, row.corruption))
    )


def _bar_words(rows: Sequence[CorruptionRow], found: Fragility) -> str:
    worst = min(rows, key=lambda row: row.accuracy)
    return (
        f"The fifteen corruptions of MNIST-C, the worst first, on {count(found.n, 'image')} each; "
        "the line on a bar is the 95 % interval. None changes what digit it is. On "
        f"average {percent(found.corruptions.mean)} are "
        f"read; hardest is {_words(worst.corruption)}, {percent(worst.accuracy)}."
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
        table(
            f"Accuracy over {curve.name}",
            (curve.unit, "accuracy", "95 % interval"),
            [
                (f"{step:g}", percent(accuracy), between(interval))
                for step, accuracy, interval in zip(
                    curve.steps, curve.accuracy, curve.intervals, strict=True
                )
            ],
        ),
    )


def _attacks(rows: Sequence[AdversarialRow], accuracy: float) -> Chart:
    last = rows[-1]
    label = "Accuracy after adversarial steps: " + ", ".join(
        f"{row.attack.upper()} {row.epsilon}: {percent(row.accuracy)}" for row in rows
    )
    words = (
        f"What somebody can do who knows the network: {count(last.n, 'image')}, each pixel moved "
        "by at most so much in the direction that misleads most, in one step (FGSM) or in ten "
        f"(PGD). At {last.epsilon} of 255 levels {percent(last.accuracy)} are still read rightly "
        f"after {last.steps} steps, of {percent(accuracy)} as they are."
    )
    return Chart(
        inline_svg(draw_attacks(rows, accuracy), "attacks", label),
        words,
        table(
            "Accuracy after adversarial steps",
            ("attack", "levels of 255", "steps", "images", "accuracy", "95 % interval"),
            [
                (
                    row.attack.upper(),
                    str(row.epsilon),
                    str(row.steps),
                    f"{row.n:,}",
                    percent(row.accuracy),
                    between(row.interval),
                )
                for row in rows
            ],
        ),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
