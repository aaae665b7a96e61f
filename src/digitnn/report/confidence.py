"""The confidence section: calibration, and the error rate when only confident answers count."""

from typing import Any

from digitnn.analysis.comparison.confidence_figures import draw_reliability, draw_risk_coverage
from digitnn.evaluation.summary import EvaluationSummary
from digitnn.report.elements import Chart, Table, inline_svg
from digitnn.report.measured import Measurements
from digitnn.wording import percent, percent_range


def confidence_section(measured: Measurements) -> dict[str, Any]:
    """Return the confidence section. scores: (name, as trained, with temperature)."""
    found = measured.evaluation_summary
    after = found.tempered
    words = (
        f"As trained, the network is {_direction(found.temperature)}: the temperature fitted on "
        f"{'these' if after.in_sample else 'the validation'} images is {found.temperature:.2f}. "
        "Logits are divided by it before the softmax, which changes the confidence but never the "
        "prediction."
    )
    if after.in_sample:
        words += (
            " The temperature was fitted on the images evaluated here, so the numbers with "
            "temperature are optimistic."
        )
    else:
        words += " The images evaluated here were not used to fit it."
    error, error_after = percent(found.calibration_error), percent(after.calibration_error)
    loss = found.evaluation.loss_nats
    return {
        "words": words,
        "scores": (
            ("calibration error (0 is perfect)", error, error_after),
            (
                "Brier score (0 is perfect, 2 the worst)",
                f"{found.brier:.4f}",
                f"{after.brier:.4f}",
            ),
            ("loss, nats per image", f"{loss:.4f}", f"{after.loss_nats:.4f}"),
        ),
        "reliability": _reliability(found),
        "risk_coverage": _risk_coverage(found),
    }


def _direction(temperature: float) -> str:
    if abs(temperature - 1) < 0.05:
        return "well calibrated"
    return "underconfident" if temperature < 1 else "overconfident"


def _reliability(evaluation_summary: EvaluationSummary) -> Chart:
    label = (
        "Reliability diagram: accuracy against confidence. "
        f"Calibration error {percent(evaluation_summary.calibration_error)} as trained, "
        f"{percent(evaluation_summary.tempered.calibration_error)} with temperature."
    )
    words = (
        "Images are sorted into bins by confidence, the probability of the predicted digit. Where "
        "a bin's accuracy is above its mean confidence, the network is underconfident; where it is "
        "below, overconfident. Most images are in the last bin; the other bins hold few, so their "
        "intervals are wide."
    )
    return Chart(
        inline_svg(draw_reliability(evaluation_summary, narrow=True), "reliability", label),
        words,
        Table(
            "Bins of confidence, as trained",
            ("confidence", "images", "mean confidence", "accuracy"),
            [
                (
                    percent_range((one.low, one.high)),
                    f"{one.n:,}",
                    percent(one.confidence),
                    percent(one.accuracy),
                )
                for one in evaluation_summary.bins
                if one.confidence is not None and one.accuracy is not None
            ],
        ),
    )


def _risk_coverage(evaluation_summary: EvaluationSummary) -> Chart:
    found, evaluation = evaluation_summary.risk_coverage, evaluation_summary.evaluation
    label = (
        "Error rate among the most confident images over the coverage: "
        + ", ".join(f"{percent(p.error)} at {100 * p.coverage:.0f} %" for p in found.points)
        + f"; {percent(evaluation.errors / evaluation.n)} of all."
    )
    first = next(point for point in found.points if point.coverage >= 0.9)
    words = (
        "The error rate if the network answers only the images it is most confident about. From "
        "left to right the coverage grows, most confident images first. Among the most confident "
        f"{100 * first.coverage:.0f} %, {percent(first.error)} are wrong; the rest could be handed "
        "to a person."
    )
    figure = draw_risk_coverage(evaluation_summary)
    figure.set_size_inches(5.2, 3.7)  # for a phone
    return Chart(
        inline_svg(figure, "risk-coverage", label),
        words,
        Table(
            "Error rate among the most confident images",
            ("coverage", "images", "errors", "error rate", "95 % interval"),
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
