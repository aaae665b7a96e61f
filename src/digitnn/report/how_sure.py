"""How sure: whether probabilities mean what they say, and what answering less often is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from digitnn.analysis.comparison.confidence_figures import draw_reliability, draw_risk_coverage
from digitnn.evaluation.calibration import Bin
from digitnn.evaluation.summary import EvaluationSummary
from digitnn.report.elements import Chart, table
from digitnn.report.inline_svg import inline_svg
from digitnn.report.measured import Measurements
from digitnn.wording import percent, percent_range


@dataclass(frozen=True)
class HowSure:
    """scores: name, as trained, with temperature."""

    words: str
    scores: tuple[tuple[str, str, str], ...]
    reliability: Chart
    risk_coverage: Chart


def how_sure(measured: Measurements) -> HowSure:
    """Of the probabilities of what is read."""
    evaluation_summary = measured.evaluation_summary
    after = evaluation_summary.tempered
    return HowSure(
        words=(
            f"As trained the network is {_direction(evaluation_summary.temperature)}: the "
            f"validation images ask for a temperature of {evaluation_summary.temperature:.2f}, by "
            "which logits are divided before they become probabilities. That changes how sure it "
            "is, never what it reads."
            + (
                " The temperature was fitted on the very images that are shown here, so "
                "the figures with it flatter."
                if after.in_sample
                else " It was fitted on validation images, and the images shown here had no say."
            )
        ),
        scores=(
            (
                "calibration error (0 is perfect)",
                percent(evaluation_summary.calibration_error),
                percent(after.calibration_error),
            ),
            (
                "Brier score (0 is perfect, 2 the worst)",
                f"{evaluation_summary.brier:.4f}",
                f"{after.brier:.4f}",
            ),
            (
                "loss, nats an image",
                f"{evaluation_summary.evaluation.loss_nats:.4f}",
                f"{after.loss_nats:.4f}",
            ),
        ),
        reliability=_reliability(evaluation_summary),
        risk_coverage=_risk_coverage(evaluation_summary),
    )


def _direction(temperature: float) -> str:
    if abs(temperature - 1) < 0.05:
        return "about as sure as it should be"
    return "too timid" if temperature < 1 else "too bold"


def _reliability(evaluation_summary: EvaluationSummary) -> Chart:
    label = (
        "Reliability diagram: the share that is read rightly against the probability claimed. "
        f"Calibration error {percent(evaluation_summary.calibration_error)} as trained, "
        f"{percent(evaluation_summary.tempered.calibration_error)} with temperature."
    )
    words = (
        "Images are sorted into bins by how likely the network says its answer is. Where a bin's "
        "accuracy is higher than what was claimed, the network is better than it says, and where "
        "it is lower, it boasts. Most images are in the last bin; the others hold few, and their "
        "intervals are wide."
    )
    return Chart(
        inline_svg(draw_reliability(evaluation_summary, narrow=True), "reliability", label),
        words,
        table(
            "Bins of the probability claimed, as trained",
            ("probability", "images", "claimed, mean", "read rightly"),
            _bins(evaluation_summary.bins),
        ),
    )


def _bins(bins: Sequence[Bin]) -> list[tuple[str, ...]]:
    return [
        (
            percent_range((one.low, one.high)),
            f"{one.n:,}",
            percent(one.confidence),
            percent(one.accuracy),
        )
        for one in bins
        if one.confidence is not None and one.accuracy is not None
    ]


def _risk_coverage(evaluation_summary: EvaluationSummary) -> Chart:
    found, evaluation = evaluation_summary.risk_coverage, evaluation_summary.evaluation
    label = (
        "The error among the most confident images over the share that gets an answer: "
        + ", ".join(f"{percent(p.error)} at {100 * p.coverage:.0f} %" for p in found.points)
        + f"; {percent(evaluation.errors / evaluation.n)} of all."
    )
    first = next(point for point in found.points if point.coverage >= 0.9)
    words = (
        "What it is worth to answer only where one is sure. From left to right more and more "
        f"images get an answer, the surest first. Of the surest {100 * first.coverage:.0f} % "
        f"{percent(first.error)} are wrong; the rest could be handed to a person."
    )
    figure = draw_risk_coverage(evaluation_summary)
    figure.set_size_inches(5.2, 3.7)  # for a telephone
    return Chart(
        inline_svg(figure, "risk-coverage", label),
        words,
        table(
            "The error among the most confident images",
            ("share answered", "images", "errors", "error", "95 % interval"),
            [
                (
                    f"{100 * point.coverage:.0f} %",
                    f"{point.n:,}",
                    f"{point.errors:g}",
                    percent(point.error),
                    percent_range(point.interval),
                )
                for point in found.points
            ],
        ),
    )
