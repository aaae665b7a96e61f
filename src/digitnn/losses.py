"""Loss descriptions; each engine has the functions. All take logits and are in nats."""

from dataclasses import dataclass
from typing import TypeAlias

from digitnn.errors import UsageError


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """-log softmax(logits)[label]: the classes exclude each other.

    label_smoothing: e in targets 1 - e + e / k for the label and e / k for each other class
    (Szegedy et al. 2016, section 7).
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(
                f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}"
            )


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """The sum over classes of each one's own yes-or-no cross-entropy."""


Loss: TypeAlias = SoftmaxCrossEntropy | SigmoidCrossEntropy
