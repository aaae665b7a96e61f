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
DIGITS = "0123456789"
THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))


@dataclass(frozen=True)
class Answer:
    """The true and the read text, as in `Reading.text`; text is "" if nothing was read.

    letters: how many letters a page of text has, none of which is a digit.
    """

    truth: str
    text: str
    letters: int = 0

    @property
    def correct(self) -> bool:
        """Whether all characters, gaps and lines agree; for a non-digit, no digit was read."""
        return self.text == self.truth if self.truth else not self.accepted

    @property
    def accepted(self) -> bool:
        """Whether any digit was read."""
        return bool(digits_of(self.text))

    @property
    def digits_correct(self) -> bool:
        """Whether the digits of each line agree, whatever stands between them."""
        return digit_lines(self.text) == digit_lines(self.truth)

    @property
    def digit_edits(self) -> int:
        """The edit distance of the digits in reading order; lines and gaps do not matter."""
        return edit_distance(digits_of(self.truth), digits_of(self.text))

    @property
    def rejected(self) -> bool:
        """Whether it is not correct, but all that differs is "?", or no digit was read."""
        pairs = zip_longest(self.text, self.truth)
        agree = all(read in (true, REJECTED) for read, true in pairs)
        return not self.correct and (agree or not self.accepted)


def digits_of(text: str) -> str:
    """Return the digits of a text in order."""
    return "".join(character for character in text if character in DIGITS)


def digit_lines(text: str) -> list[str]:
    """Return the digits of each line that has any."""
    return [digits for line in text.split("\n") if (digits := digits_of(line))]


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


def digit_error_rate(answers: Sequence[Answer]) -> float:
    """Return edits of digits divided by true digits, over the pictures that have digits.

    "?", gaps and lines do not count.
    """
    with_digits = [answer for answer in answers if digits_of(answer.truth)]
    wanted = sum(len(digits_of(answer.truth)) for answer in with_digits)
    return sum(answer.digit_edits for answer in with_digits) / max(wanted, 1)


def summarise_answers(answers: Sequence[Answer]) -> dict[str, Any]:
    """Summarise the answers of one kind as plain builtins.

    Rejected answers count against the accuracy; its interval is Wilson's of 95 %. Texts longer than
    one character add a character error rate, and how many are right and how many digits are wrong
    if digits alone are compared. Non-digits, whose truth is "", have the number and the share of
    accepted ones instead; pages of text add how many of their letters were read as digits.
    """
    n = len(answers)
    if not any(a.truth for a in answers):
        accepted = sum(a.accepted for a in answers)
        interval = list(wilson_interval(accepted, n))
        found: dict[str, Any] = {
            "n": n, "accepted": accepted, "share": accepted / n, "interval": interval
        }  # fmt: skip
        if letters := sum(a.letters for a in answers):
            found["letters"] = letters
            found["letters_read"] = sum(len(digits_of(a.text)) for a in answers)
        return found
    right, refused = sum(a.correct for a in answers), sum(a.rejected for a in answers)
    found = {
        "n": n,
        "right": right,
        "wrong": n - right - refused,
        "refused": refused,
        "accuracy": right / n,
        "interval": list(wilson_interval(right, n)),
    }
    if any(len(a.truth) > 1 for a in answers):
        found["character_error_rate"] = character_error_rate(answers)
        found["digits_right"] = sum(a.digits_correct for a in answers)
        found["digit_error_rate"] = digit_error_rate(answers)
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
        parts.append(f"digits {found['digits_right']} {100 * found['digit_error_rate']:.2f} %")
    if "letters" in found:
        parts.append(f"letters {found['letters_read']} of {found['letters']}")
    return "  ".join(parts)


@dataclass(frozen=True)
class RawReading:
    """A picture's true and read text without rejection, with the confidence of each digit.

    letters: as in `Answer`.
    """

    truth: str
    text: str
    confidences: tuple[float, ...]
    letters: int = 0

    def answer_at(self, threshold: float) -> Answer:
        """Return the answer if digits with a confidence below `threshold` are rejected."""
        left = iter(self.confidences)
        text = "".join(
            c if c in " \n" else c if next(left) >= threshold else REJECTED for c in self.text
        )
        return Answer(self.truth, text, self.letters)


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
