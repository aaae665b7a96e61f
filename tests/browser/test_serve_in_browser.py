"""The page of `digitnn serve` in a browser, before the real server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from running_server import Server, serving

from benchmarks.docs.serving_picture import THREE, on_canvas
from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx_folder
from tools.chromium import CONTROL, SHIFT, Tab, open_tab

WIDTHS, SCHEMES = (390, 1440), ("light", "dark")
MAX_PAGE_BYTES = 300_000
MAX_TABS = 40
MODELS = ("reader", "cnn")

DIGITS = {
    "1": [(50, 18), (50, 82)],
    "4": [(42, 18), (30, 56), (70, 56), (62, 38), (58, 84)],
    "5": [(68, 18), (36, 18), (33, 46), (56, 42), (68, 58), (60, 78), (30, 80)],
    "7": [(30, 18), (70, 18), (44, 82)],
}
"""Corners of digits in squares of 100 x 100."""
PAGE = ("517", "75")

Visit = Callable[..., Tab]


@pytest.fixture(scope="module")
def server(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With as many images as MNIST has to train and validate on, of `digits`."""
    folder = tmp_path_factory.mktemp("serve")
    write_idx_folder(folder / "mnist", digits[np.arange(60_000) % 600], digits[:10])
    env = {"DIGITNN_DATA_DIR": str(folder / "mnist")}
    with serving(folder, "--workers", "2", "--keep-in", "kept", env=env) as found:
        yield found


@pytest.fixture
def visit(tab: Tab, server: Server) -> Iterator[Visit]:
    """Open a page of the server as on a first visit; afterwards, see that it was quiet.

    It logged nothing, threw nothing, and asked no other server.
    """

    def open_page(width: int, scheme: str = "light", path: str = "/") -> Tab:
        tab.ask("Storage.clearDataForOrigin", origin=server.url, storageTypes="all")
        tab.show(server.url + path, width, scheme)
        tab.wait_for("document.documentElement.dataset.ready")
        return tab

    yield open_page
    tab.poll()
    assert tab.of("Runtime.consoleAPICalled") == tab.of("Runtime.exceptionThrown") == []
    assert tab.of("Log.entryAdded") == []
    asked = [event["request"]["url"] for event in tab.of("Network.requestWillBeSent")]
    assert asked
    assert [u for u in asked if not u.startswith((server.url + "/", "blob:", "data:"))] == []
    failed = [event["response"] for event in tab.of("Network.responseReceived")]
    assert [(one["url"], one["status"]) for one in failed if one["status"] >= 400] == []


@pytest.fixture(scope="module")
def page_of_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture with the lines of `PAGE`."""
    image = Image.new("L", (520, 400), 255)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(PAGE):
        for column, digit in enumerate(line):
            corners = [(60 + 130 * column + x, 60 + 160 * row + y) for x, y in DIGITS[digit]]
            pen.line(corners, fill=0, width=9, joint="curve")
    path = tmp_path_factory.mktemp("pictures") / "page.png"
    image.save(path)
    return path


def wait_for_digit(tab: Tab, digit: str, models: tuple[str, ...] = MODELS) -> None:
    """Wait until both engines of all these models answer with a digit."""
    tab.wait_for(
        f"{list(models)}.every(model => {{"
        " const card = document.querySelector(`#answers [data-model=${model}]`);"
        " const engines = [...card.querySelectorAll('.engine')];"
        f" return card.dataset.digit === '{digit}' && engines.length === 2"
        f" && engines.every(engine => engine.dataset.engineDigit === '{digit}'); }})"
    )


def wait_for_nothing(tab: Tab) -> None:
    """Wait until no model answers, since nothing is drawn."""
    tab.wait_for("!document.querySelector('#answers [data-digit]')")


def press_until(tab: Tab, key: str, condition: str) -> None:
    """Press a key until a condition holds of `focused`, the focused element."""
    for _ in range(MAX_TABS):
        if tab.value(f"(focused => Boolean({condition}))(document.activeElement)"):
            return
        tab.press(key)
    raise AssertionError(f"{key} does not lead there: {condition}")


def assert_nothing_sticks_out(tab: Tab, width: int) -> None:
    assert tab.value("document.documentElement.scrollWidth") <= width
    wide = tab.value(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .unseen, .skip,"
        " pre, #stage') && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []


# drawing


@pytest.mark.parametrize("how", ["mouse", "touch"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_drawn_3_is_a_3_to_both_engines(visit: Visit, width: int, how: str) -> None:
    tab = visit(width)
    points = on_canvas(tab, THREE)
    if how == "mouse":
        tab.drag(points)
    else:
        tab.touch(points)
    wait_for_digit(tab, "3")
    assert float(tab.wait_for("document.querySelector('#difference').dataset.value")) <= 1e-4
    tab.wait_for("document.querySelectorAll('#neighbours button').length === 8")
    assert tab.value("document.querySelector('#headline-digit').textContent") == "3"
    assert_nothing_sticks_out(tab, width)


def test_a_finger_on_the_canvas_does_not_scroll_the_page(visit: Visit) -> None:
    tab = visit(390)
    points = on_canvas(tab, THREE)
    before = tab.value("scrollY")
    tab.touch(points)
    wait_for_digit(tab, "3")
    assert tab.value("scrollY") == before


def test_the_keyboard_undoes_redoes_and_clears(visit: Visit) -> None:
    tab = visit(1440)
    tab.drag(on_canvas(tab, THREE))
    wait_for_digit(tab, "3")
    tab.press("z", CONTROL)
    wait_for_nothing(tab)
    tab.press("z", CONTROL + SHIFT)
    wait_for_digit(tab, "3")
    press_until(tab, "Tab", "focused.id === 'clear'")
    tab.press("Enter")
    wait_for_nothing(tab)
    # the button is disabled now: the focus must not be lost with it
    assert tab.value("document.activeElement.id") == "undo"
    tab.press("Enter")
    wait_for_digit(tab, "3")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_sample_is_chosen_by_keyboard_alone(visit: Visit, width: int) -> None:
    tab = visit(width)
    press_until(tab, "Tab", "focused.matches('.sample')")
    press_until(tab, "ArrowRight", "focused.ariaLabel === 'Digit 7, plain'")
    tab.press("Enter")
    wait_for_digit(tab, "7")


def test_the_saliency_lies_on_the_drawn_digit(visit: Visit) -> None:
    tab = visit(1440)
    tab.drag(on_canvas(tab, THREE))
    wait_for_digit(tab, "3")
    tab.wait_for("document.querySelectorAll('#neighbours button').length === 8")  # it rests
    assert tab.value("document.querySelector('#overlay').hidden")
    tab.click("#show-saliency")
    x, y = np.transpose(on_canvas(tab, THREE))
    left, top, side = tab.wait_for(
        "(overlay => !overlay.hidden && (({x, y, width}) => [x, y, width])"
        "(overlay.getBoundingClientRect()))(document.querySelector('#overlay'))"
    )
    pixel = side / 28
    pen = 26 * tab.value("document.querySelector('#canvas').clientWidth / 640")
    # The longer side of the ink takes 20 of the 28 pixels, and its centre of mass is in the middle.
    # The ink is a little shorter than the way of the pointer, whose corners it rounds.
    assert (np.ptp(y) + pen) / pixel == pytest.approx(20.5, abs=1.5)
    assert (y.min() - pen / 2 - top) / pixel == pytest.approx(4, abs=2)
    assert (x.mean() - left) / pixel == pytest.approx(14, abs=2)
    tab.click("#show-saliency")
    tab.wait_for("document.querySelector('#overlay').hidden")


# pictures


def read_text(tab: Tab) -> list[str]:
    """Wait for a reading, and return its lines without spaces."""
    text = tab.wait_for(
        "!document.querySelector('#reading').hidden"
        " && document.querySelector('#read-text').textContent"
    )
    return str(text).replace(" ", "").split("\n")


@pytest.mark.parametrize("how", ["drop", "choose", "paste"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_of_digits_is_read_and_each_opens(
    visit: Visit, page_of_digits: Path, width: int, how: str
) -> None:
    tab = visit(width)
    if how == "drop":
        tab.drop("#stage", page_of_digits)
    elif how == "choose":
        tab.choose_file("#file", page_of_digits)
    else:
        tab.paste(page_of_digits, "image/png")
    assert read_text(tab) == list(PAGE)
    frames = tab.value(
        "[...document.querySelectorAll('.box')].map(box => ['left', 'top', 'width', 'height']"
        ".map(name => parseFloat(box.style[name]) / 100))"
    )
    places = [(row, column) for row, line in enumerate(PAGE) for column in range(len(line))]
    for (left, top, wide, high), (row, column) in zip(frames, places, strict=True):
        assert (left + wide / 2) * 520 == pytest.approx(110 + 130 * column, abs=12)
        assert (top + high / 2) * 400 == pytest.approx(110 + 160 * row, abs=12)
    for n, digit in enumerate("".join(PAGE)):
        if n in (1, 3):
            tab.click(f".box:nth-child({n + 1})")
            wait_for_digit(tab, digit, ("reader",))
            pressed = tab.value(
                "[...document.querySelectorAll('.box')].map(box => box.ariaPressed)"
            )
            assert [state == "true" for state in pressed] == [k == n for k in range(len(pressed))]
    assert_nothing_sticks_out(tab, width)
    tab.click("#clear")
    wait_for_nothing(tab)
    assert tab.value("document.querySelector('#reading').hidden")


def test_the_pages_of_a_pdf_are_turned(visit: Visit, page_of_digits: Path, tmp_path: Path) -> None:
    with Image.open(page_of_digits) as page:
        second = page.crop((0, 0, 520, 220))
        page.save(tmp_path / "two.pdf", save_all=True, append_images=[second])
    tab = visit(1440)
    tab.choose_file("#file", tmp_path / "two.pdf")
    assert read_text(tab) == list(PAGE)
    pages = "document.querySelectorAll('#read-pages:not([hidden]) button')"
    assert tab.value(f"[...{pages}].map(button => button.ariaPressed)") == ["true", "false"]
    tab.click("#read-pages button:last-child")
    tab.wait_for(f"{pages}[1].ariaPressed === 'true'")
    assert read_text(tab) == [PAGE[0]]
    wait_for_digit(tab, PAGE[0][0], ("reader",))


def test_a_file_that_is_no_picture_is_named_as_one(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("517")
    tab = visit(1440)
    tab.paste(tmp_path / "notes.txt", "text/plain")
    tab.wait_for("document.body.textContent.includes('That file is not a picture.')")
    assert tab.value("document.querySelector('#reading').hidden")


def test_the_camera_takes_a_picture_which_is_read(
    chromium: str, server: Server, page_of_digits: Path, tmp_path: Path
) -> None:
    film = tmp_path / "film.y4m"
    with Image.open(page_of_digits) as page:
        grey = page.resize((640, 480)).tobytes()
    colourless = bytes([128]) * (640 * 480 // 2)
    film.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 C420jpeg\nFRAME\n" + grey + colourless)
    options = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with open_tab(chromium, *options, f"--use-file-for-fake-video-capture={film}") as tab:
        tab.show(server.url, 390, "light")
        tab.wait_for("document.documentElement.dataset.ready")
        tab.click("#camera")
        tab.wait_for(
            "document.querySelector('#camera-dialog').open"
            " && document.querySelector('#camera-video').videoWidth === 640"
            " && document.querySelector('#camera-video').currentTime > 0"
        )
        tab.click("#camera-take")
        assert read_text(tab) == list(PAGE)
        assert not tab.value("document.querySelector('#camera-dialog').open")
        assert tab.value("document.querySelector('#camera-video').srcObject") is None


def test_without_a_camera_the_page_says_so(visit: Visit) -> None:
    tab = visit(390)
    tab.click("#camera")
    tab.wait_for("document.body.textContent.includes('No camera is available here.')")
    assert not tab.value("document.querySelector('#camera-dialog').open")


def test_several_drawn_digits_are_boxed(visit: Visit) -> None:
    tab = visit(1440)
    tab.click(".sample:last-child")
    tab.wait_for("document.querySelectorAll('#boxes:not([hidden]) .box').length === 10")
    text = tab.value("document.querySelector('#read-text').textContent")
    assert text.replace(" ", "") == "20472\n93518"


# inside


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plane_shows_its_filter_and_what_it_responds_to(visit: Visit, width: int) -> None:
    tab = visit(width)
    tab.drag(on_canvas(tab, THREE))
    wait_for_digit(tab, "3")
    tab.click("#answers [data-model=cnn] .choose")
    assert tab.value("document.querySelector('#model').value") == "cnn"
    assert tab.wait_for("document.querySelectorAll('#layers .stage-block').length") == 4
    tab.click("#layers button[data-stage='0'][data-plane='5']")
    tab.wait_for("document.querySelector('#layers .inspector:not([hidden]) canvas.weights')")
    assert tab.value("document.querySelectorAll('#layers .inspector .thumb').length") == 8
    assert tab.value("document.querySelector('.weights').ariaLabel").startswith("Filter, 1 channel")
    assert_nothing_sticks_out(tab, width)


# training and comparing


@pytest.mark.parametrize("width", WIDTHS)
def test_a_training_is_watched_and_stopped(visit: Visit, width: int) -> None:
    tab = visit(width)
    tab.drag(on_canvas(tab, THREE))
    wait_for_digit(tab, "3")
    assert tab.value("document.querySelector('#train-recipe').value") == "cnn-98.7"
    tab.click("#train-start")
    # stopped in the same step as its progress is seen: the training may be short
    tab.wait_for(
        "document.querySelector('#train-progress').value > 0"
        " && (document.querySelector('#train-stop').click(), true)"
    )
    tab.wait_for("document.querySelector('#train').dataset.state === 'stopped'")
    assert "images per second" in tab.value("document.querySelector('#train-numbers').textContent")
    assert tab.value("document.querySelector('#train-start').disabled") is False
    assert tab.value("document.querySelector('#train-keep').disabled") is False
    assert tab.value("document.querySelector('#train-loss .line').getAttribute('d')")
    assert_nothing_sticks_out(tab, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_two_networks_are_compared_on_validation_digits(visit: Visit, width: int) -> None:
    tab = visit(width)
    for side, name in (("first", "classic"), ("second", "cnn")):
        tab.value(
            f"(select => {{ select.value = '{name}';"
            " select.dispatchEvent(new Event('change', {bubbles: true})); })"
            f"(document.querySelector('#compare-{side}'))"
        )
    tab.click("#compare-run")
    counts = tab.wait_for(
        "document.querySelector('#compare-result table') && [...document.querySelectorAll("
        "'#compare-result td')].map(cell => Number(cell.textContent.replace(',', '')))"
    )
    assert len(counts) == 4
    assert sum(counts) == 10_000
    shown = tab.value("document.querySelectorAll('#compare-result .thumb').length")
    assert shown == min(counts[1], 24) + min(counts[2], 24)
    assert_nothing_sticks_out(tab, width)


# the page itself


def test_the_theme_can_be_chosen_and_is_kept(visit: Visit, server: Server) -> None:
    tab = visit(1440)
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = tab.value(background)
    tab.click("#theme")
    assert tab.value("document.documentElement.dataset.theme") == "dark"
    assert tab.value("document.querySelector('#theme').ariaPressed") == "true"
    dark = tab.value(background)
    assert dark != light
    tab.show(server.url, 1440, "light")
    tab.wait_for("document.documentElement.dataset.ready")
    assert tab.value(background) == dark
    tab.click("#theme")
    assert tab.value(background) == light


def test_the_first_focus_leads_to_the_answer(visit: Visit) -> None:
    tab = visit(1440)
    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "Skip to the answer"
    assert tab.value("document.activeElement.getBoundingClientRect().top") >= 0


def test_all_that_a_visit_loads_is_small(visit: Visit, tab: Tab) -> None:
    tab.ask("Network.setCacheDisabled", cacheDisabled=True)
    visit(1440)
    tab.poll()
    sizes = [event["encodedDataLength"] for event in tab.of("Network.loadingFinished")]
    assert len(sizes) > 10
    assert sum(sizes) <= MAX_PAGE_BYTES
    tab.ask("Network.setCacheDisabled", cacheDisabled=False)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_may_load_only_from_its_server(server: Server, path: str) -> None:
    rules = server.get(path).headers["content-security-policy"]
    allowed = {name: rest for name, *rest in (rule.split() for rule in rules.split(";"))}
    assert allowed["default-src"] == ["'self'"]
    for kind in ("script-src", "style-src", "connect-src"):
        assert allowed.get(kind, allowed["default-src"]) == ["'self'"]
    assert "unsafe" not in rules


# accessibility


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shown", ["nothing", "answers", "documentation"])
def test_the_page_is_accessible(
    visit: Visit, axe: str, shown: str, width: int, scheme: str
) -> None:
    tab = visit(width, scheme, "/docs" if shown == "documentation" else "/")
    if shown == "answers":
        show_everything(tab)
    assert_nothing_sticks_out(tab, width)
    assert violations(tab, axe) == []


def show_everything(tab: Tab) -> None:
    """Several digits, the inside of one, a plane, a comparison and a training."""
    tab.click(".sample:last-child")
    tab.wait_for("document.querySelector('#boxes:not([hidden]) .box')")
    tab.wait_for("document.querySelector('#neighbours button')")
    tab.click("#layers button[data-stage='0'][data-plane='1']")
    tab.wait_for("document.querySelector('#layers .inspector:not([hidden])')")
    tab.click("#compare-run")
    tab.wait_for("document.querySelector('#compare-result table')")
    tab.value("document.querySelector('#train-view').hidden = false")


def violations(tab: Tab, axe: str) -> list[str]:
    """What axe-core objects to: the rule, the elements, and what to do."""
    tab.value(f"{axe}; 1")
    result = tab.value(
        "Promise.all(document.getAnimations().map(one => one.finished.catch(() => {})))"
        ".then(() => axe.run({resultTypes: ['violations']})).then(({passes, violations}) => ({"
        " passed: passes.length, found: violations.map(({id, nodes}) => `${id}: ${nodes.slice(0, 4)"
        ".map(node => `${node.target} ${node.failureSummary}`).join('; ')}`)}))"
    )
    assert result["passed"] > 20
    found: list[str] = result["found"]
    return found
