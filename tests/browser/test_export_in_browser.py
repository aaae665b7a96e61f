"""The exported page, opened from a file as a teacher or a pupil opens it."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray
from page_script import (
    NORMALISE,
    as_planes,
    drawn_digits,
    made_images,
    python_images,
)

from benchmarks.docs.serving_picture import THREE, on_canvas
from digitnn.data.dataset import Dataset
from digitnn.export import html_program
from digitnn.export.html_page import write_html
from digitnn.export.html_program import load_html
from digitnn.export.protocol import Options
from digitnn.export.verification import verify
from digitnn.reader.digit_classifier import SHIPPED_FOLDER, image_classifier
from digitnn.runs.ensembles import load_run
from digitnn.runs.run import Run
from digitnn.serving.models import SHIPPED_FOLDER as SERVED_FOLDER
from tools.chromium import CONTROL, Tab

WIDTHS, SCHEMES = (390, 1440), ("light", "dark")
BLOCK = 500
FOLDERS = {
    "classic": SERVED_FOLDER / "classic",
    "cnn": SERVED_FOLDER / "cnn",
    "reader": SHIPPED_FOLDER,
}

DIGITS = {
    "1": [(0, 0), (0, 10)],
    "5": [(6, 0), (1, 0), (0.5, 4), (4, 3.6), (6, 6), (4.5, 9.5), (0, 10)],
    "7": [(0, 0), (6, 0), (2, 10)],
}
"""Corners in boxes 6 wide and 10 high."""

Visit = Callable[..., Tab]


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    return {name: load_run(folder) for name, folder in FOLDERS.items()}


@pytest.fixture(scope="module")
def pages(runs: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("export")
    found = {}
    for name, run in runs.items():
        found[name] = folder / f"{name}.html"
        found[name].write_bytes(write_html(run, Options()))
    return found


@pytest.fixture
def visit(tab: Tab, pages: dict[str, Path]) -> Iterator[Visit]:
    """Open a page; afterwards, see that it logged nothing, threw nothing and requested nothing."""
    shown = []

    def open_page(name: str = "cnn", width: int = 1440, scheme: str = "light") -> Tab:
        shown[:] = [pages[name].resolve().as_uri()]
        tab.show(pages[name], width, scheme)
        return tab

    yield open_page
    tab.poll()
    assert tab.of("Runtime.consoleAPICalled") == tab.of("Runtime.exceptionThrown") == []
    assert tab.of("Log.entryAdded") == []
    asked = [event["request"]["url"] for event in tab.of("Network.requestWillBeSent")]
    assert asked == shown


def draw_digit(tab: Tab, digit: str, left: float, top: float, high: float) -> None:
    """Draw a digit with the mouse; its box in shares of the canvas's height."""
    points = [
        (start + (end - start) * step / 8)
        for start, end in pairwise(np.array(DIGITS[digit]))
        for step in range(9)
    ]
    scale = high / 10
    place = [(0.75 * (left + scale * x), top + scale * y) for x, y in points]
    tab.drag(on_canvas(tab, place))


def wait_for_text(tab: Tab, text: str) -> None:
    shown = "document.querySelector('#text').textContent"
    try:
        tab.wait_for(f"{shown} === {json.dumps(text)}")
    except RuntimeError:
        raise AssertionError(f"{tab.value(shown)!r} is not {text!r}") from None


def assert_nothing_sticks_out(tab: Tab, width: int) -> None:
    assert tab.value("document.documentElement.scrollWidth") <= width
    wide = tab.value(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.unseen, .skip, .stage')"
        " && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []


def in_page(tab: Tab, function: str, content: bytes) -> bytes:
    """Return what a function in JavaScript makes of bytes in the page."""
    given = base64.b64encode(content).decode()
    text = tab.value(
        f"(() => {{ const found = ({function})(decodeBytes('{given}'));"
        " let letters = ''; for (const byte of found) letters += String.fromCharCode(byte);"
        " return btoa(letters); })()"
    )
    return base64.b64decode(text)


# drawing


@pytest.mark.parametrize("how", ["mouse", "touch"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_drawn_3_is_a_3(visit: Visit, width: int, how: str) -> None:
    tab = visit("cnn", width)
    before = tab.value("scrollY")
    points = on_canvas(tab, THREE)
    if how == "mouse":
        tab.drag(points)
    else:
        before = tab.value("scrollY")
        tab.touch(points)
        assert tab.value("scrollY") == before
    wait_for_text(tab, "3")
    shown = tab.value("document.querySelector('#digits .verdict').textContent")
    assert int(shown.split()[0].split(".")[0]) > 80
    assert tab.value("document.querySelector('#digits .bar.chosen b').textContent") == "3"
    assert tab.value("document.querySelector('#invitation').hidden")
    assert_nothing_sticks_out(tab, width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_three_digits_are_read_from_left_to_right_whatever_was_drawn_first(
    visit: Visit, width: int, scheme: str
) -> None:
    tab = visit("cnn", width, scheme)
    for digit, left in (("7", 0.95), ("5", 0.15), ("1", 0.7)):
        draw_digit(tab, digit, left, 0.3, 0.35)
    wait_for_text(tab, "517")
    assert tab.value("document.querySelectorAll('#boxes .box').length") == 3
    assert tab.value("document.querySelector('#announcement').textContent") == "Drawn: 517"
    assert_nothing_sticks_out(tab, width)


def test_two_lines_are_read_from_top_to_bottom(visit: Visit) -> None:
    tab = visit("reader")
    tab.value("document.querySelector('#pen').value = 16")
    tab.value("document.querySelector('#pen').dispatchEvent(new Event('input'))")
    for digit, left, top in (("7", 0.2, 0.58), ("5", 0.15, 0.1), ("5", 0.6, 0.6), ("7", 0.6, 0.1)):
        draw_digit(tab, digit, left, top, 0.3)
    wait_for_text(tab, "57\n75")


def test_a_scribble_is_rejected_by_a_network_that_can(visit: Visit) -> None:
    tab = visit("reader")
    angles = np.arange(0, 40, 2.5)
    tab.drag(on_canvas(tab, [(0.5 + 0.3 * np.cos(a), 0.5 + 0.4 * np.sin(a)) for a in angles]))
    wait_for_text(tab, "?")
    assert tab.value("document.querySelector('#digits .bar.chosen b').textContent") == "?"
    hint = tab.value("document.querySelector('#hint').textContent")
    assert hint == "“?” means that no digit reaches 50 %."


def test_the_answer_follows_undo_and_clear(visit: Visit) -> None:
    tab = visit()
    draw_digit(tab, "5", 0.2, 0.3, 0.4)
    draw_digit(tab, "7", 0.8, 0.3, 0.4)
    wait_for_text(tab, "57")
    tab.click("#undo")
    wait_for_text(tab, "5")
    tab.click("#clear")
    wait_for_text(tab, "")
    assert tab.value("document.querySelector('#digits').children.length") == 0
    tab.press("z", CONTROL)
    wait_for_text(tab, "5")
    tab.click("#undo")
    wait_for_text(tab, "")
    assert tab.value("document.querySelector('#undo').disabled")


def test_everything_is_reached_with_the_keyboard(visit: Visit) -> None:
    tab = visit()
    reached = []
    for _ in range(5):
        tab.press("Tab")
        reached.append(tab.value("document.activeElement.id || document.activeElement.className"))
    assert reached == ["skip", "theme", "example", "pen", ""]  # last, <summary>
    tab.value("document.querySelector('#example').focus()")
    tab.press("Enter")
    wait_for_text(tab, "407")
    tab.value("document.querySelector('#clear').focus()")
    tab.press("Enter")
    wait_for_text(tab, "")
    assert tab.value("document.activeElement.id") == "example"
    small = tab.value(
        "[...document.querySelectorAll('button, input, summary')].map(e => [e.id,"
        " e.getBoundingClientRect().height]).filter(([, height]) => height < 44)"
    )
    assert small == []


# its look


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["cnn", "reader"])
def test_all_its_states_fit_and_axe_finds_no_barrier(
    visit: Visit, axe: str, name: str, width: int, scheme: str
) -> None:
    tab = visit(name, width, scheme)
    assert tab.value("document.documentElement.dataset.theme") == scheme
    tab.click("summary")
    for _ in range(3):
        assert_nothing_sticks_out(tab, width)
        tab.click("#example")
    wait_for_text(tab, "1925\n36")
    assert_nothing_sticks_out(tab, width)
    assert violations(tab, axe) == []
    ground = tab.value("getComputedStyle(document.body.parentElement).backgroundColor")
    light = sum(int(level) for level in ground[4:-1].split(",")) / 3
    assert light > 200 if scheme == "light" else light < 60
    tab.click("#theme")
    assert tab.value("document.documentElement.dataset.theme") != scheme
    assert violations(tab, axe) == []


def violations(tab: Tab, axe: str) -> list[str]:
    """What axe-core objects to: the rule and the elements."""
    tab.value(f"{axe}; 1")
    found: list[str] = tab.value(
        "Promise.all(document.getAnimations().map(one => one.finished.catch(() => {})))"
        ".then(() => axe.run({resultTypes: ['violations']})).then(({violations}) => violations.map("
        "({id, nodes}) => `${id}: ${nodes[0].target} ${nodes[0].failureSummary}`))"
    )
    return found


# what it computes


PROBABILITIES = """(bytes) => {
  const found = [];
  const { logits, probabilities } = (globalThis.testNetwork ??= loadNetwork(
    JSON.parse(document.querySelector("#network").textContent)));
  for (let at = 0; at < bytes.length; at += 784) {
    found.push(...probabilities(logits(bytes.subarray(at, at + 784))));
  }
  return new Uint8Array(Float64Array.from(found).buffer);
}"""


def blocks(images: ndarray) -> Sequence[ndarray]:
    return [images[at : at + BLOCK] for at in range(0, len(images), BLOCK)]


@pytest.mark.parametrize(("name", "n"), [("classic", 6000), ("cnn", 3000), ("reader", 1000)])
def test_thousands_of_images_get_the_answers_of_python(
    visit: Visit, runs: dict[str, Run], name: str, n: int
) -> None:
    tab, run, images = visit(name), runs[name], made_images(n)
    expected = image_classifier(run.network, run.classifier("scratch"))(images)
    expected = expected[:, : 10 + run.network.rejects]
    output = b"".join(in_page(tab, PROBABILITIES, block.tobytes()) for block in blocks(images))
    found = np.frombuffer(output).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    first, second = np.sort(expected)[:, -2:].T[::-1]
    clear = first - second > 1e-5  # nearly equal probabilities may change places
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(found.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])


def test_the_images_of_drawings_are_the_readers(visit: Visit) -> None:
    tab, greys = visit(), drawn_digits(1) + drawn_digits(2)
    output = b"".join(in_page(tab, NORMALISE, as_planes([grey])) for grey in greys)
    found = np.frombuffer(output, np.uint8).reshape(-1, 28, 28)
    expected = python_images(greys)
    assert expected.any(axis=(1, 2)).mean() > 0.9
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("pen", [8, 26, 56])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_image_of_what_is_drawn_on_the_canvas_is_the_readers(
    visit: Visit, width: int, pen: int
) -> None:
    tab = visit("cnn", width)
    tab.value(f"document.querySelector('#pen').value = {pen}")
    tab.value("document.querySelector('#pen').dispatchEvent(new Event('input'))")
    tab.drag(on_canvas(tab, THREE))
    tab.wait_for("document.querySelector('#digits canvas')")
    drawn = in_page(
        tab,
        "() => document.querySelector('#canvas').getContext('2d')"
        ".getImageData(0, 0, 800, 600).data",
        b"",
    )
    grey = 255 - np.frombuffer(drawn, np.uint8).reshape(600, 800, 4)[:, :, 3]
    shown = in_page(
        tab,
        "() => document.querySelector('#digits canvas').getContext('2d').getImageData(0, 0, 28, 28)"
        ".data.filter((_, at) => at % 4 === 3)",
        b"",
    )
    found = np.frombuffer(shown, np.uint8).reshape(28, 28)
    assert np.abs(found.astype(int) - python_images([grey])[0]).max() <= 1


def test_a_browser_verifies_the_page_where_node_is_missing(
    chromium: str,
    pages: dict[str, Path],
    runs: dict[str, Run],
    digits: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html_program, "find_runtime", lambda: chromium)
    loaded = load_html(pages["classic"], runs["classic"])
    assert "Chromium" in loaded.runtime
    found = verify(loaded, runs["classic"], digits.images, pages["classic"], "html")
    assert (found.passed, found.agreement.equal) == (True, 600)
