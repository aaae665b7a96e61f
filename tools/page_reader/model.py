"""The page network in PyTorch, and its loss."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitnn.reader.page.network import ANSWERS

FOCUS = 2.0
"""Exponent of the focal loss (Lin et al. 2017)."""


class ConvNorm(nn.Module):
    """A 3 x 3 convolution, or 1 x 1, with batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised map, not rectified."""
        return self.norm(self.conv(x))


class Residual(nn.Module):
    """Two convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = ConvNorm(channels, channels), ConvNorm(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(x + f(x))."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class PageNetwork(nn.Module):
    """Cells of 4 pixels, seen with the context of cells of 8 and 16 pixels."""

    def __init__(self, fine: int = 32, middle: int = 80, coarse: int = 112, head: int = 64) -> None:
        super().__init__()
        self.stem = ConvNorm(1, fine // 2, stride=2)
        self.to_fine = ConvNorm(fine // 2, fine, stride=2)
        self.fine = Residual(fine)
        self.to_middle = ConvNorm(fine, middle, stride=2)
        self.middle = nn.Sequential(Residual(middle), Residual(middle))
        self.to_coarse = ConvNorm(middle, coarse, stride=2)
        self.coarse = nn.Sequential(*[Residual(coarse) for _ in range(3)])
        self.from_coarse = ConvNorm(coarse, middle, kernel=1)
        self.merged = ConvNorm(middle, middle)
        self.from_middle = ConvNorm(middle, head, kernel=1)
        self.from_fine = ConvNorm(fine, head, kernel=1)
        self.head = Residual(head)
        self.answer = nn.Conv2d(head, ANSWERS, 1)
        with torch.no_grad():
            self.answer.bias[:2] = -4.0  # type: ignore[index]

    def forward(self, pages: Tensor) -> Tensor:
        """Return (n, 22, y, x): see `digitnn.reader.page.network.ANSWERS`."""
        relu = functional.relu
        fine = self.fine(relu(self.to_fine(relu(self.stem(pages)))))
        middle = self.middle(relu(self.to_middle(fine)))
        coarse = self.coarse(relu(self.to_coarse(middle)))
        up = functional.interpolate(self.from_coarse(coarse), scale_factor=2)
        middle = relu(self.merged(relu(middle + up)))
        up = functional.interpolate(self.from_middle(middle), scale_factor=2)
        return self.answer(self.head(relu(self.from_fine(fine) + up)))


def loss_of(answer: Tensor, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the parts of the loss; all but `closer` are means over the glyphs."""
    centres, counted = targets["centres"], targets["counted"]
    logit = answer[:, 0]
    p = torch.sigmoid(logit)
    positive = (centres == 1).float()
    found = -functional.logsigmoid(logit) * (1 - p) ** FOCUS * positive
    false = -functional.logsigmoid(-logit) * p**FOCUS * (1 - centres) ** 4 * (1 - positive)
    count = positive.sum().clamp(min=1)
    weights = targets["weights"]
    error = functional.smooth_l1_loss(answer[:, 2:6], targets["boxes"], reduction="none", beta=0.2)
    cross = functional.cross_entropy(answer[:, 6:], targets["characters"], reduction="none")
    closer = functional.binary_cross_entropy_with_logits(
        answer[:, 1], targets["closer"], reduction="none"
    )
    return {
        "closer": (closer * targets["closer_counted"]).mean(),
        "centres": ((found + false) * counted).sum() / count,
        "boxes": (error.mean(dim=1) * weights[:, 0]).sum() / weights[:, 0].sum().clamp(min=1),
        "characters": (cross * weights[:, 1]).sum() / weights[:, 1].sum().clamp(min=1),
    }
