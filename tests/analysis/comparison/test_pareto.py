"""Which of several networks nobody beats in both time and accuracy."""

import numpy as np
import pytest

from digitnn.analysis.comparison.figures import draw_time_and_accuracy, pareto_front


def test_the_pareto_front_holds_the_unbeaten(rng: np.random.Generator) -> None:
    seconds, errors = rng.integers(0, 8, 40).tolist(), rng.integers(0, 8, 40).tolist()
    points = list(zip(seconds, errors, strict=True))
    expected = [
        i
        for i, (s, e) in enumerate(points)
        if not any(t <= s and f <= e and (t, f) != (s, e) for t, f in points)
    ]
    assert sorted(pareto_front(seconds, errors)) == expected


def test_the_figure_joins_the_front_in_order_of_time() -> None:
    rows = [
        {
            "recipe": name,
            "engine": "scratch",
            "accuracy": a,
            "interval": [a - 0.01, a + 0.005],
            "train_seconds": s,
        }
        for name, a, s in (("slow", 0.99, 100.0), ("beaten", 0.95, 50.0), ("fast", 0.97, 2.0))
    ]
    (axes,) = draw_time_and_accuracy(rows).axes
    front = axes.lines[0]
    assert list(front.get_xdata()) == [2, 100]
    assert list(front.get_ydata()) == pytest.approx([3, 1])
    assert {text.get_text() for text in axes.texts} == {
        "slow (scratch)",
        "beaten (scratch)",
        "fast (scratch)",
    }
