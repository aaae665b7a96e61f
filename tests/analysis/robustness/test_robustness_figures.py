"""Figures of robustness hold what was measured."""

import numpy as np
import pytest

from digitnn.analysis.robustness.corrupted import CorruptionRow, CorruptionSummary, Reference
from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS, corrupt
from digitnn.analysis.robustness.figures import draw_corrupted, draw_corruptions, draw_sweeps
from digitnn.analysis.robustness.sweeps import Curve


def test_the_contact_sheet_has_a_row_per_corruption_below_the_images(digits):
    figure = draw_corrupted(digits.images[:3])
    shown = [axes.get_images()[0].get_array() for axes in figure.axes]
    names = [axes.get_ylabel() for axes in figure.axes]
    assert names == ["none", *(name.replace("_", " ") for name in CORRUPTIONS)]
    np.testing.assert_array_equal(shown[0], np.hstack(list(digits.images[:3])))
    expected = corrupt(digits.images[:3], "zigzag", 0)
    np.testing.assert_array_equal(shown[names.index("zigzag")], np.hstack(list(expected)))


@pytest.mark.parametrize("known", [True, False])
def test_bars_are_the_errors_of_the_network_and_of_the_reference(known):
    rows = tuple(
        CorruptionRow(name, 1, 100, i, 1 - i / 100, (0.7, 1.0), None)
        for i, name in enumerate(CORRUPTIONS)
    )
    reference = Reference(dict.fromkeys(CORRUPTIONS, 0.3), {"recipe": "cnn"}) if known else None
    axes = draw_corruptions(CorruptionSummary(rows, reference)).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    assert widths[:15] == pytest.approx(range(15))
    assert widths[15:] == pytest.approx([30] * 15 if known else [])


def test_each_sweep_has_its_curve():
    curves = [
        Curve("shift", "pixels", 50, (0.0, 1.0, 2.0), (1.0, 0.9, 0.4)),
        Curve("size", "times", 50, (0.6, 1.0), (0.2, 1.0)),
    ]
    figure = draw_sweeps(curves)
    for axes, curve in zip(figure.axes, curves, strict=True):
        (line,) = axes.get_lines()
        assert list(line.get_xdata()) == list(curve.steps)
        assert list(line.get_ydata()) == pytest.approx([100 * a for a in curve.accuracy])
        assert axes.get_title() == curve.name
