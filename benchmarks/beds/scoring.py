"""What a reading is worth: right, wrong, refused; characters that differ; intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from digitnn.evaluation import wilson_interval

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
        """Whether nothing wrong was said: not right, and no digit read in its place."""
        return not self.right and not self.accepted


def edit_distance(truth: Sequence[str], text: Sequence[str]) -> int:
    """The least number of characters to put in, leave out or change (Levenshtein 1966)."""
    row = list(range(len(text) + 1))
    for i, wanted in enumerate(truth, 1):
        corner, row[0] = row[0], i
        for j, found in enumerate(text, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (wanted != found))
    return row[-1]


def character_error_rate(answers: Sequence[Answer]) -> float:
    """Edits by characters of the truth, gaps and new lines included; "?" counts as one to change."""
    wanted = sum(len(answer.truth) for answer in answers)
    return sum(edit_distance(a.truth, a.text) for a in answers) / max(wanted, 1)


def row(answers: Sequence[Answer]) -> dict[str, Any]:
    """One kind's counts as plain builtins; the character error rate where truths are longer than 1.

    accuracy: of all, refused ones counted as not right; interval: 95 %, Wilson.
    """
    n, right = len(answers), sum(a.right for a in answers)
    refused = sum(a.refused for a in answers)
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
    low, high = found["interval"]
    errors = found.get("character_error_rate")
    return (
        f"{name:26} {found['right']:5} of {found['n']:5} right  {100 * found['accuracy']:6.2f} % "
        f"({100 * low:.1f} to {100 * high:.1f})  wrong {found['wrong']:4}  refused {found['refused']:4}"
        + (f"  characters {100 * errors:.2f} %" if errors is not None else "")
    )
