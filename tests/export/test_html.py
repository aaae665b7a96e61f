"""The HTML page: one file within its limit, which runs our script only and reads drawings."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from handwriting import write
from numpy import ndarray
from page_script import (
    NORMALISE,
    READ,
    as_planes,
    drawn_digits,
    in_node,
    needs_node,
    python_images,
)

from digitnn.data.dataset import Dataset
from digitnn.data.fetch.sources import load
from digitnn.errors import ExportError, FormatError, RunError
from digitnn.export import html_program
from digitnn.export.exporting import check_export, export_run
from digitnn.export.formats import FORMATS
from digitnn.export.html_page import (
    MAX_HTML_BYTES,
    MODULES,
    network_data,
    page_parts,
    write_html,
)
from digitnn.export.html_program import load_html
from digitnn.export.protocol import Options
from digitnn.export.verification import require_passed, verify
from digitnn.network.layers import Dense, Flatten, Relu
from digitnn.network.network import Network
from digitnn.reader.digit_classifier import SHIPPED_FOLDER, image_classifier
from digitnn.runs.ensembles import load_run
from digitnn.runs.run import Run
from digitnn.serving.models import SHIPPED_FOLDER as SERVED_FOLDER

PAGE = Path(html_program.__file__).parent / "page"
FORMAT = FORMATS["html"]


def page_of(run: Run, options: Options | None = None) -> str:
    return write_html(run, options or Options()).decode()


def data_of(page: str) -> dict:
    return json.loads(page.removeprefix(page_parts().before).removesuffix(page_parts().after))


def written(page: str, folder: Path) -> Path:
    path = folder / "digits.html"
    path.write_text(page)
    return path


# the file


def test_the_page_refers_to_nothing_outside_itself(run: Run) -> None:
    page = page_of(run)
    assert len(page.encode()) <= MAX_HTML_BYTES
    found = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend((tag, name, value) for name, value in attributes if name in LINKS)

    LINKS = ("src", "href", "srcset", "data", "action", "poster", "style", "onclick", "onload")
    Links().feed(page)
    assert found == [("a", "href", "#answer")]
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)|\bimport\b", page)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|sendBeacon|eval)\(", page)


def test_the_policy_allows_this_script_and_style_by_hash_and_no_request(run: Run) -> None:
    page = page_of(run)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed.pop("default-src") == "'none'"
    assert allowed.keys() == {"script-src", "style-src", "base-uri", "form-action"}
    digest = re.compile(r"'sha256-[A-Za-z0-9+/]{43}='")
    assert digest.fullmatch(allowed["script-src"])
    assert digest.fullmatch(allowed["style-src"])


def test_the_modules_name_nothing_twice() -> None:
    sources = [(PAGE / f"{name}.js").read_text() for name in MODULES]
    declared = re.compile(r"^(?:export )?(?:function|const|let|class) (\w+)", re.MULTILINE)
    names = [name for source in sources for name in declared.findall(source)]
    assert len(names) == len(set(names)) > 50
    assert not re.search(r"^(import|export) ", page_parts().script, re.MULTILINE)


def test_no_name_of_a_recipe_ends_the_block_of_data(runs: dict[str, Run]) -> None:
    name = "</script><script>alert(1)</script><!--\x00\u2028é"
    run = runs["classic"]
    about = {**run.about, "recipe": {**run.about["recipe"], "name": name}}
    page = page_of(replace(run, about=about))
    assert "alert(1)</script>" not in page
    assert data_of(page)["recipe"] == name


# weights


def wide(units: int) -> Run:
    """A run with one hidden layer of so many units, 795 parameters each."""
    network = Network((Flatten(), Dense(units), Relu(), Dense(10)))
    rng = np.random.default_rng(units)
    params = {
        name: (rng.normal(size=shape) / 30).astype(np.float32)
        for name, shape in network.state_shapes().items()
    }
    about = {"recipe": {"name": "wide"}, "engine": "scratch"}
    return Run(Path("runs") / "wide", network, params, about, ())


@pytest.mark.parametrize(("units", "weights"), [(100, "float32"), (260, "int8")])
def test_weights_are_float32_if_they_fit_and_else_int8(units: int, weights: str) -> None:
    page = page_of(wide(units))
    assert len(page) <= MAX_HTML_BYTES
    assert data_of(page)["weights"] == weights


@pytest.mark.parametrize(
    ("units", "options", "weights"),
    [(900, Options(), "int8"), (260, Options(weights="float32"), "float32")],
)
def test_a_network_that_is_too_large_is_refused_with_the_limit(
    units: int, options: Options, weights: str
) -> None:
    message = (
        rf"^runs/wide: its html file would have [\d,]+ bytes with {weights} weights, and 900,000 "
        r"are the limit: export a smaller network, or to onnx$"
    )
    with pytest.raises(ExportError, match=message):
        write_html(wide(units), options)


def test_an_unknown_layer_is_named(runs: dict[str, Run]) -> None:
    @dataclass(frozen=True)
    class Cube:
        def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
            return shape

        def parameter_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
            return {}

        buffer_shapes = parameter_shapes

    run = runs["classic"]
    strange = replace(run, network=Network((*run.network.layers, Cube())))
    with pytest.raises(ExportError, match=r"^layer 4: .*Cube\(\) cannot be exported to html$"):
        write_html(strange, Options())


# verification


@needs_node
def test_a_changed_weight_in_the_file_is_found_out(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    run, page = runs["planes"], page_of(runs["planes"])
    for name in ("1.weight", "2.running_var", "10.bias"):
        text = data_of(page)["arrays"][name]["values"]
        array = np.frombuffer(base64.b64decode(text), "<f4").copy()
        array[len(array) // 2] += 0.25
        changed = page.replace(text, base64.b64encode(array.tobytes()).decode())
        path = written(changed, tmp_path)
        found = verify(load_html(path, run), run, digits.images[:50], path, "html")
        with pytest.raises(ExportError, match="does not compute what the run computes"):
            require_passed(found, "digits")


CHANGES: dict[str, Callable[[str], str]] = {
    "a statement": lambda page: page.replace('"use strict";', '"use strict"; evil();'),
    "a second script": lambda page: page.replace("</body>", "<script>evil()</script></body>"),
    "a script in the data": lambda page: page.replace('"recipe"', '"</script><script>evil()'),
    "a request": lambda page: page.replace("<main>", '<main><img src="https://example.org/">'),
    "another policy": lambda page: page.replace("default-src 'none'", "default-src *"),
    "other layers": lambda page: page.replace('"Sigmoid"', '"Tanh"'),
    "a shorter array": lambda page: page.replace('{"values": "', '{"values": "AAAA'),
    "no base64": lambda page: page.replace('{"values": "', '{"values": "!'),
    "no arrays": lambda page: page.replace('"arrays"', '"no arrays"'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_with_another_script_or_other_data_is_not_run(
    change: str, runs: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(runs["classic"])
    changed = CHANGES[change](page)
    assert changed != page
    monkeypatch.setattr(html_program, "_output", lambda command, content: pytest.fail("it is run"))
    path = written(changed, tmp_path)
    with pytest.raises(FormatError, match=r"digits\.html: not an .*export.*, or damaged: ") as told:
        load_html(path, runs["classic"])
    assert "\n" not in str(told.value)


def test_without_node_and_browser_it_is_refused_unless_unverified_is_given(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html_program, "find_runtime", lambda: None)
    out, run = tmp_path / "digits.html", runs["classic"]
    message = r"cannot be verified: neither Node\.js nor Chromium found .*; --unverified writes it"
    with pytest.raises(RunError, match=message):
        export_run(run, FORMAT, Options(), out, lambda: digits.images)
    assert not out.exists()
    assert export_run(run, FORMAT, Options(unverified=True), out, lambda: digits.images) is None
    assert out.read_text() == page_of(run)
    with pytest.raises(ExportError, match=r"neither Node\.js nor Chromium found"):
        check_export(out, run, FORMAT, lambda: digits.images)


# reading


@needs_node
def test_probabilities_are_those_of_the_reader(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    function = """(bytes) => {
      const { logits, probabilities } = loadNetwork(data);
      const found = [];
      for (let at = 0; at < bytes.length; at += 784) {
        found.push(...probabilities(logits(bytes.subarray(at, at + 784))));
      }
      return new Uint8Array(Float64Array.from(found).buffer);
    }"""
    for run in (runs["classic"], runs["rejects"]):
        data = json.dumps(network_data(run, "float32"))
        output = in_node(function, digits.images.tobytes(), tmp_path, data)
        classes = 10 + run.network.rejects
        found = np.frombuffer(output).reshape(600, classes)
        expected = image_classifier(run.network, run.classifier("scratch"))(digits.images)
        np.testing.assert_allclose(found, expected[:, :classes], rtol=0, atol=1e-5)
        assert found.sum(axis=1) == pytest.approx(1)


@needs_node
def test_drawings_are_normalised_as_the_reader_does(tmp_path: Path) -> None:
    greys = drawn_digits()
    expected = python_images(greys)
    output = in_node(NORMALISE, as_planes(greys), tmp_path)
    found = np.frombuffer(output, np.uint8).reshape(-1, 28, 28)
    assert expected.any(axis=(1, 2)).sum() > 0.9 * len(greys) > 30
    assert np.abs(found.astype(int) - expected).max() <= 1


@needs_node
@pytest.mark.parametrize(
    "blank",
    [np.full((40, 60), 255), np.full((40, 60), 250), np.full((600, 800), 255)],
    ids=["small", "almost white", "large"],
)
def test_a_blank_drawing_gives_no_image(blank: ndarray, tmp_path: Path) -> None:
    planes = as_planes([blank.astype(np.uint8)])
    assert in_node(NORMALISE, planes, tmp_path) == bytes(784)
    data = json.dumps(network_data(wide(3), "float32"))
    assert json.loads(in_node(READ, planes, tmp_path, data)) == [""]


@needs_node
def test_digits_are_read_line_by_line_from_left_to_right(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    texts = ["7", "10", "2468", "95\n31", "172\n8\n600", "55555"]
    texts += ["".join(map(str, rng.integers(0, 10, 4))) for _ in range(10)]
    greys = [
        write(text, seed, float(rng.integers(50, 150)), float(rng.uniform(0.06, 0.12))).grey
        for seed, text in enumerate(texts)
    ]
    run = load_run(SHIPPED_FOLDER)
    data = json.dumps(network_data(run, "int8"))
    assert json.loads(in_node(READ, as_planes(greys), tmp_path, data)) == texts


def stroke(page: ndarray, left: int, top: int, right: int, bottom: int) -> None:
    page[top:bottom, left:right] = 0


@needs_node
def test_separate_parts_of_a_digit_are_one_and_dots_are_left_out(tmp_path: Path) -> None:
    page = np.full((300, 400), 255, np.uint8)
    stroke(page, 40, 60, 52, 200)  # 1
    stroke(page, 120, 60, 180, 72)  # the bar of a 5, apart from the rest
    stroke(page, 118, 80, 130, 140)
    stroke(page, 118, 128, 190, 140)
    stroke(page, 178, 128, 190, 200)
    stroke(page, 118, 190, 190, 200)
    stroke(page, 220, 190, 232, 202)  # a point
    stroke(page, 280, 60, 292, 200)  # 1
    function = READ.replace("map(character)", "map(({ box }) => `${box} `)")
    data = json.dumps(network_data(wide(3), "float32"))
    [found] = json.loads(in_node(function, as_planes([page]), tmp_path, data))
    assert found == "40,60,52,200 118,60,190,200 280,60,292,200 "


# real digits


@needs_node
@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["classic", "cnn", "reader"])
def test_the_shipped_networks_answer_mnists_test_digits_alike(name: str, tmp_path: Path) -> None:
    folder = SHIPPED_FOLDER if name == "reader" else SERVED_FOLDER / name
    run, path = load_run(folder), tmp_path / "digits.html"
    path.write_bytes(write_html(run, Options()))
    found = verify(load_html(path, run), run, load("mnist", "test").images, path, "html")
    assert found.passed
    assert (found.n, found.agreement.equal) == (10_000, 10_000)
