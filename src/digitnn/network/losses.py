"""Loss descriptions; each engine has the functions. All take logits and are in nats."""

from dataclasses import dataclass
from typing import TypeAlias

from digitnn.errors import UsageError


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """-log softmax(logits)[label]: the classes exclude each other.

    label_smoothing: e in targets 1 - e + e / k for the label and e / k for each other class
    (Szegedy et al. 2016, section 7).
    no_digit: whether there is one more class, k of k + 1, for whatever is no digit. Its logit is
    always 0: softmax heeds differences only, so nothing is lost, and the network keeps one output
    a digit. The free energy -log sum exp z of a digit's logits then is learned to be low (compare
    Liu, Wang, Owens and Li 2020, who fit it afterwards).
    """

    label_smoothing: float = 0.0
    no_digit: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(
                f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}"
            )


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """The sum over classes of each one's own yes-or-no cross-entropy."""


Loss: TypeAlias = SoftmaxCrossEntropy | SigmoidCrossEntropy
