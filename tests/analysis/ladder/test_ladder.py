"""The ladder: what each rung does, in order, kept once it is measured."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from small_trainings import CNN

from digitnn.analysis.ladder import measuring
from digitnn.analysis.ladder.measuring import (
    MIN_EPOCH_IMAGES,
    LadderPlan,
    RungResult,
    at_full_size,
    measure_ladder,
    measure_rung,
    repeat_to_fill_epoch,
)
from digitnn.analysis.ladder.results import draw_by_size, draw_ladder, ladder_to_markdown
from digitnn.analysis.ladder.rungs import RUNGS, choose_rungs, recipe_rung
from digitnn.errors import RunError, UsageError

NETWORK = recipe_rung(replace(CNN, name="small", engines=("scratch",), epochs=1))


def watch(training, title):
    return training


def plan_of(digits, folder, names=("nearest-mean", "neighbours"), sizes=(100, 400), **changes):
    rungs = tuple(RUNGS[name] for name in names)
    what = {"rungs": rungs, "sizes": sizes, "train": digits[:400], "valid": digits[400:]}
    rest = {"evaluated_on": digits[400:], "seed": 0, "engine": None, "folder": folder}
    return LadderPlan(**what | rest | changes)


def measured_on(rung, digits, n_train=400):
    return measure_rung(plan_of(digits, None), rung, n_train, watch)


def test_nearest_mean_predicts_the_digit_of_the_nearest_of_ten_means(digits):
    train, asked = digits[:400], digits[400:]
    means = np.stack([train.images[train.labels == k].mean(axis=0) for k in range(10)])
    squared = ((asked.images[:, None].astype(float) - means) ** 2).sum(axis=(2, 3))
    errors = int(np.sum(squared.argmin(axis=1) != asked.labels))
    found = measured_on(RUNGS["nearest-mean"], digits)
    assert (found.errors, found.n, found.numbers) == (errors, 200, 10 * 784)
    assert found.accuracy == 1 - errors / 200
    assert found.interval[0] < found.accuracy <= found.interval[1]


def test_nearest_neighbours_store_every_training_pixel(digits):
    noise = np.random.default_rng(1).integers(0, 10, 600).astype(np.uint8)
    unlearnable = replace(digits, labels=noise)
    found = measured_on(RUNGS["neighbours"], unlearnable, n_train=300)
    assert found.numbers == 300 * 784
    assert found.accuracy < 0.25


def test_logistic_regression_notes_that_it_did_not_converge(digits, monkeypatch):
    monkeypatch.setattr("digitnn.analysis.ladder.rungs.MAX_ITERATIONS", 2)
    found = measured_on(RUNGS["logistic"], digits)
    assert found.numbers == 785 * 10
    assert found.note == "stopped before convergence"
    assert "`logistic` stopped before convergence with 400 images." in ladder_to_markdown(
        [found], "valid", 0
    )


def test_a_network_is_trained_by_its_recipe(digits, monkeypatch):
    monkeypatch.setattr("digitnn.analysis.ladder.measuring.MIN_EPOCH_IMAGES", 2000)
    found = measured_on(NETWORK, digits)
    assert found.engine == "scratch"
    assert found.numbers == NETWORK.recipe.network().parameter_count()
    assert found.accuracy > 0.9
    assert found.train_seconds > 0


def test_few_images_are_repeated_to_fill_an_epoch(digits):
    again = repeat_to_fill_epoch(digits[:100])
    assert len(again) == MIN_EPOCH_IMAGES
    np.testing.assert_array_equal(again.images[100:200], digits.images[:100])
    many = digits[np.arange(MIN_EPOCH_IMAGES) % 600]
    assert repeat_to_fill_epoch(many) is many


def test_rungs_are_in_ladder_order_in_whatever_order_they_are_named():
    assert [rung.name for rung in choose_rungs(["cnn", "logistic", "mlp"])] == [
        "logistic",
        "mlp",
        "cnn",
    ]
    assert choose_rungs([]) == tuple(RUNGS.values())
    assert [rung.name for rung in choose_rungs(["cnn-98.7", "neighbours"])][-1] == "cnn-98.7"
    with pytest.raises(UsageError, match=r"unknown rung 'logistik'.*mean 'logistic'"):
        choose_rungs(["logistik"])
    with pytest.raises(UsageError, match="twice"):
        choose_rungs(["cnn", "cnn"])


def test_results_are_kept_and_not_measured_again(digits, tmp_path, monkeypatch):
    what = plan_of(digits, tmp_path)
    first = list(measure_ladder(what, watch))
    assert [(one.rung, one.n_train) for one, _ in first] == [
        ("nearest-mean", 100),
        ("nearest-mean", 400),
        ("neighbours", 100),
        ("neighbours", 400),
    ]
    assert not any(kept for _, kept in first)
    monkeypatch.setattr(measuring, "measure_rung", None)  # it would fail
    again = list(measure_ladder(what, watch))
    assert [one for one, _ in again] == [one for one, _ in first]
    assert all(kept for _, kept in again)


def test_other_data_another_seed_or_a_damaged_file_are_measured_again(digits, tmp_path):
    names, sizes = ("nearest-mean",), (400,)
    list(measure_ladder(plan_of(digits, tmp_path, names, sizes), watch))
    ((_, kept),) = measure_ladder(plan_of(digits, tmp_path, names, sizes, seed=1), watch)
    assert not kept
    other = plan_of(digits, tmp_path, names, sizes, evaluated_on=digits[390:], seed=1)
    ((found, kept),) = measure_ladder(other, watch)
    assert (found.n, kept) == (210, False)
    path = tmp_path / "measured" / "nearest-mean-400.json"
    path.write_text(path.read_text()[:-40])
    ((found, kept),) = measure_ladder(other, watch)
    assert (found.n, kept) == (210, False)


def test_a_stopped_training_is_not_kept(digits, tmp_path):
    def stop_at_once(training, title):
        yield next(iter(training))

    what = replace(plan_of(digits, tmp_path), rungs=(RUNGS["nearest-mean"], NETWORK))
    found = list(measure_ladder(what, stop_at_once))
    assert [one.rung for one, _ in found] == ["nearest-mean", "nearest-mean"]
    assert not list(tmp_path.glob("measured/small-*"))


def test_more_training_images_than_exist_are_rejected(digits, tmp_path):
    with pytest.raises(UsageError, match=r"10 to 400 images.*got 401"):
        plan_of(digits, tmp_path, sizes=(401,))


def a_row(rung, n_train, errors, seconds=1.0):
    return RungResult(
        rung, "", "scratch", n_train, 1000, errors, 1 - errors / 1000, (0.9, 0.99), seconds, 0.02, 7
    )


def test_the_page_has_all_rungs_and_the_table_by_training_images():
    found = [a_row("a", 100, 200), a_row("a", 500, 100), a_row("b", 100, 90), a_row("b", 500, 25)]
    assert [one.rung for one in at_full_size(found)] == ["a", "b"]
    text = ladder_to_markdown(found, "valid", 3)
    rows = "| `b` |  (scratch) | **97.50 %** | 90.00 to 99.00 % | 1.0 s | 20 µs | 7 |"
    assert rows in text
    assert "| `a` | 80.00 % | 90.00 % |" in text
    assert "seed 3" in text
    assert RungResult.from_json(json.loads(json.dumps(found[0].to_json()))) == found[0]
    with pytest.raises(RunError, match="expected an object"):
        RungResult.from_json({"rung": "a"})


def test_the_figures_show_what_was_measured():
    found = [a_row("a", 100, 200), a_row("a", 500, 100), a_row("b", 100, 0), a_row("b", 500, 25)]
    error = draw_ladder(found, "test").axes[0]
    assert [label.get_text() for label in error.get_yticklabels()] == ["a", "b"]
    np.testing.assert_allclose(error.collections[0].get_offsets()[:, 0], [10, 2.5])
    lines = draw_by_size(found, "valid").axes[0].get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), [20, 10])


def test_the_command_writes_the_page_and_resumes(digitnn: CommandLine):
    first = digitnn("ladder", "--rungs", "neighbours,nearest-mean", "--train", "50")
    assert first.code == 0, first.err
    assert re.findall(r"\| `([a-z-]+)` \|", first.out) == ["nearest-mean", "neighbours"]
    second = digitnn(
        "ladder", "--rungs", "nearest-mean,neighbours,logistic", "--train", "50", "--json"
    )
    assert [row["rung"] for row in second.json()["rows"]] == [
        "nearest-mean",
        "logistic",
        "neighbours",
    ]
    assert second.err.count(", kept") == 2
    assert json.loads((digitnn.folder / "ladder/ladder.json").read_text()) == second.json()
    assert (digitnn.folder / "ladder/ladder.png").stat().st_size > 5000


def test_the_command_rejects_bad_options(digitnn: CommandLine):
    assert_one_error_line(digitnn("ladder", "--rungs", "cn"), 2, "unknown rung", "'cnn'")
    assert_one_error_line(digitnn("ladder", "--train", "0"), 2, "at least 1")
    assert_one_error_line(
        digitnn("ladder", "--rungs", "logistic", "--train", "5"), 2, "10 to 400", "got 5"
    )
    assert_one_error_line(digitnn("ladder", "--train", "50", "--by-size"), 2, "exclude")
