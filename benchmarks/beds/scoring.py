"""Score readings: correct, wrong and rejected ones, character error rates, intervals, thresholds.

The keys of a summary keep older words: "right" is correct, "refused" is rejected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from digitnn.evaluation.statistics import wilson_interval

REJECTED = "?"
THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))


@dataclass(frozen=True)
class Answer:
    """The true and the read text, as in `Reading.text`; text is "" if nothing was read."""

    truth: str
    text: str

    @property
    def correct(self) -> bool:
        """Whether all characters, gaps and lines agree; for a non-digit, no digit was read."""
        return self.text == self.truth if self.truth else not self.accepted

    @property
    def accepted(self) -> bool:
        """Whether any digit was read."""
        return any(character.isdigit() for character in self.text)

    @property
    def rejected(self) -> bool:
        """Whether it is not correct, but all that differs is "?", or no digit was read."""
        pairs = zip_longest(self.text, self.truth)
        agree = all(read in (true, REJECTED) for read, true in pairs)
        return not self.correct and (agree or not self.accepted)


def edit_distance(truth: Sequence[str], text: Sequence[str]) -> int:
    """Return the least number of insertions, deletions and substitutions (Levenshtein 1966)."""
    row = list(range(len(text) + 1))
    for i, wanted in enumerate(truth, 1):
        corner, row[0] = row[0], i
        for j, found in enumerate(text, 1):
            corner, row[j] = (
                row[j],
                min(
                    row[j] + 1,
                    row[j - 1] + 1,
                    corner + (wanted != found),
                ),
            )
    return row[-1]


def character_error_rate(answers: Sequence[Answer]) -> float:
    """Return edits divided by true characters, gaps and newlines included; "?" is one edit."""
    wanted = sum(len(answer.truth) for answer in answers)
    return sum(edit_distance(a.truth, a.text) for a in answers) / max(wanted, 1)


def summarise_answers(answers: Sequence[Answer]) -> dict[str, Any]:
    """Summarise the answers of one kind as plain builtins.

    Rejected answers count against the accuracy; its interval is Wilson's of 95 %. Texts longer than
    one character add a character error rate. Non-digits, whose truth is "", have the number and the
    share of accepted ones instead.
    """
    n = len(answers)
    if not any(a.truth for a in answers):
        accepted = sum(a.accepted for a in answers)
        interval = list(wilson_interval(accepted, n))
        return {"n": n, "accepted": accepted, "share": accepted / n, "interval": interval}
    right, refused = sum(a.correct for a in answers), sum(a.rejected for a in answers)
    found: dict[str, Any] = {
        "n": n,
        "right": right,
        "wrong": n - right - refused,
        "refused": refused,
        "accuracy": right / n,
        "interval": list(wilson_interval(right, n)),
    }
    if any(len(a.truth) > 1 for a in answers):
        found["character_error_rate"] = character_error_rate(answers)
    return found


def format_summary(name: str, found: dict[str, Any]) -> str:
    """Format a summary as one line of text."""
    non_digit = "accepted" in found
    count, word = (found["accepted"], "accepted") if non_digit else (found["right"], "correct")
    low, high = (100 * bound for bound in found["interval"])
    start = f"{name:27} {count:5} of {found['n']:5} {word:8} {100 * count / found['n']:6.2f} %"
    parts = [start, f"({low:.1f} to {high:.1f})"]
    if not non_digit:
        parts.append(f"wrong {found['wrong']:4}  rejected {found['refused']:4}")
    if "character_error_rate" in found:
        parts.append(f"characters {100 * found['character_error_rate']:.2f} %")
    return "  ".join(parts)


@dataclass(frozen=True)
class RawReading:
    """A picture's true and read text without rejection, with the confidence of each digit."""

    truth: str
    text: str
    confidences: tuple[float, ...]

    def answer_at(self, threshold: float) -> Answer:
        """Return the answer if digits with a confidence below `threshold` are rejected."""
        left = iter(self.confidences)
        text = "".join(
            c if c in " \n" else c if next(left) >= threshold else REJECTED for c in self.text
        )
        return Answer(self.truth, text)


def threshold_curve(
    single_digits: Sequence[RawReading], non_digits: Sequence[RawReading]
) -> list[dict[str, float]]:
    """Return, in percent for each threshold, what it accepts and rejects.

    The keys "junk_accepted" and "digits_refused" are accepted non-digits and rejected digits.
    """
    found = []
    for threshold in THRESHOLDS:
        answers = [reading.answer_at(threshold) for reading in single_digits]
        accepted = [answer for answer in answers if answer.accepted]
        wrong = sum(not answer.correct for answer in accepted)
        false_accepts = [reading.answer_at(threshold).accepted for reading in non_digits]
        found.append(
            {
                "threshold": threshold,
                "junk_accepted": 100 * float(np.mean(false_accepts)),
                "digits_refused": 100 * (1 - len(accepted) / len(answers)),
                "wrong_among_accepted": 100 * wrong / max(len(accepted), 1),
            }
        )
    return found
