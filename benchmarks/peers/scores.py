"""Score what engines read in the same pictures, and test which makes fewer edits."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.beds.scoring import Answer, digits_of
from benchmarks.peers.engines import Read
from digitnn.evaluation.statistics import adjust_by_holm

RESAMPLES = 9999
"""Random permutations of the paired test, where there are too many to try all."""


@dataclass(frozen=True)
class Shown:
    """A picture's file, true text, bed and mode, and what each engine read."""

    group: str
    bed: str
    truth: str
    reads: dict[str, Read]


def score(shown: Sequence[Shown], name: str) -> dict[str, Any]:
    """Return what an engine read of some pictures, as plain builtins.

    exact: texts equal with gaps and lines; digits_right: digits of each line equal; digit_edits:
    edit distance of digits, over the pictures that have digits; nothing: those of them in which
    none was read; accepted: pictures without a digit in which one was read; false_digits: how many.
    """
    answers = [Answer(one.truth, one.reads[name].text) for one in shown]
    seconds = [one.reads[name].cpu_seconds for one in shown]
    with_digits = [answer for answer in answers if digits_of(answer.truth)]
    without = [answer for answer in answers if not digits_of(answer.truth)]
    wanted = sum(len(digits_of(answer.truth)) for answer in with_digits)
    edits = sum(answer.digit_edits for answer in with_digits)
    return {
        "n": len(answers),
        "exact": sum(answer.correct for answer in answers),
        "digits_right": sum(answer.digits_correct for answer in answers),
        "digits": wanted,
        "digit_edits": edits,
        "digit_error_rate": edits / wanted if wanted else None,
        "nothing": sum(not answer.accepted for answer in with_digits),
        "accepted": sum(answer.accepted for answer in without),
        "false_digits": sum(answer.digit_edits for answer in without),
        "cpu_seconds": {"mean": fmean(seconds), "max": max(seconds)},
    }


def paired_test(first: Sequence[int], second: Sequence[int], seed: int) -> dict[str, Any]:
    """Return a two-sided permutation test of two engines' edits on the same pictures.

    If both engines were equally good, each difference would have either sign with equal
    probability (Fisher 1935, section 21). All sign changes are tried if there are at most
    `RESAMPLES`, else random ones. Pictures with equal edits carry no information.
    """
    from scipy.stats import permutation_test

    difference = np.subtract(first, second)
    fewer, more = int((difference < 0).sum()), int((difference > 0).sum())
    p_value = 1.0
    if fewer + more > 1:
        found = permutation_test(
            (difference[difference != 0].astype(float),),
            np.sum,
            permutation_type="samples",
            n_resamples=RESAMPLES,
            vectorized=True,
            rng=np.random.default_rng([seed, 8]),
        )
        p_value = float(found.pvalue)
    return {"fewer": fewer, "more": more, "equal": len(difference) - fewer - more, "p": p_value}


def compare(rows: dict[str, list[Shown]], peer: str, seed: int) -> dict[str, Any]:
    """Test digitnn's edits against a peer's on each bed; "holm" is adjusted over the beds."""
    tests = {}
    for name, shown in rows.items():
        ours, theirs = (
            [Answer(one.truth, one.reads[engine].text).digit_edits for one in shown]
            for engine in ("digitnn", peer)
        )
        tests[name] = {**paired_test(ours, theirs, seed), "edits": [sum(ours), sum(theirs)]}
    adjusted = adjust_by_holm([test["p"] for test in tests.values()])
    return {
        name: {**test, "holm": p} for (name, test), p in zip(tests.items(), adjusted, strict=True)
    }


def summarise(shown: Sequence[Shown], engines: Sequence[str], seed: int) -> dict[str, Any]:
    """Return scores of beds and groups, and the paired tests, for each group."""
    result: dict[str, Any] = {}
    for group in dict.fromkeys(one.group for one in shown):
        within = [one for one in shown if one.group == group]
        rows = {
            bed: [o for o in within if o.bed == bed] for bed in dict.fromkeys(o.bed for o in within)
        }
        result[group] = {
            "beds": {
                bed: {name: score(part, name) for name in engines} for bed, part in rows.items()
            },
            "total": {name: score(within, name) for name in engines},
        }
        if "digitnn" in engines:
            result[group]["paired"] = {
                peer: {
                    **compare(rows, peer, seed),
                    "total": compare({"total": within}, peer, seed)["total"],
                }
                for peer in engines
                if peer != "digitnn"
            }
    return result


def format_row(name: str, row: dict[str, Any]) -> str:
    """Format an engine's score as one line of text."""
    rate = "" if row["digit_error_rate"] is None else f" {100 * row['digit_error_rate']:6.2f} %"
    return (
        f"{name:10} exact {row['exact']:4} of {row['n']:4}  digits {row['digits_right']:4}  "
        f"wrong {row['digit_edits']:5}{rate}  nothing {row['nothing']:3}  "
        f"accepted {row['accepted']:3}  CPU {row['cpu_seconds']['mean']:.2f} s"
    )
