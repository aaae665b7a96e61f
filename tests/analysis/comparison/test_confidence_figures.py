"""The confidence figures show the measured values, and the command that draws them."""

from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from matplotlib.colors import to_hex
from PIL import Image

from digitnn.analysis.comparison.confidence_figures import draw_reliability, draw_risk_coverage
from digitnn.data.dataset import Dataset
from digitnn.evaluation.evaluation import evaluate
from digitnn.evaluation.risk_coverage import errors_in_best_order
from digitnn.evaluation.statistics import wilson_interval
from digitnn.evaluation.summary import EvaluationSummary, summarise_evaluation
from digitnn.plotting import COLOURS

pytestmark = pytest.mark.slow

FILES = ["reliability.png", "risk-coverage.png", "confusion.png"]


class Guess:
    """A classifier that gives these logits."""

    def __init__(self, logits: np.ndarray) -> None:
        self._logits = logits

    def logits(self, images: np.ndarray) -> np.ndarray:
        return self._logits


@pytest.fixture
def found(digits: Dataset, rng: np.random.Generator) -> EvaluationSummary:
    """A network that is surer than it should be, appraised on all 600 images."""
    logits = rng.normal(scale=2, size=(600, 10)) + 5 * np.eye(10)[digits.labels]
    evaluation = evaluate(Guess((3 * logits).astype(np.float32)), digits)
    assert 0 < evaluation.errors < 300
    return summarise_evaluation(evaluation, digits)


def test_bars_are_the_bins_before_and_after_the_temperature(found: EvaluationSummary) -> None:
    before, after, n_before, n_after = draw_reliability(found).axes
    sides = (
        (before, n_before, found.bins, found.calibration_error),
        (after, n_after, found.tempered.bins, found.tempered.calibration_error),
    )
    for above, below, bins, error in sides:
        filled = [one for one in bins if one.n]
        bars = above.patches
        assert [bar.get_height() for bar in bars] == [100 * one.accuracy for one in filled]
        middles = [bar.get_x() + bar.get_width() / 2 for bar in bars]
        assert middles == pytest.approx([50 * (one.low + one.high) for one in filled])
        assert [bar.get_height() for bar in below.patches] == [one.n for one in filled]
        assert [text.get_text() for text in below.texts] == [str(one.n) for one in filled]
        assert f"calibration error {100 * error:.2f} %" in above.get_title()
        spans, claims = above.collections
        ends = np.array([segment[:, 1] for segment in spans.get_segments()])
        intervals = [wilson_interval(round(one.accuracy * one.n), one.n) for one in filled]
        np.testing.assert_allclose(ends, 100 * np.array(intervals), atol=1e-9)
        heights = [segment[0, 1] for segment in claims.get_segments()]
        assert heights == pytest.approx([100 * one.confidence for one in filled])
    assert sum(one.n for one in found.tempered.bins) == 600
    assert found.tempered.bins != found.bins


def test_a_narrow_figure_stacks_the_diagrams(found: EvaluationSummary) -> None:
    wide, narrow = draw_reliability(found).axes, draw_reliability(found, narrow=True).axes
    assert [axes.get_subplotspec().rowspan.start for axes in narrow] == [0, 1, 2, 3]
    for one, other in zip((wide[0], wide[2], wide[1], wide[3]), narrow, strict=True):
        heights = [[bar.get_height() for bar in axes.patches] for axes in (one, other)]
        assert heights[0] == heights[1]
        assert one.get_title() == other.get_title()
        assert one.get_ylim() == other.get_ylim()
        assert other.get_ylabel()


def test_the_title_names_the_images_of_the_temperature(
    digits: Dataset, found: EvaluationSummary
) -> None:
    there = draw_reliability(found).axes[1].get_title()
    assert f"temperature {found.temperature:.2f}, fitted on these same images" in there
    other = summarise_evaluation(found.evaluation, digits, (found.evaluation, digits))
    assert "fitted on validation" in draw_reliability(other).axes[1].get_title()


def test_the_curve_passes_its_marks_between_random_and_best_order(
    found: EvaluationSummary,
) -> None:
    axes = draw_risk_coverage(found).axes[0]
    chance, curve, best, marks = axes.get_lines()[:4]
    error = 100 * found.evaluation.errors / 600
    assert set(chance.get_ydata()) == {error}
    drawn = dict(zip(np.round(curve.get_xdata(), 6), curve.get_ydata(), strict=True))
    assert drawn[100] == pytest.approx(error)
    assert list(marks.get_xdata()) == [50, 80, 90, 95, 99]
    for coverage, point in zip(marks.get_xdata(), found.risk_coverage.points, strict=True):
        assert drawn[coverage] == pytest.approx(100 * point.error)
    texts = [text.get_text() for text in axes.texts]
    assert texts == [f"{100 * point.error:.2f}" for point in found.risk_coverage.points]
    right = 600 - found.evaluation.errors
    assert best.get_ydata()[right - 1] == 0
    assert best.get_ydata()[right] == pytest.approx(100 / (right + 1))
    assert best.get_ydata()[-1] == pytest.approx(error)
    below = np.interp(curve.get_xdata(), best.get_xdata(), best.get_ydata())
    assert (curve.get_ydata() >= below - 1e-9).all()
    assert to_hex(curve.get_color()) == COLOURS[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert f"area {100 * found.risk_coverage.area:.2g} %" in labels[1]


def test_the_best_order_has_the_errors_known_by_hand() -> None:
    np.testing.assert_allclose(errors_in_best_order(5, 2), [0, 0, 0, 1 / 4, 2 / 5])


def test_a_network_without_a_mistake_can_be_drawn(digits: Dataset) -> None:
    logits = 50 * np.eye(10, dtype=np.float32)[digits.labels]
    whole = summarise_evaluation(evaluate(Guess(logits), digits), digits)
    bars = draw_reliability(whole).axes[0].patches
    assert [bar.get_height() for bar in bars] == [100]
    assert set(draw_risk_coverage(whole).axes[0].get_lines()[1].get_ydata()) == {0}


def test_evaluate_draws_the_figures_and_prints_their_paths(digitnn: CommandLine) -> None:
    digitnn("train", "classic", "--epochs", "3", "--out", "run")
    plain = digitnn("evaluate", "run", "--json").json()
    found = digitnn("evaluate", "run", "--figures", "some/figures", "--json").json()
    paths = found.pop("figures")
    assert paths == [f"some/figures/{name}" for name in FILES]
    assert list(found) == list(plain)
    for path in paths:
        with Image.open(path) as image:
            assert image.format == "PNG"
    assert sorted(path.name for path in Path("some/figures").iterdir()) == sorted(FILES)
    done = digitnn("evaluate", "run", "--split", "test", "--figures", "some/figures")
    assert done.out.splitlines()[-3:] == paths


def test_an_unwritable_folder_fails_before_the_evaluation(
    digitnn: CommandLine,
) -> None:
    digitnn("train", "classic", "--epochs", "1", "--out", "run")
    Path("taken").write_text("")
    done = digitnn("evaluate", "run", "--split", "test", "--figures", "taken")
    assert_one_error_line(done, 1, "taken", "another --figures")
    assert not Path("run/report.json").exists()
