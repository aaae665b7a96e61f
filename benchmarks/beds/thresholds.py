"""What each threshold of confidence would accept and refuse, from pictures that were read once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.beds.scoring import REFUSED, Answer

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))


@dataclass(frozen=True)
class Read:
    """A picture's truth and what was read without refusing, with each mark's confidence."""

    truth: str
    text: str
    confidences: tuple[float, ...]

    def at(self, threshold: float) -> Answer:
        """What is said where less confident marks are refused."""
        left = iter(self.confidences)
        text = "".join(
            c if c in " \n" else c if next(left) >= threshold else REFUSED for c in self.text
        )
        return Answer(self.truth, text)


def curve(single_digits: Sequence[Read], refuse: Sequence[Read]) -> list[dict[str, float]]:
    """For each threshold, in percent: junk accepted, digits refused, wrong among those accepted."""
    found = []
    for threshold in THRESHOLDS:
        answers = [read.at(threshold) for read in single_digits]
        accepted = [answer for answer in answers if answer.accepted]
        wrong = sum(not answer.right for answer in accepted)
        found.append(
            {
                "threshold": threshold,
                "junk_accepted": 100 * float(np.mean([r.at(threshold).accepted for r in refuse])),
                "digits_refused": 100 * (1 - len(accepted) / len(answers)),
                "wrong_among_accepted": 100 * wrong / max(len(accepted), 1),
            }
        )
    return found
