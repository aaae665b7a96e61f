"""The page about a run: what it says is what was measured, and it is one good page of HTML."""

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, write_digits
from page_reader import Element, read_page, rows, table_of
from small_trainings import CLASSIC, CNN

from digitnn.analysis.robustness.corruptions.suite import corrupt
from digitnn.cli.app import main
from digitnn.data.dataset import Dataset
from digitnn.evaluation.disputed_labels import DisputedLabel, score_disputed
from digitnn.evaluation.evaluation import evaluate
from digitnn.evaluation.summary import summarise_evaluation
from digitnn.network.layers import AveragePool2d, Dense, Flatten
from digitnn.report.accuracy import accuracy_section, disputed_labels_section
from digitnn.report.another_test import another_test_section
from digitnn.report.learned import learned_section
from digitnn.report.measured import Measurements, PageRequest
from digitnn.report.measuring import measure_run
from digitnn.report.page import SECTIONS, render
from digitnn.report.robustness import robustness_section
from digitnn.report.summary import summary_section
from digitnn.runs.ensembles import load_run, make_ensemble
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.wording import percent, silent

pytestmark = pytest.mark.slow

HOSTILE = """<img src=x onerror=alert(1)>&"'$x_`{{ 7*7 }}`"""
"""What somebody might call a run; it may be the name of a folder."""


@pytest.fixture(scope="module")
def folder(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data, a cnn with a hostile name, two classics of other seeds, and a pair as one."""
    folder = tmp_path_factory.mktemp("report")
    write_digits(folder / "data", digits)
    data = TrainingData("mnist", None, digits[:400], digits[400:480])
    for recipe, engine, seed, name in (
        (CNN.with_epochs(2), "scratch", 0, HOSTILE),
        (CLASSIC.with_epochs(3), "scratch", 0, "a"),
        (CLASSIC.with_epochs(3), "scratch", 1, "b"),
    ):
        run_experiment(recipe, engine, seed, data, folder / name, iter)
    make_ensemble([folder / "a", folder / "b"], folder / "pair")
    return folder


def wanted(
    folder: Path, split: str = "valid", n: int = 20, beside: tuple[Path, ...] = ()
) -> PageRequest:
    return PageRequest(split, folder / "data", n, beside, "digitnn report it")


@pytest.fixture(scope="module")
def measured(folder: Path) -> Measurements:
    return measure_run(load_run(folder / HOSTILE), wanted(folder), silent)


@pytest.fixture(scope="module")
def text(measured: Measurements) -> str:
    return render(measured).decode()


@pytest.fixture(scope="module")
def page(text: str) -> Element:
    return read_page(text)


def evaluated(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> dict:
    """What `digitnn evaluate --json` says of a run."""
    capsys.readouterr()
    arguments = ["evaluate", str(folder / name), "--json", "--data-dir", str(folder / "data")]
    assert main(arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_numbers_are_those_that_evaluate_prints(
    folder: Path, page: Element, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(folder, HOSTILE, capsys)
    assert 0 < found["errors"] < 80
    figures = page.one("class", "figures").text
    assert percent(found["accuracy"]) in figures
    low, high = found["interval"]
    assert f"{100 * low:.2f} to {100 * high:.2f} %" in figures
    assert f"{found['errors']} of 80" in figures
    digits = rows(table_of(page, "Recall, precision and F1 of each digit, with 95 % intervals"))
    for row, score in zip(digits, found["per_class"], strict=True):
        assert row[:2] == [str(score["label"]), str(score["images"])]
        for place, name in ((2, "recall"), (4, "precision"), (6, "f1")):
            if score[name] is None:
                assert row[place : place + 2] == ["none", "none"]
                continue
            low, high = score[f"{name}_interval"]
            assert row[place] == percent(score[name])
            assert row[place + 1] == f"{100 * low:.2f} to {100 * high:.2f} %"
    confusion = rows(table_of(page, "Images of each digit by predicted digit"))
    assert [[int(cell) for cell in row[1:]] for row in confusion] == found["confusion"]
    scores = {row[0]: row[1:] for row in rows(table_of(page, "Scores of the probabilities"))}
    after = found["tempered"]
    assert scores["loss, nats per image"] == [
        f"{found['loss_nats']:.4f}",
        f"{after['loss_nats']:.4f}",
    ]
    assert scores["calibration error (0 is perfect)"] == [
        percent(found["calibration_error"]),
        percent(after["calibration_error"]),
    ]
    sure = rows(table_of(page, "Error rate among the most confident images"))
    points = found["risk_coverage"]["points"]
    assert [(row[1], row[3]) for row in sure] == [
        (str(p["n"]), percent(p["error"])) for p in points
    ]
    bins = rows(table_of(page, "Bins of confidence, as trained"))
    assert [int(row[1]) for row in bins] == [one["n"] for one in found["bins"] if one["n"]]
    wrong = [item.text for item in page.one("aria-labelledby", "accuracy-title").all("li")]
    assert wrong == [
        f"{one['label']} → {one['read']}{percent(one['probability'])}"
        for one in found["most_wrong"]
    ]


def test_robustness_is_measured_on_the_first_images(
    folder: Path, measured: Measurements, page: Element, digits: Dataset
) -> None:
    classifier = load_run(folder / HOSTILE).classifier()
    part = digits[400:420]
    fog = classifier.logits(corrupt(part.images, "fog", 0)).argmax(axis=1)
    error = float(np.mean(fog != part.labels))
    shown = {row[0]: row[1] for row in rows(table_of(page, "Error rate under each corruption"))}
    assert len(shown) == 15
    assert shown["fog"].startswith(percent(error))
    words = page.one("aria-labelledby", "robustness-title").text
    assert "the first 20 images" in words
    shift = rows(table_of(page, "Accuracy over shift"))
    as_is = float(np.mean(classifier.logits(part.images).argmax(axis=1) == part.labels))
    assert shift[0][:2] == ["0", percent(as_is)]
    attacks = rows(table_of(page, "Accuracy under adversarial attacks"))
    rows_of = measured.robustness.attacks
    assert [row[4] for row in attacks] == [percent(row.accuracy) for row in rows_of]
    assert {row[3] for row in attacks} == {"20"}


def test_nothing_is_loaded_from_anywhere(text: str, page: Element) -> None:
    for element in page.all():
        for name, value in element.attributes.items():
            if name in ("src", "href", "xlink:href", "poster", "data", "action", "srcset"):
                assert value.startswith(("data:image/png;base64,", "#", "data:,")), (name, value)
        assert element.tag not in ("script", "iframe", "object", "embed", "base", "form")
        assert not [name for name in element.attributes if name.startswith("on")]
        style = element.attributes.get("style", "")
        assert set(re.findall(r"url\(([^)]*)\)", style)) <= {""}, style
    (style,) = page.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text
    assert not re.search(r"https?://", text)


def test_the_content_security_policy_allows_nothing(page: Element) -> None:
    (policy,) = [m for m in page.all("meta") if "http-equiv" in m.attributes]
    assert policy.attributes["http-equiv"] == "Content-Security-Policy"
    rules = dict(rule.split(" ", 1) for rule in policy.attributes["content"].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules
    first = [e.tag for e in page.all("meta", "style", "link", "title")].index("style")
    assert page.all("meta", "style", "link", "title").index(policy) < first


def test_headings_are_in_order_and_every_link_leads_somewhere(page: Element) -> None:
    levels = [int(e.tag[1]) for e in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert levels.count(2) == len(SECTIONS) == 8
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(names) == len(set(names))
    for element in page.all("a", "use"):
        assert element.attributes["href"].removeprefix("#") in names
    for element in page.all():
        assert element.attributes.get("aria-labelledby", names[0]) in names
        if "clip-path" in element.attributes:
            assert element.attributes["clip-path"][5:-1] in names
    assert page.all("a")[0].text == "Skip to the report"
    assert page.all("html")[0].attributes["lang"] == "en"


def test_images_figures_and_tables_have_text_for_screen_readers(page: Element) -> None:
    for image in page.all("img"):
        assert len(image.attributes["alt"]) > 5
        assert int(image.attributes["width"]) > 0
        assert int(image.attributes["height"]) > 0
    for drawing in page.all("svg"):
        assert drawing.attributes["role"] == "img"
        assert len(drawing.attributes["aria-label"]) > 20
    for table in page.all("table"):
        assert table.all("caption")[0].text
        for head in table.all("th"):
            assert head.attributes["scope"] in ("col", "row")
            assert head.text
    for figure in page.all("figure"):
        assert figure.all("figcaption") or figure.all("p")
    for region in [e for e in page.all() if "scroll" in e.attributes.get("class", "").split()]:
        assert region.attributes["role"] == "region"
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]
    assert all(detail.all("summary") for detail in page.all("details"))


def test_hostile_names_are_escaped(text: str, page: Element) -> None:
    assert "<img src=x" not in text
    values = [dd.text for dd in page.all("dd")]
    assert any(value.endswith(" ".join(HOSTILE.split())) for value in values)
    assert not [e for e in page.all("img") if not e.attributes["src"].startswith("data:")]


def test_equal_runs_give_equal_pages_except_date_and_seconds(folder: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run = shutil.copytree(folder / "a", tmp_path / name / "a")
        (run / "report.json").unlink(missing_ok=True)
        found = measure_run(load_run(run), wanted(folder, n=10), silent)
        whole = render(found).decode().replace(str(run), "run")
        whole = re.sub(r"<time.*?</time>", "", whole)
        pages.append(re.sub(r'<span class="varies">.*?</span>', "", whole))
    assert pages[0] == pages[1]


def test_the_page_is_small(text: str) -> None:
    assert len(text.encode()) < 2_000_000


def test_the_curves_are_those_of_the_training(measured: Measurements, page: Element) -> None:
    records = measured.run.history
    for table in [
        t for t in page.all("table") if t.all("caption")[0].text.startswith("Errors and")
    ]:
        assert [row[2] for row in rows(table)] == [
            percent(1 - record.valid_accuracy) for record in records
        ]


def test_an_ensemble_page_names_what_is_missing(folder: Path) -> None:
    found = measure_run(load_run(folder / "pair"), wanted(folder, n=5), silent)
    page = read_page(render(found).decode())
    words = page.one("aria-labelledby", "learned-title").text
    assert "An ensemble has no first layer" in words
    assert "members/0" in words
    assert "one of 2 members" in words
    assert "no single gradient" in page.one("aria-labelledby", "robustness-title").text
    assert (
        percent(found.evaluation_summary.evaluation.accuracy) in page.one("class", "figures").text
    )


def test_without_changed_images_the_page_says_not_measured(measured: Measurements) -> None:
    found = replace(measured, robustness=None)
    section = robustness_section(found)
    assert section["n"] == 0
    assert "--robustness-images was 0" in section["missing"][0]
    assert not [name for _, name, _ in summary_section(found)["figures"] if "corrupt" in name]


def test_weights_that_see_no_pixels_are_left_out_with_the_reason(
    digits: Dataset, folder: Path, tmp_path: Path
) -> None:
    recipe = replace(
        CNN, layers=(AveragePool2d(2), Flatten(), Dense(10)), epochs=1, engines=("scratch",)
    )
    data = TrainingData("mnist", None, digits[:400], digits[400:480])
    run = run_experiment(recipe, "scratch", 0, data, tmp_path / "pooled", iter)
    section = learned_section(measure_run(run, wanted(folder, n=0), silent))
    assert "weights" not in section
    assert "they see no pixels" in section["missing"][0]
    assert "one" in section


def test_a_run_with_snapshots_shows_weights_over_the_epochs(
    digitnn: CommandLine, measured: Measurements
) -> None:
    assert "epochs" not in learned_section(measured)
    digitnn("train", "classic", "--epochs", "4", "--snapshots", "--out", "run")
    found = measure_run(load_run("run"), wanted(Path(), n=0), silent)
    epochs = learned_section(found)["epochs"]
    moves, over = epochs["moves"].table.rows, found.insight.over_epochs
    assert [when for when, _ in epochs["moments"]] == [f"iteration {e:g}" for e in over.epochs]
    assert [row[0] for row in moves] == [f"{e:g}" for e in over.epochs]
    assert moves[-1][1] == f"{over.layers[0].from_start[-1]:.3f}"
    assert over.layers[0].from_start[-1] > 0


def test_other_seeds_are_evaluated_and_recorded(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "pair", HOSTILE):
        shutil.copytree(folder / name, tmp_path / name)
        (tmp_path / name / "report.json").unlink(missing_ok=True)
    beside = (tmp_path,)
    found = measure_run(load_run(tmp_path / "a"), wanted(folder, n=0, beside=beside), silent)
    (noted,) = json.loads((tmp_path / "b" / "report.json").read_text())["readings"]
    siblings = found.siblings
    accuracies = {seed.path: seed.evaluation.accuracy for seed in siblings.seeds}
    assert accuracies == {
        str(tmp_path / "a"): found.evaluation_summary.evaluation.accuracy,
        str(tmp_path / "b"): noted["accuracy"],
    }
    mean = sum(accuracies.values()) / 2
    section = another_test_section(found)
    assert f"above the mean of {percent(mean)}" in section["seeds"].words
    assert f"{100 * (max(accuracies.values()) - mean):.2f} points" in section["seeds"].words
    assert sorted(row[0] for row in section["seeds"].table.rows) == ["0 (this run)", "1"]
    assert siblings.variance.m == 2
    assert siblings.variance.mean == pytest.approx(mean)
    left_out = dict(section["left_out"])
    assert set(left_out) == {str(tmp_path / HOSTILE), str(tmp_path / "pair")}
    assert "its recipe is cnn" in left_out[str(tmp_path / HOSTILE)]


def test_test_evaluations_are_recorded_and_counted(folder: Path, tmp_path: Path) -> None:
    run = shutil.copytree(folder / "a", tmp_path / "a")
    words = []
    for _ in range(2):
        found = measure_run(load_run(run), wanted(folder, "test", n=0), silent)
        words += summary_section(found)["readings"]
        assert found.evaluation_summary.tempered.in_sample is False
    assert "has been evaluated on the test split once" in words[0]
    assert "has been evaluated on the test split 2 times" in words[1]
    readings = json.loads((run / "report.json").read_text())["readings"]
    assert [one["split"] for one in readings if one["split"] == "test"] == ["test", "test"]


def test_disputed_labels_have_annotators_and_prediction(
    measured: Measurements, digits: Dataset
) -> None:
    assert "MNIST's test split" in disputed_labels_section(measured)["absent"]
    labels = (DisputedLabel(3, 1, 0, 2, 5), DisputedLabel(7, 4, 2, 9, 2))
    reads = measured.evaluation_summary.evaluation.predictions
    disputed = score_disputed(reads, measured.dataset.labels, labels)
    section = disputed_labels_section(
        replace(
            measured, evaluation_summary=replace(measured.evaluation_summary, disputed=disputed)
        )
    )
    assert [(one["label"], one["people"], one["predicted"]) for one in section["images"]] == [
        (1, 2, reads[3]),
        (4, None, reads[7]),
    ]
    assert [row[1].split(" of ")[1] for row in section["scores"].rows] == ["78", "79", "2"]


def test_a_digit_without_images_is_named(digits: Dataset, measured: Measurements) -> None:
    some = digits[400:480][digits[400:480].labels != 3]
    evaluation = evaluate(measured.run.classifier(), some)
    found = replace(
        measured, dataset=some, evaluation_summary=summarise_evaluation(evaluation, some)
    )
    assert "There is no image of 3" in accuracy_section(found)["digits"].words


def test_the_command_writes_the_page_and_prints_its_path(digitnn: CommandLine) -> None:
    digitnn("train", "classic", "--epochs", "2", "--out", "runs/a")
    done = digitnn("report", "runs/a", "--robustness-images", "5")
    assert done.code == 0, done.err
    path = Path(done.out.strip())
    assert path.name == "a.html"
    page = read_page(path.read_text(encoding="utf-8"))
    assert page.all("pre")[0].text == "digitnn report runs/a --robustness-images 5"
    for words in ("evaluating 80 images", "15 corruptions of 5 images", "writing the page"):
        assert words in done.err
    as_json = digitnn("report", "runs/a", "--robustness-images", "0", "--json", "--out", "b.html")
    found = as_json.json()
    assert (found["schema"], found["path"], found["reads"]) == (1, "b.html", 2)
    assert found["bytes"] == Path("b.html").stat().st_size
