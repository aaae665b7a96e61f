"""What a reading is worth: right, wrong, refused; characters that differ; intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from digitnn.evaluation.intervals import wilson_interval

REFUSED = "?"


@dataclass(frozen=True)
class Answer:
    """truth and text as `Reading.text`; text is "" where nothing was found or nothing readable."""

    truth: str
    text: str

    @property
    def right(self) -> bool:
        """Every character, gap and line as it is written; junk: no digit read."""
        return self.text == self.truth if self.truth else not self.accepted

    @property
    def accepted(self) -> bool:
        """Whether any digit was read."""
        return any(character.isdigit() for character in self.text)

    @property
    def refused(self) -> bool:
        """Whether it is not right, but nothing wrong was said: no digit, or "?" for those amiss."""
        pairs = zip_longest(self.text, self.truth)
        agree = all(said in (meant, REFUSED) for said, meant in pairs)
        return not self.right and (agree or not self.accepted)


def edit_distance(truth: Sequence[str], text: Sequence[str]) -> int:
    """The least number of characters to put in, leave out or change (Levenshtein 1966)."""
    row = list(range(len(text) + 1))
    for i, wanted in enumerate(truth, 1):
        corner, row[0] = row[0], i
        for j, found in enumerate(text, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (wanted != found))
    return row[-1]


def character_error_rate(answers: Sequence[Answer]) -> float:
    """Edits by characters of the truth, gaps and new lines included; "?" is one to change."""
    wanted = sum(len(answer.truth) for answer in answers)
    return sum(edit_distance(a.truth, a.text) for a in answers) / max(wanted, 1)


def row(answers: Sequence[Answer]) -> dict[str, Any]:
    """One kind's counts as plain builtins; the character error rate where truths are longer than 1.

    accuracy: of all, refused ones counted as not right; interval: 95 %, Wilson. Of junk, which has
    no truth: how many were accepted, and the interval of their share.
    """
    n = len(answers)
    if not any(a.truth for a in answers):
        accepted = sum(a.accepted for a in answers)
        interval = list(wilson_interval(accepted, n))
        return {"n": n, "accepted": accepted, "share": accepted / n, "interval": interval}
    right, refused = sum(a.right for a in answers), sum(a.refused for a in answers)
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


def line(name: str, found: dict[str, Any]) -> str:
    """A row for people to read."""
    junk = "accepted" in found
    count, word = (found["accepted"], "accepted") if junk else (found["right"], "right")
    low, high = (100 * bound for bound in found["interval"])
    start = f"{name:27} {count:5} of {found['n']:5} {word:8} {100 * count / found['n']:6.2f} %"
    told = [start, f"({low:.1f} to {high:.1f})"]
    if not junk:
        told.append(f"wrong {found['wrong']:4}  refused {found['refused']:4}")
    if "character_error_rate" in found:
        told.append(f"characters {100 * found['character_error_rate']:.2f} %")
    return "  ".join(told)
