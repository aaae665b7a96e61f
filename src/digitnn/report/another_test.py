"""The section on another test: the variation from other images and other seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from digitnn.evaluation.statistics import NextTest, predict_next_test
from digitnn.report.charts import draw_next_test, draw_seeds
from digitnn.report.elements import Chart, Table, inline_svg
from digitnn.report.measured import Measurements, Siblings
from digitnn.wording import count, percent, percent_range


def another_test_section(measured: Measurements) -> dict[str, Any]:
    """Return the section on the luck of the test images and of the seed."""
    evaluation, siblings = measured.evaluation_summary.evaluation, measured.siblings
    content: dict[str, Any] = {
        "digits": _digits(predict_next_test(evaluation.errors, evaluation.n)),
        "left_out": measured.left_out,
    }
    if siblings:
        content |= {
            "seeds": _seeds(siblings),
            "seed_words": _seed_words(siblings, measured),
            "parts": _parts(siblings),
        }
    return content


def _digits(found: NextTest) -> Chart:
    low, high = 1 - found.high / found.n, 1 - found.low / found.n
    words = (
        f"On another {found.n:,} images from the same source, this network would make "
        f"{found.low:,} to {found.high:,} errors in 95 of 100 such tests, an accuracy of "
        f"{percent_range((low, high))}. Only the images would differ. A second test varies as much "
        "as this one, so the range is wider than the interval of the accuracy."
    )
    label = (
        f"Predicted distribution of errors on another test: 95 % between {found.low} and "
        f"{found.high}; this test had {found.count}."
    )
    cumulative = found.probabilities.cumsum()
    rows = []
    for q in (0.025, 0.25, 0.5, 0.75, 0.975):
        errors = int(found.errors[min(int(np.searchsorted(cumulative, q)), len(cumulative) - 1)])
        rows.append((f"{100 * q:g} %", f"{errors:,}", percent(1 - errors / found.n)))
    return Chart(
        inline_svg(draw_next_test(found), "next-test", label),
        words,
        Table(
            "Errors on another test of the same size",
            ("share of such tests", "errors at most", "accuracy"),
            rows,
        ),
    )


def _seeds(siblings: Siblings) -> Chart:
    standing, seeds = siblings.standing, siblings.seeds
    words = (
        f"The same recipe trained {count(len(seeds), 'time')}, each time with another seed, on the "
        f"same images. The best run has {percent(standing.best)}, {100 * standing.excess:.2f} "
        f"points above the mean of {percent(standing.mean)}: reporting only the best would "
        "overstate the recipe by that much. The mean is the recipe's accuracy."
    )
    label = f"Accuracy of {count(len(seeds), 'seed')} with intervals; the mean is a dashed line."
    return Chart(
        inline_svg(draw_seeds(seeds, standing.mean), "seeds", label),
        words,
        Table(
            "Runs that differ only in the seed",
            ("seed", "run", "errors", "accuracy", "95 % interval"),
            [
                (
                    one.seeds + (" (this run)" if one.own else ""),
                    one.path,
                    f"{one.evaluation.errors:,} of {one.evaluation.n:,}",
                    percent(one.evaluation.accuracy),
                    percent_range(one.evaluation.interval),
                )
                for one in seeds
            ],
        ),
    )


def _seed_words(siblings: Siblings, measured: Measurements) -> list[str]:
    standing, variance = siblings.standing, siblings.variance
    words = [
        "Over all seeds and all images of this kind, the recipe's accuracy lies between "
        f"{percent_range(variance.interval).replace(' to ', ' and ')} (95 % interval)."
    ]
    if variance.other_seed < variance.other_digits:
        words.append("The choice of test images matters more than the choice of the seed.")
    else:
        words.append(
            "The choice of the seed matters at least as much as the choice of test images."
        )
    if standing.by_validation is not None:
        words.append(
            "Choosing the seed by validation accuracy, which is fair, gives a test accuracy of "
            f"{percent(standing.by_validation)}."
        )
    if measured.split == "test":
        words.append(
            "These runs together have been evaluated on the test split "
            f"{count(standing.test_reads, 'time')}."
        )
    return words


def _parts(siblings: Siblings) -> Table:
    variance = siblings.variance
    return Table(
        "Standard deviation of the accuracy from chance alone",
        ("what changes", "percentage points"),
        [
            ("another seed, the same images", f"± {100 * variance.other_seed:.3f}"),
            (
                f"the same network, {variance.n:,} other images",
                f"± {100 * variance.other_digits:.3f}",
            ),
            ("another seed, infinitely many images", f"± {100 * variance.seed_alone:.3f}"),
        ],
    )
