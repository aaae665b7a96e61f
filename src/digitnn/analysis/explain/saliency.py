"""Compute saliency maps: which pixels would change a prediction.

A saliency map is the signed gradient of a logit with respect to the pixels (Simonyan, Vedaldi and
Zisserman 2014, section 3), computed by our own backpropagation. Since softmax depends on
differences of logits, a second map shows the gradient of the predicted class's lead over the next
one. Axes: h w pixels, k classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

from digitnn.analysis.explain.mosaic import short_name, show_image, show_signed
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.engine import input_gradient
from digitnn.evaluation.evaluation import log_softmax
from digitnn.network.network import DIGITS, Network, Params
from digitnn.plotting import new_figure
from digitnn.wording import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FULL_INK = 255


@dataclass(frozen=True, eq=False)
class Saliency:
    """The saliency maps of one image.

    probabilities: of the classes, with a sum below 1 if the network rejects; predicted, rival: the
    most likely class and the next; for_predicted: change of the logit of `predicted` in nats as a
    pixel goes from paper to ink, if the network were linear; against_rival: change of its lead over
    the rival's logit; labels: the names of the classes.
    """

    image: UInt8[ndarray, "28 28"]
    probabilities: Float[ndarray, " k"]
    predicted: int
    rival: int
    for_predicted: Float32[ndarray, "28 28"]
    against_rival: Float32[ndarray, "28 28"]
    labels: tuple[str, ...] = DIGITS

    @property
    def predicted_name(self) -> str:
        """The name of the most likely class."""
        return self.labels[self.predicted]

    @property
    def rival_name(self) -> str:
        """The name of the class that is most likely after it."""
        return self.labels[self.rival]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "read": self.predicted,
            "rival": self.rival,
            "names": [self.predicted_name, self.rival_name],
            "probabilities": self.probabilities.tolist(),
            "for_read": self.for_predicted.tolist(),
            "against_rival": self.against_rival.tolist(),
        }


def saliency(network: Network, params: Params, image: UInt8[ndarray, "28 28"]) -> Saliency:
    """Return both saliency maps of one image."""
    logits, _ = forward(network.layers, params, network.inputs(image[None]))
    predicted, rival = (int(label) for label in np.argsort(-logits[0], kind="stable")[:2])
    dlogits = np.zeros((2, logits.shape[1]), np.float32)
    dlogits[:, predicted] = 1
    dlogits[1, rival] = -1
    twice = np.stack([image, image])
    _, gradient = input_gradient(network, params, twice, lambda z, block: dlogits[block])
    gradient *= np.float32(FULL_INK)
    z = logits / np.float32(network.temperature)
    if network.rejects:  # an implicit logit, fixed at 0, stands for "not a digit"
        z = np.concatenate([z, np.zeros((1, 1), np.float32)], axis=1)
    probabilities = np.exp(log_softmax(z))[0, : len(network.labels)]
    return Saliency(
        image, probabilities, predicted, rival, gradient[0], gradient[1], network.labels
    )


def draw_saliency(found: Saliency) -> Figure:
    """Draw the image and both maps, on one scale and with the outline of the strokes."""
    figure = new_figure(9.2, 3.3)
    first, *others = figure.subplots(1, 3)
    show_image(first, found.image)
    confidence = percent(found.probabilities[found.predicted])
    name, rival = short_name(found.predicted_name), short_name(found.rival_name)
    first.set_title(f"classified as {name} ({confidence})", fontsize=11)
    planes = (found.for_predicted, found.against_rival)
    largest = float(max(np.abs(plane).max() for plane in planes)) or 1.0
    gap = " " if len(name) < 4 else "\n"
    titles = (f"for {name}", f"for {name}{gap}rather than {rival}")
    for axes, plane, title in zip(others, planes, titles, strict=True):
        drawn = show_signed(axes, plane, largest)
        if found.image.max() > FULL_INK / 2:
            axes.contour(found.image, levels=[FULL_INK / 2], colors="black", linewidths=0.8)
        axes.set_title(title, fontsize=11)
    bar = figure.colorbar(drawn, ax=others, fraction=0.03, pad=0.02)
    bar.set_label("nats from paper to ink")
    return figure


def describe_saliency(found: Saliency) -> str:
    """Describe what the colours mean and where they are strongest."""
    row, column = np.unravel_index(np.abs(found.against_rival).argmax(), found.image.shape)
    strongest = found.against_rival[row, column]
    name, rival = found.predicted_name, found.rival_name
    kind = "digit" if found.labels == DIGITS else "class"
    inked = found.image[row, column] > FULL_INK / 2
    return (
        f"Ink on red pixels is evidence for {name}, ink on blue ones against it; the "
        f"line is the edge of the stroke. The right map compares {name} with "
        f"{rival}, the next most likely {kind} ({percent(found.probabilities[found.rival])}). "
        f"The strongest pixel is in row {row + 1}, column {column + 1}, "
        f"{'on the stroke' if inked else 'on the paper'}: ink instead of paper there would change "
        f"the lead by {strongest:+.2f} nats if the network were linear."
    )
