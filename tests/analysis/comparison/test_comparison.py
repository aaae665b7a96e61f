"""Rows, pairs and pages of a comparison, from runs whose predictions are made up."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digitnn.analysis.comparison.comparison import (
    EvaluatedRun,
    check_same_test,
    group_seeds,
    make_comparison,
    make_pairs,
    make_row,
)
from digitnn.analysis.comparison.figures import (
    draw_confusions,
    draw_disagreements,
    draw_learning_curves,
    draw_overview,
)
from digitnn.analysis.comparison.results_folder import run_to_plain, write_results
from digitnn.analysis.comparison.tables import comparison_to_markdown
from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import RunError
from digitnn.evaluation.evaluation import Evaluation, evaluate
from digitnn.evaluation.statistics import wilson_interval
from digitnn.pickles.loading import load_pickle, save_pickle
from digitnn.recipes.builtin import find_recipe
from digitnn.runs.evaluate_run import record_evaluation
from digitnn.runs.run import Run, load_single_run, save_run
from digitnn.training.training import Training


@pytest.fixture(scope="module")
def run(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = find_recipe("classic").with_epochs(2)
    training = Training(recipe, find_engine("scratch"), digits[:400], digits[400:], seed=0)
    for _ in training:
        pass
    return save_run(tmp_path_factory.mktemp("runs") / "run", training, "scratch", "mnist")


def pretend(run: Run, test: Dataset, wrong: list[int], recipe: str, seed: int) -> EvaluatedRun:
    """`run` under another name and seed, reading all of `test` but the images `wrong`."""
    predictions = test.labels.copy()
    predictions[wrong] = (predictions[wrong] + 1) % 10
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (test.labels, predictions), 1)
    n = len(test)
    accuracy = 1 - len(wrong) / n
    interval, logits = wilson_interval(n - len(wrong), n), np.eye(10, dtype=np.float32)[predictions]
    evaluation = Evaluation(n, accuracy, interval, 0.1, 0.5, predictions, confusion, logits)
    about = {**run.about, "seed": seed, "seconds": 10.0 + seed}
    about["recipe"] = {**about["recipe"], "name": recipe}
    return EvaluatedRun(replace(run, about=about), evaluation)


@pytest.fixture(scope="module")
def evaluated(run: Run, digits: Dataset) -> list[EvaluatedRun]:
    test = digits[:100]
    return [
        pretend(run, test, list(range(10)), "a", seed=0),
        pretend(run, test, list(range(20)), "a", seed=1),
        pretend(run, test, [0, 50], "b", seed=0),
    ]


def test_a_row_of_several_seeds_holds_means_and_spread(
    evaluated: list[EvaluatedRun], digits: Dataset
) -> None:
    row = make_row(group_seeds(evaluated)[0], digits[:100])
    assert row["recipe"] == "a"
    assert row["accuracy"] == pytest.approx(0.85)
    assert row["spread"] == pytest.approx(np.std([0.9, 0.8], ddof=1))
    assert row["interval"] == list(wilson_interval(85, 100))
    assert row["seeds"] == [0, 1]
    half = 12.7062 * 0.1 / 2  # the t of one degree of freedom, times the error of two numbers' mean
    assert row["seeds_interval"] == pytest.approx((0.85 - half, 1), rel=1e-4)
    assert row["variance"]["mean"] == pytest.approx(0.85)
    assert row["variance"]["other_seed"] == pytest.approx(row["spread"])
    assert row["train_seconds"] == 10.5
    assert row["n"] == 100
    assert row["parameters"] == 784 * 100 + 100 + 100 * 10 + 10


def test_a_row_of_one_seed_has_no_spread(evaluated: list[EvaluatedRun], digits: Dataset) -> None:
    row = make_row(group_seeds(evaluated)[1], digits[:100])
    assert row["seed"] == 0
    assert "spread" not in row
    assert "seeds" not in row


def test_a_repeated_seed_has_no_interval_over_seeds(
    evaluated: list[EvaluatedRun], digits: Dataset
) -> None:
    row = make_row([evaluated[0], evaluated[0]], digits[:100])
    assert row["seeds"] == [0, 0]
    assert "seeds_interval" not in row
    assert "variance" not in row


def test_runs_with_other_epochs_are_separate_rows(run: Run, digits: Dataset) -> None:
    one = pretend(run, digits[:100], [1], "a", seed=0)
    about = {**run.about, "recipe": {**run.about["recipe"], "name": "a", "epochs": 9}, "seed": 1}
    other = EvaluatedRun(replace(run, about=about), one.evaluation)
    assert one.title == other.title
    assert len(group_seeds([one, other])) == 2


def test_pairs_count_images_that_only_one_gets_right(
    evaluated: list[EvaluatedRun], digits: Dataset
) -> None:
    (pair,) = make_pairs(group_seeds(evaluated), digits[:100])["pairs"]
    assert (pair["first"], pair["second"]) == ("a (scratch)", "b (scratch)")
    assert (pair["only_first"], pair["only_second"]) == (1, 9)
    assert (pair["both_wrong"], pair["both_right"]) == (1, 89)
    assert pair["p_value"] == pytest.approx(2 * 11 / 1024)
    assert pair["holm"] == pair["p_value"]
    assert pair["digits"] == {"only_first": [50], "only_second": list(range(1, 10))}


def test_the_page_shows_measured_and_reported_rows(
    evaluated: list[EvaluatedRun], digits: Dataset
) -> None:
    page = comparison_to_markdown(make_comparison(evaluated, digits[:100]))
    assert "| `a` | scratch | **85.00 %** ± 7.07 |" in page
    assert "| `b` | scratch | **98.00 %** |" in page
    assert "| original, from scratch | *as reported* | 93.27 % |" in page
    assert "9 are correct only by b (scratch), 1 only by a (scratch), 1 by neither" in page
    assert "p = 0.021" in page
    assert "seeds 0, 1" in page


def test_several_pairs_become_a_table(
    run: Run, evaluated: list[EvaluatedRun], digits: Dataset
) -> None:
    test = digits[:100]
    third = pretend(run, test, [0, 51], "c", seed=0)
    page = comparison_to_markdown(make_comparison([*evaluated, third], test))
    assert "| a (scratch) | b (scratch) | 1 | 9 | 1 | 0.021 | 0.064 |" in page
    assert "| b (scratch) | c (scratch) | 1 | 1 | 1 | 1 | 1 |" in page


def test_the_page_separates_variance_of_seeds_and_images(
    evaluated: list[EvaluatedRun], digits: Dataset
) -> None:
    page = comparison_to_markdown(make_comparison(evaluated, digits[:100]))
    (line,) = [line for line in page.splitlines() if line.startswith("| `a` | scratch | 2 |")]
    assert line.split("|")[-3] == " ± 7.07 "  # deviation over seeds
    assert not [line for line in page.splitlines() if line.startswith("| `b` | scratch | 1 |")]


def test_a_run_tested_on_other_images_is_rejected(
    run: Run, digits: Dataset, tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    one, evaluation = load_single_run(tmp_path / "run"), evaluate(run.classifier(), digits[:100])
    check_same_test([one], digits[:100])
    record_evaluation(one, "test", evaluation, digits[:100])
    check_same_test([one], digits[:100])
    with pytest.raises(RunError, match="run was last tested on other images"):
        check_same_test([one], digits[100:200])
    record_evaluation(one, "test", evaluation, digits[100:200])
    check_same_test([one], digits[100:200])


def test_all_results_are_written(
    evaluated: list[EvaluatedRun], digits: Dataset, tmp_path: Path
) -> None:
    test = digits[:100]
    written = write_results(tmp_path / "out", make_comparison(evaluated, test), evaluated, test)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in written
    )
    images = [path for path in written if path.suffix == ".png"]
    assert len(images) == 5
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in images)


def test_the_pickle_gives_the_logits_of_the_network(
    run: Run, digits: Dataset, tmp_path: Path
) -> None:

    save_pickle(tmp_path / "params.pickle", run_to_plain(run))
    p = load_pickle(tmp_path / "params.pickle")
    pixels = digits.images.reshape(600, 784)[:, p["selected_features"]] - p["standardise"]["mean"]
    x = pixels / p["standardise"]["std"]
    hidden = 1 / (1 + np.exp(-(x @ p["w1"][:, :-1].T + p["w1"][:, -1])))
    logits = hidden @ p["w2"][:, :-1].T + p["w2"][:, -1]
    np.testing.assert_allclose(logits, run.classifier().logits(digits.images), atol=1e-4)
    assert p["n_hidden"] == 100
    assert p["lambda"] == 5.0
    assert len(p["selected_features"]) < 784


def test_figures_show_the_comparison(evaluated: list[EvaluatedRun], digits: Dataset) -> None:
    test = digits[:100]
    firsts = [group[0] for group in group_seeds(evaluated)]
    comparison = make_comparison(evaluated, test)
    errors, seconds = draw_overview(comparison).axes
    assert [round(bar.get_width(), 2) for bar in errors.patches] == [6.73, 1.3, 15.0, 2.0]
    assert [bar.get_width() for bar in seconds.patches] == [37, 170, 10.5, 10]
    first, _ = draw_confusions(firsts).axes
    assert first.get_title() == "a (scratch): 10 of 100 wrong"
    curves = draw_learning_curves([one.run for one in firsts]).axes[0]
    expected = [100 * (1 - record.valid_accuracy) for record in firsts[0].run.history]
    assert curves.lines[1].get_ydata() == pytest.approx(expected)
    shown = [ax for ax in draw_disagreements(*firsts, test).axes if ax.images]
    assert len(shown) == 1 + 9
    np.testing.assert_array_equal(shown[0].images[0].get_array(), 255 - test.images[50])


def test_rows_of_one_recipe_are_named_by_their_settings(
    run: Run, digits: Dataset, tmp_path: Path
) -> None:
    test = digits[:100]
    evaluated = [pretend(run, test, [seed], "a", seed) for seed in (0, 1)]
    for seed in (0, 1):
        one = pretend(run, test, [5, 6], "a", seed)
        about = {**one.run.about, "recipe": {**one.run.about["recipe"], "l2": 0.5}}
        evaluated.append(EvaluatedRun(replace(one.run, about=about), one.evaluation))
    evaluated.append(pretend(run, test, [7], "b", seed=0))
    comparison = make_comparison(evaluated, test)
    names = [row["recipe"] for row in comparison["rows"]]
    assert names == ["a, l2 5", "a, l2 0.5", "b"]
    assert [row["seeds"] for row in comparison["rows"][:2]] == [[0, 1], [0, 1]]
    first = comparison["paired"]["pairs"][0]
    assert (first["first"], first["second"]) == ("a, l2 5 (scratch)", "a, l2 0.5 (scratch)")
    page = comparison_to_markdown(comparison)
    assert "| `a, l2 0.5` | scratch | **98.00 %**" in page
    firsts = [group[0] for group in group_seeds(evaluated)]
    titles = [axes.get_title() for axes in draw_confusions(firsts).axes]
    assert titles[1] == "a, l2 0.5 (scratch): 2 of 100 wrong"
    assert write_results(tmp_path / "out", comparison, evaluated, test)
