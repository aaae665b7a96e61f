"""Which pixels a decision hangs on, by our own backpropagation.

The gradient of a logit by the pixels (Simonyan, Vedaldi and Zisserman 2014, section 3), with its
sign. A logit alone says little, since softmax looks at differences; so beside it stands the
gradient of what the digit read is ahead of the next best.
Axes: h w pixels, k classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

from digitnn.analysis.explain.mosaic import show_image, show_signed
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.inspection import input_gradient
from digitnn.evaluation.evaluation import log_softmax
from digitnn.network.network import Network, Params
from digitnn.plotting import new_figure
from digitnn.wording import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FULL_INK = 255


@dataclass(frozen=True, eq=False)
class Saliency:
    """What a network makes of one image.

    probabilities: of the digits, less than 1 in all where the network rejects; read, rival: the
    likeliest digit and the next; for_read: change of the logit of `read`, in nats, as a pixel goes
    from paper to ink, were the network linear; against_rival: the same of its lead over the
    rival's.
    """

    image: UInt8[ndarray, "28 28"]
    probabilities: Float[ndarray, " k"]
    read: int
    rival: int
    for_read: Float32[ndarray, "28 28"]
    against_rival: Float32[ndarray, "28 28"]

    def to_json(self) -> dict[str, Any]:
        """As plain builtins."""
        return {
            "read": self.read,
            "rival": self.rival,
            "probabilities": self.probabilities.tolist(),
            "for_read": self.for_read.tolist(),
            "against_rival": self.against_rival.tolist(),
        }


def saliency(network: Network, params: Params, image: UInt8[ndarray, "28 28"]) -> Saliency:
    """Both gradients of one image."""
    logits, _ = forward(network.layers, params, network.standardise(image[None]))
    read, rival = (int(label) for label in np.argsort(-logits[0], kind="stable")[:2])
    dlogits = np.zeros((2, logits.shape[1]), np.float32)
    dlogits[:, read] = 1
    dlogits[1, rival] = -1
    twice = np.stack([image, image])
    _, gradient = input_gradient(network, params, twice, lambda z, block: dlogits[block])
    gradient *= np.float32(FULL_INK)
    z = logits / np.float32(network.temperature)
    if network.rejects:  # beside the digits stands "no digit", whose logit is 0
        z = np.concatenate([z, np.zeros((1, 1), np.float32)], axis=1)
    probabilities = np.exp(log_softmax(z))[0, : len(network.labels)]
    return Saliency(image, probabilities, read, rival, gradient[0], gradient[1])


def draw_saliency(found: Saliency) -> Figure:
    """The image, and both gradients on one scale with the image's outline in them."""
    figure = new_figure(9.2, 3.3)
    first, *others = figure.subplots(1, 3)
    show_image(first, found.image)
    first.set_title(
        f"read as {found.read} ({percent(found.probabilities[found.read])})", fontsize=11
    )
    planes = (found.for_read, found.against_rival)
    largest = float(max(np.abs(plane).max() for plane in planes)) or 1.0
    titles = (f"for a {found.read}", f"for a {found.read} rather than a {found.rival}")
    for axes, plane, title in zip(others, planes, titles, strict=True):
        drawn = show_signed(axes, plane, largest)
        if found.image.max() > FULL_INK / 2:
            axes.contour(found.image, levels=[FULL_INK / 2], colors="black", linewidths=0.8)
        axes.set_title(title, fontsize=11)
    bar = figure.colorbar(drawn, ax=others, fraction=0.03, pad=0.02)
    bar.set_label("nats from paper to ink")

    return figure


def describe_saliency(found: Saliency) -> str:
    """What the colours mean, and where they are strongest."""
    row, column = np.unravel_index(np.abs(found.against_rival).argmax(), found.image.shape)
    strongest = found.against_rival[row, column]
    inked = found.image[row, column] > FULL_INK / 2
    return (
        f"Red: more ink there speaks for a {found.read}, blue: against it; the line is the edge of "
        f"the stroke. The right picture asks what tells {found.read} from {found.rival}, the next "
        f"best ({percent(found.probabilities[found.rival])}). The most telling pixel is in row "
        f"{row + 1}, column {column + 1}, {'on the stroke' if inked else 'on the paper'}: from "
        f"paper to ink it would change the lead by {strongest:+.2f} nats, were the network linear."
    )
