"""Reading pictures from Python: readings, sources, threads, classifiers."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO, StringIO

import numpy as np
import pytest
from handwriting import write
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from page_glyphs import Asking, always, typed, undecided
from pictures import five
from PIL import Image
from small_trainings import CLASSIC, trained

from benchmarks.beds.paper import Camera, photograph
from benchmarks.beds.samples import to_uint8
from benchmarks.beds.surroundings import bordered, dark_table, on_ground, photographed
from digitnn.errors import PictureError, RunError, UsageError
from digitnn.machine.blas import one_core_blas
from digitnn.network.layers import Dense, Flatten
from digitnn.network.network import Network
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import PARAMS, dequantise, load_network, quantise
from digitnn.reader.digit_classifier import image_classifier, load_image_classifier, mean_classifier
from digitnn.reader.glyphs import Glyph, Line
from digitnn.reader.input.opening import Limits
from digitnn.reader.page.network import PageNetwork
from digitnn.reader.page.reading import Page
from digitnn.reader.page.second_look import PageNetworks
from digitnn.reader.reader import Reader
from digitnn.runs.ensembles import make_ensemble
from digitnn.runs.run import save_run

BLANK = np.full((40, 40), 255, np.uint8)
SHIPPED = Reader.load()


def unsure(images):
    """A classifier that knows nothing, so that the page network decides."""
    return np.full((len(images), 11), 1 / 11, np.float32)


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    data = BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def glyph(digit: int, p: float, left: int = 0) -> Glyph:
    box = (left, 0, left + 8, 20)
    return Glyph(np.zeros((28, 28), np.uint8), box, always(digit, p)(np.zeros(1))[0])


@pytest.fixture
def page(monkeypatch):
    """Pages hold 07, a wide gap, an unclear 3, and below it a 5."""
    lines = (
        Line((glyph(0, 0.9), glyph(7, 0.8, 10), glyph(3, 0.4, 40)), (False, False, True)),
        Line((glyph(5, 1.0),), (False,)),
    )
    monkeypatch.setattr("digitnn.reader.reader.read_page", lambda *_: Page(lines))


def test_a_page_is_text_with_gaps_lines_and_question_marks(page):
    reading = Reader(always(0, 1)).read(BLANK)
    assert reading.text == "07 ?\n5"
    assert [digit.digit for digit in reading.digits] == [0, 7, None, 5]
    assert [digit.most_likely for digit in reading.digits] == [0, 7, 3, 5]
    assert_allclose([digit.confidence for digit in reading.digits], [0.9, 0.8, 0.4, 1.0])
    assert reading.digits[2].box == (40, 0, 48, 20)


@pytest.mark.parametrize(("least", "text"), [(0, "07 3\n5"), (0.85, "0? ?\n5"), (1, "?? ?\n5")])
def test_the_threshold_decides_which_digits_are_rejected(page, least, text):
    assert Reader(always(0, 1), least).read(BLANK).text == text


@pytest.mark.parametrize(
    ("written", "default", "with_symbols"),
    [
        ("40.5 -7", "40?5 ?7", "40.5 -7"),
        ("12:30\n1/2", "12?30\n1?2", "12:30\n1/2"),
        ("9, 8.", "9 8", "9 8"),
        ("17", "17", "17"),
    ],
)
def test_symbols_are_read_if_asked_for(written, default, with_symbols, monkeypatch):
    monkeypatch.setattr("digitnn.reader.page.reading.find_glyphs", lambda *_: typed(written))
    for symbols, text in ((False, default), (True, with_symbols)):
        networks = PageNetworks(PageNetwork({}), undecided)
        reader = Reader(unsure, symbols=symbols, page_networks=networks)
        reading = reader.read(np.full((200, 400), 255, np.uint8))
        assert reading.text == text
        characters = text.replace(" ", "").replace("\n", "")
        assert [digit.character for digit in reading.digits] == list(characters)
        for digit in reading.digits:
            assert (digit.digit is None) is not digit.character.isdigit()
            assert digit.symbol == (digit.character if digit.character in ".,-/:" else "")
            if digit.symbol:
                assert digit.confidence == pytest.approx(0.97, rel=0.01)
                assert digit.verdict == f"{digit.symbol}: confidence 97 %"


@pytest.mark.parametrize(
    ("p", "least", "text"), [(0.55, 0.5, "1"), (0.45, 0.5, "/"), (0.45, 0.0, "/"), (0.55, 0.0, "1")]
)
def test_a_glyph_that_is_probably_a_digit_is_no_symbol(p, least, text, monkeypatch):
    slash = replace(glyph(1, p), symbol="/", symbol_confidence=0.6)
    lines = (Line((slash,), (False,)),)
    monkeypatch.setattr("digitnn.reader.reader.read_page", lambda *_: Page(lines))
    assert Reader(unsure, least, symbols=True).read(BLANK).text == text


@pytest.mark.parametrize("cells", [0, 10**9])
def test_writing_that_is_too_small_is_told(cells):
    networks = PageNetworks(Asking(cells=cells), undecided)
    notes = Reader(unsure, page_networks=networks).read(np.full((90, 90), 255, np.uint8)).notes
    assert any("too small to be read" in note for note in notes) is bool(cells)


@pytest.mark.parametrize("threads", [0, -1])
def test_reading_needs_a_thread(threads):
    with pytest.raises(UsageError, match=f"at least 1, got {threads}"):
        Reader(unsure).read_many([], threads=threads)


@pytest.mark.parametrize("least", [-0.1, 1.01, float("nan")])
def test_a_threshold_outside_0_to_1_is_an_error(least):
    with pytest.raises(UsageError, match="from 0 to 1"):
        Reader(always(0, 1), least)


def test_one_digit_is_read_from_every_kind_of_source(tmp_path):
    grey = five(60)
    path = tmp_path / "five.png"
    path.write_bytes(saved(Image.fromarray(grey)))
    reader = Reader(always(5, 0.75))
    data = path.read_bytes()
    files = [path, str(path), BytesIO(data), Image.open(path)]
    for source in [*files, data, bytearray(data), memoryview(data), grey]:
        reading = reader.read(source, single=True)
        assert reading.text == "5"
        (digit,) = reading.digits
        assert digit.confidence == 0.75
        left, top, right, bottom = digit.box
        ink = np.argwhere(grey < 128)
        assert_allclose([top, left], ink.min(axis=0), atol=2)
        assert_allclose([bottom, right], ink.max(axis=0) + 1, atol=2)


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("tone", [0, 128, 255])
@pytest.mark.parametrize("shape", [(5, 5), (28, 28), (40, 300), (600, 400)])
def test_a_page_without_ink_gives_an_empty_text(shape, tone, single):
    reading = SHIPPED.read(np.full(shape, tone, np.uint8), single)
    assert (reading.text, reading.digits) == ("", ())
    assert reading.notes[-1] == "nothing that could be a digit"


@pytest.mark.parametrize("side", [28, 40, 100, 300])
@pytest.mark.parametrize("single", [True, False])
def test_no_digit_is_accepted_in_noise(side, single, rng):
    even = rng.integers(0, 256, (side, side), np.uint8)
    grain = np.clip(rng.normal(200, 20, (side, side)), 0, 255).astype(np.uint8)
    for noise in (even, grain):
        assert all(digit.digit is None for digit in SHIPPED.read(noise, single).digits)


PHOTO = Camera(paper=210, contrast=0.65, slope=0.25, fibre=2, blur=0.8, noise=3)
TEXT = "2045 736\n91 8630"


def photo() -> np.ndarray:
    """A page of numbers, photographed."""
    ink = 1 - write(TEXT).grey / np.float32(255)
    return to_uint8(photograph(ink, PHOTO, np.random.default_rng(0)))


@pytest.mark.parametrize("width", [0, 2, 20, 90])
@pytest.mark.parametrize("tone", [0, 90, 255])
def test_a_plain_border_changes_nothing(tone, width):
    reading = SHIPPED.read(bordered(photo(), tone, width, width))
    assert reading.text == TEXT
    boxes = np.array([digit.box for digit in reading.digits]) - width
    assert_allclose(boxes, write(TEXT).boxes, atol=12)


@pytest.mark.parametrize(("rows", "columns"), [(60, 0), (0, 30), (0, 80)])
@pytest.mark.parametrize("tone", [0, 255])
def test_the_bars_of_a_letterbox_change_nothing(tone, rows, columns):
    """Neither above and below nor, where a bar is as tall as a 1, at the sides."""
    assert SHIPPED.read(bordered(photo(), tone, rows, columns)).text == TEXT
    assert SHIPPED.read(bordered(255 - photo(), tone, rows, columns)).text == TEXT


def test_numbers_on_a_sheet_on_a_table_are_read(rng):
    sheet = 1 - 0.85 * (1 - write("3950 71\n264").grey / np.float32(255))
    scene, mask = on_ground(sheet, dark_table, rng, degrees=5)
    reading = SHIPPED.read(photographed(scene, rng, mask))
    assert reading.text == "3950 71\n264"


def test_a_page_upside_down_is_read_with_a_note_unless_it_may_not_be_turned():
    turned = np.rot90(photo(), 2)
    reading = SHIPPED.read(turned)
    assert reading.text == TEXT
    assert "read after turning it by 180 degrees anticlockwise" in reading.notes
    fixed = Reader.load(rotate=False).read(turned)
    assert fixed.text != TEXT
    assert not any("turning" in note for note in fixed.notes)
    assert not any("turning" in note for note in SHIPPED.read(photo()).notes)


@pytest.mark.parametrize("side", [28, 32, 33])
@pytest.mark.parametrize("p", [0.89, 0.91])
def test_a_small_picture_is_first_taken_for_one_digit(side, p):
    network = Asking()
    reading = Reader(always(5, p), page_networks=PageNetworks(network, undecided)).read(five(side))
    at_once = side <= 32 and p > 0.9
    assert reading.text == ("5" if at_once else "")
    assert (network.seen == []) is at_once


def test_read_many_keeps_the_order_and_yields_errors_in_place(tmp_path):
    reader = Reader(lambda images: np.eye(11, dtype=np.float32)[images.sum((1, 2)) % 10])
    whole = [five(40, pen=4 + 2 * n) for n in range(10)]
    sources = [whole[n % 10] if n % 7 else tmp_path / f"{n}.png" for n in range(70)]
    found = list(reader.read_many(iter(sources), single=True, threads=8))
    for n, result in enumerate(found):
        if n % 7:
            assert result.text == reader.read(whole[n % 10], single=True).text
        else:
            assert isinstance(result, PictureError)
            assert f"{n}.png" in str(result)
    assert len({result.text for n, result in enumerate(found) if n % 7}) > 1


def test_threads_share_a_reader():
    params = {
        "1.weight": np.random.default_rng(0).normal(0, 0.05, (10, 784)).astype(np.float32),
        "1.bias": np.zeros(10, np.float32),
    }
    from digitnn.engines.find import find_engine

    network = Network((Flatten(), Dense(10)), rejects=True)
    reader = Reader(
        image_classifier(network, find_engine("scratch").classifier(network, params)), 0
    )
    pictures = [five(30 + n) for n in range(8)]
    with one_core_blas, ThreadPoolExecutor(8) as pool:  # several cores add in another order
        alone = [reader.read(picture, single=True) for picture in pictures]
        together = list(pool.map(lambda picture: reader.read(picture, single=True), pictures * 5))
    for n, reading in enumerate(together):
        assert reading.text == alone[n % 8].text
        assert_array_equal(reading.digits[0].image, alone[n % 8].digits[0].image)
        assert_array_equal(reading.digits[0].probabilities, alone[n % 8].digits[0].probabilities)


class Fixed:
    """A classifier that gives the same logits for every image."""

    def __init__(self, *logits: float) -> None:
        self.row = np.array(logits, np.float32)

    def logits(self, images):
        return np.tile(self.row, (len(images), 1))


IMAGES = np.zeros((3, 28, 28), np.uint8)


def test_a_rejecting_network_has_an_eleventh_logit_of_zero():
    network = Network((Flatten(), Dense(10)), temperature=2.0, rejects=True)
    p = image_classifier(network, Fixed(*[2 * np.log(3.0)] * 2, *[-2e4] * 8))(IMAGES)
    assert p.dtype == np.float32
    assert_allclose(p, np.tile([3 / 7, 3 / 7, *[0] * 8, 1 / 7], (3, 1)), rtol=1e-6)


def test_a_network_that_cannot_reject_gives_no_digit_probability_zero():
    network = Network((Flatten(), Dense(10)))
    p = image_classifier(network, Fixed(*np.log(np.arange(1, 11) * 1.0)))(IMAGES)
    assert_allclose(p[0], [*(np.arange(1, 11) / 55), 0], rtol=1e-6)
    assert image_classifier(network, Fixed(*[0] * 10))(IMAGES[:0]).shape == (0, 11)


def test_probabilities_of_huge_logits_are_finite():
    network = Network((Flatten(), Dense(10)), rejects=True)
    for size in (1e4, -1e4):
        p = image_classifier(network, Fixed(*[size] * 10))(IMAGES)
        assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_an_ensemble_averages_probabilities():
    p = mean_classifier([always(3, 0.9), always(4, 0.5)])(IMAGES)
    assert_allclose(p[0, [3, 4, 10]], [0.45, 0.25, 0.3], rtol=1e-6)


def test_the_description_keeps_whether_a_network_rejects():
    network = Network((Flatten(), Dense(10)), rejects=True)
    assert Network.from_json(network.to_json()) == network
    plain = Network((Flatten(), Dense(10)))
    assert "rejects" not in plain.to_json()
    assert Network.from_json(plain.to_json()).rejects is False


def test_runs_and_ensembles_classify_as_in_evaluation(digits, tmp_path):
    runs = []
    for seed in (0, 1):
        training, _ = trained(CLASSIC, "scratch", digits, seed)
        runs.append(save_run(tmp_path / str(seed), training, "scratch", "mnist"))
    ensemble = make_ensemble([run.path for run in runs], tmp_path / "both")
    for model in (*runs, ensemble):
        logits = model.classifier("scratch").logits(digits.images)
        softmax = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        p = load_image_classifier(model.path)(digits.images)
        assert_allclose(p[:, :10], softmax, atol=1e-5)
        assert not p[:, 10].any()


def test_quantised_parameters_load_as_float32(digits, tmp_path):
    training, _ = trained(CLASSIC, "scratch", digits)
    run = save_run(tmp_path / "run", training, "scratch", "mnist")
    small = quantise(run.params)
    save_safetensors(run.path / PARAMS, small)
    params = load_network(run.path)[1]
    for name, p in dequantise(small).items():
        assert params[name].dtype == np.float32
        assert_array_equal(params[name], p)


def test_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(RunError, match="no such folder"):
        Reader.load(tmp_path / "nowhere")


def test_reading_imports_neither_heavy_libraries_nor_training(tmp_path):
    path = tmp_path / "five.png"
    path.write_bytes(saved(Image.fromarray(five(60))))
    heavy = {"torch", "scipy", "matplotlib", "numba", "sklearn", "rich", "tomlkit", "unearth"}
    heavy |= {f"digitnn.{room}" for room in ("training", "runs", "engines.scratch.trainer")}
    code = (
        "import sys; from digitnn.cli.app import main; main(['read', sys.argv[1]])\n"
        f"found = {heavy!r} & set(sys.modules); sys.exit(repr(found) if found else 0)"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


WHOLE = {
    kind: saved(Image.fromarray(five(40)), kind)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP")
}
FUZZED = Reader(always(5, 0.9), limits=Limits(megapixels=0.25))


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(
        st.tuples(
            st.sampled_from(["flip", "cut", "insert"]),
            st.floats(0, 1),
            st.binary(min_size=1, max_size=6),
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
def test_a_damaged_file_gives_a_reading_or_a_one_line_error(kind, changes, single):
    data = bytearray(WHOLE[kind])
    for what, place, value in changes:
        start = int(place**3 * len(data))  # headers first
        stop = start if what == "insert" else start + len(value)
        data[start:stop] = b"" if what == "cut" else value
    try:
        reading = FUZZED.read(bytes(data), single)
    except PictureError as error:
        assert "\n" not in str(error)
        assert "object at 0x" not in str(error)
    else:
        characters = reading.text.replace(" ", "").replace("\n", "")
        assert len(characters) == len(reading.digits)
        assert set(characters) <= set("0123456789?")


@pytest.mark.parametrize("source", [5, None, ["a.png"], "", "a\0b", StringIO("text")])
def test_an_invalid_source_raises_a_picture_error(source):
    with pytest.raises(PictureError, match=r"expected|a folder|cannot be read"):
        FUZZED.read(source)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(megapixels=0.001), "60 x 60 pixels; the limit is 0.001"),
        (Limits(megabytes=0.0001), "over 0.0001 MB"),
        (Limits(min_side=61), "60 x 60 pixels.*61"),
    ],
)
@pytest.mark.parametrize("single", [True, False])
def test_the_reader_applies_its_limits(limits, words, single):
    data = saved(Image.fromarray(five(60)))
    with pytest.raises(PictureError, match=words):
        Reader(always(5, 1), limits=limits).read(data, single)
    assert Reader(always(5, 1)).read(data, single=True).text == "5"
