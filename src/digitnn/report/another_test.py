"""What another test would have said: other digits, other seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digitnn.evaluation.intervals import Interval
from digitnn.evaluation.next_test import NextTest, predict_next_test
from digitnn.report.charts import draw_next_test, draw_seeds
from digitnn.report.elements import Chart, Table, table
from digitnn.report.inline_svg import inline_svg
from digitnn.report.measured import Measurements, Siblings
from digitnn.wording import count, percent, percent_range


@dataclass(frozen=True)
class AnotherTest:
    """interval: Wilson's, of the accuracy over all digits there are; digits: the next test;
    seeds: None without siblings."""

    interval: Interval
    digits: Chart
    seeds: Chart | None
    seed_words: tuple[str, ...]
    parts: Table | None
    left_out: tuple[tuple[str, str], ...]


def another_test(measured: Measurements) -> AnotherTest:
    """Which digits one happened to get, and which seed."""
    evaluation = measured.evaluation_summary.evaluation
    siblings = measured.siblings
    return AnotherTest(
        interval=evaluation.interval,
        digits=_digits(predict_next_test(evaluation.errors, evaluation.n)),
        seeds=_seeds(siblings) if siblings else None,
        seed_words=_seed_words(siblings, measured) if siblings else (),
        parts=_parts(siblings) if siblings else None,
        left_out=measured.left_out,
    )


def _digits(found: NextTest) -> Chart:
    low, high = 1 - found.high / found.n, 1 - found.low / found.n
    words = (
        f"This network on another {found.n:,} images from the same source: in 95 of 100 such tests "
        f"it would make {found.low:,} to {found.high:,} errors, so read {percent_range((low, high))} "
        "rightly. Nothing about it would have changed but the images. A second test varies as much "
        "as this one did, so the range is wider than the interval of the accuracy."
    )
    label = (
        f"Curve of how likely each number of errors is on another test: 95 % between {found.low} "
        f"and {found.high}, this test had {found.count}."
    )
    quantiles = (0.025, 0.25, 0.5, 0.75, 0.975)
    cumulative = found.probabilities.cumsum()
    rows = []
    for q in quantiles:
        errors = int(found.errors[min(int(np.searchsorted(cumulative, q)), len(cumulative) - 1)])
        rows.append((f"{100 * q:g} %", f"{errors:,}", percent(1 - errors / found.n)))
    return Chart(
        inline_svg(draw_next_test(found), "next-test", label),
        words,
        table(
            "Errors on another test of the same size",
            ("of such tests, so many have", "at most so many errors", "accuracy"),
            rows,
        ),
    )


def _seeds(siblings: Siblings) -> Chart:
    standing, seeds = siblings.standing, siblings.seeds
    words = (
        f"The same recipe, trained {count(len(seeds), 'time')} with another seed each, on the same "
        f"images. The best one reads {percent(standing.best)}, {100 * standing.excess:.2f} points "
        f"above the mean of {percent(standing.mean)}: whoever shows only the best shows that much "
        "luck. The mean is the recipe's figure."
    )
    label = f"Accuracy of {count(len(seeds), 'seed')} with intervals; the mean is a dashed line."
    return Chart(
        inline_svg(draw_seeds(seeds, standing.mean), "seeds", label),
        words,
        table(
            "Runs that differ by their seed alone",
            ("seed", "run", "errors", "accuracy", "95 % interval"),
            [
                (
                    one.seeds + (" (this run)" if one.own else ""),
                    one.path,
                    f"{one.errors:,} of {one.n:,}",
                    percent(one.accuracy),
                    percent_range(one.interval),
                )
                for one in seeds
            ],
        ),
    )


def _seed_words(siblings: Siblings, measured: Measurements) -> tuple[str, ...]:
    standing, variance = siblings.standing, siblings.variance
    words = [
        f"Over all seeds and all images of this kind the recipe reads {percent_range(variance.interval)} "
        "rightly: in 95 of 100 experiments like this one, such a range holds the true figure."
    ]
    if variance.other_seed < variance.other_digits:
        words.append(
            "Which images one happened to test on matters more than which seed one happened to use."
        )
    else:
        words.append(
            "Which seed one happened to use matters as much as which images one tested on, or more."
        )
    if standing.by_validation is not None:
        words.append(
            "Choosing the seed by validation, which is fair, would have given "
            f"{percent(standing.by_validation)} on test."
        )
    if measured.split == "test":
        words.append(
            "All these runs together have read the test split "
            f"{count(standing.test_reads, 'time')}."
        )
    return tuple(words)


def _parts(siblings: Siblings) -> Table:
    variance = siblings.variance
    return table(
        "How far an accuracy moves by luck alone, as standard deviations",
        ("what changes", "points of accuracy"),
        [
            ("another seed, the same images", f"± {100 * variance.other_seed:.3f}"),
            (
                f"the same network, {variance.n:,} other images",
                f"± {100 * variance.other_digits:.3f}",
            ),
            ("another seed, images without end", f"± {100 * variance.seed_alone:.3f}"),
        ],
    )
