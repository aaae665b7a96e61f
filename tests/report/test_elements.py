"""What the page is put together from: colours that can be read, drawings, pixels, predictions."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from page_reader import read_page
from PIL import Image

import digitnn
from digitnn.analysis.robustness.sweeps import Curve
from digitnn.evaluation.statistics import predict_next_test
from digitnn.plotting import COLOURS, GREY, new_figure
from digitnn.report.charts import draw_next_test, draw_sweeps
from digitnn.report.elements import VARIABLES, coloured, ink, inline_svg, outlined
from digitnn.report.page import environment

CSS = (Path(digitnn.__file__).parent / "report/templates/style.css").read_text()
LIGHT, DARK = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
DEEPEST = 0.42
"""How much of a confusion's cell is colour where it is darkest: see .confusion .wrong."""


def variables(theme: str) -> dict[str, tuple[int, int, int]]:
    """The colours of a theme, by name."""
    found = re.findall(r"--([a-z0-9-]+): #([0-9a-f]{6});", theme)
    return {name: tuple(bytes.fromhex(colour)) for name, colour in found}


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    shares = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """From 1, equal, to 21, black on white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_agrees_with_the_standard() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_have_contrast_in_both_themes(theme: str) -> None:
    found = variables(theme)
    assert set(found) == set(variables(LIGHT))
    for ground in ("paper", "card"):
        for name in ("ink", "muted", "accent", "bad", *(f"digit-{d}" for d in range(10))):
            assert contrast(found[name], found[ground]) >= 4.5, (name, ground)
        for i in range(len(COLOURS)):
            assert contrast(found[f"chart-{i}"], found[ground]) >= 3, (i, ground)
    mixed = [
        DEEPEST * c + (1 - DEEPEST) * p
        for c, p in zip(found["chart-1"], found["paper"], strict=True)
    ]
    assert contrast(found["ink"], tuple(mixed)) >= 4.5
    assert "calc(12% + var(--shade) * 0.3%)" in CSS  # 0.12 + 100 * 0.003 is `DEEPEST`


def test_every_colour_of_a_figure_has_a_variable_of_the_page() -> None:
    for variable in VARIABLES.values():
        assert variable[6:-1] in variables(LIGHT), variable


def test_print_is_light_and_reduced_motion_is_respected() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in CSS
    assert "@media print" in CSS
    assert "scroll-behavior" in CSS.split("@media (prefers-reduced-motion: no-preference)")[1]
    assert "scroll-behavior" not in CSS.split("@media (prefers-reduced-motion")[0]
    assert "transition" not in CSS
    assert "animation" not in CSS


def figure():
    made = new_figure(3, 2)
    axes = made.subplots()
    axes.plot([0, 1], [0, 1], "o-", color=COLOURS[1], label="a < b & c")
    axes.plot([0, 1], [1, 0], color=GREY)
    axes.legend()
    return made


def test_an_inline_figure_has_the_pages_colours_and_typeface() -> None:
    text = inline_svg(figure(), "one", 'says "it" & <more>')
    (drawing,) = read_page(text).all("svg")
    assert drawing.attributes["aria-label"] == 'says "it" & <more>'
    assert "var(--chart-1)" in text
    assert "var(--muted)" in text
    assert not re.search(r"#[0-9a-f]{6}\b", text)
    assert "DejaVu" not in text
    assert not drawing.all("metadata", "style")
    assert "a < b & c" in [element.text for element in drawing.all("text")]
    assert inline_svg(figure(), "one", 'says "it" & <more>') == text


def test_two_figures_share_no_identifier() -> None:
    one, two = (read_page(inline_svg(figure(), name, "a figure")) for name in ("one", "two"))
    names = [
        {e.attributes["id"] for e in page.all() if "id" in e.attributes} for page in (one, two)
    ]
    assert names[0]
    assert not names[0] & names[1]
    for page, known in zip((one, two), names, strict=True):
        assert {e.attributes["href"][1:] for e in page.all("use")} <= known


def decoded(src: str) -> np.ndarray:
    kind, _, content = src.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_images_keep_every_pixel(rng) -> None:
    images = rng.integers(0, 256, (3, 28, 28), np.uint8)
    found = ink(images, "three images", zoom=2, columns=3)
    assert (found.width, found.height) == (3 * 28 + 2 * 2, 28)
    shown = decoded(found.src)
    np.testing.assert_array_equal(255 - shown[:, 30:58], images[1])
    assert (shown[:, 28:30] == 255).all()


def test_red_is_positive_blue_negative_and_gaps_transparent() -> None:
    planes = np.array([[[1.0]], [[-1.0]], [[0.0]]])
    found = coloured(planes, "signed", (-1, 1), "three weights", zoom=1, columns=3)
    red, gap, blue, _, zero = decoded(found.src)[0].astype(int)
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50
    assert (zero[:3] > 240).all()
    assert gap[3] == 0


def test_an_outline_runs_between_ink_and_paper() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[10:20, 10:20] = 255
    shown = decoded(outlined(np.zeros((28, 28)), image, 1.0, "an outline", zoom=6).src)
    black = (shown[..., :3] == 0).all(axis=2)
    assert black[60, 60:120].all()
    assert black[60:120, 60].all()
    assert not black[90, 70:110].any()
    assert not black[:50].any()


@pytest.mark.parametrize(("count", "n"), [(59, 10_000), (0, 200), (7, 80), (80, 80)])
def test_the_next_test_agrees_with_a_simulation(count: int, n: int, rng) -> None:
    found = predict_next_test(count, n)
    share = rng.beta(count + 0.5, n - count + 0.5, 200_000)
    errors = rng.binomial(n, share)
    inside = np.mean((errors >= found.low) & (errors <= found.high))
    assert inside > 0.945
    assert np.mean((errors > found.low) & (errors < found.high)) < 0.96
    assert found.probabilities.sum() == pytest.approx(1, abs=2e-3)
    simulated = np.mean(errors == found.errors[found.probabilities.argmax()])
    assert simulated == pytest.approx(found.probabilities.max(), abs=0.005)
    assert found.low <= count <= found.high
    assert draw_next_test(found).axes


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


def test_words_are_escaped_except_code_in_backticks() -> None:
    words = environment().filters["words"]
    assert words("see `a <b>` & <c>") == "see <code>a &lt;b&gt;</code> &amp; &lt;c&gt;"
    assert words("a ` alone") == "a ` alone"
