"""Reading pictures from Python: readings, sources, threads, classifiers."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, StringIO
from threading import Lock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pictures import five
from PIL import Image
from small_trainings import CLASSIC, trained

from digitnn.errors import PictureError, RunError, UsageError
from digitnn.network.layers import Dense, Flatten
from digitnn.network.network import Network
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import PARAMS, dequantise, load_network, quantise
from digitnn.reader.digit_classifier import image_classifier, load_image_classifier, mean_classifier
from digitnn.reader.input.opening import Limits, open_picture
from digitnn.reader.layout.glyphs import Glyph, Line
from digitnn.reader.reader import MAX_WAITING_PER_THREAD, Reader, map_in_order
from digitnn.runs.ensembles import make_ensemble
from digitnn.runs.run import save_run

BLANK = np.full((40, 40), 255, np.uint8)


def always(digit: int, p: float):
    """Return a classifier that gives `digit` probability p, and "no digit" the rest."""

    def classify(images):
        row = np.zeros(11, np.float32)
        row[[digit, 10]] = p, 1 - p
        return np.tile(row, (len(images), 1))

    return classify


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    data = BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def glyph(digit: int, p: float, left: int = 0) -> Glyph:
    box = (left, 0, left + 8, 20)
    return Glyph(np.zeros((28, 28), np.uint8), box, always(digit, p)(np.zeros(1))[0])


@pytest.fixture
def page(monkeypatch):
    """Pages are segmented into 07, a wide gap, an unclear 3, and below it a 5."""
    lines = (
        Line((glyph(0, 0.9), glyph(7, 0.8, 10), glyph(3, 0.4, 40)), (False, False, True)),
        Line((glyph(5, 1.0),), (False,)),
    )
    monkeypatch.setattr("digitnn.reader.reader.segment", lambda picture, classify: lines)


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
def test_a_page_without_ink_gives_an_empty_text(single):
    reading = Reader(always(5, 1)).read(BLANK, single)
    assert (reading.text, reading.digits) == ("", ())
    assert "no ink" in reading.notes[-1]


@pytest.mark.parametrize("single", [True, False])
def test_a_page_that_is_all_ink_is_read_without_error(single):
    assert Reader(always(5, 0.1)).read(np.zeros((40, 40), np.uint8), single).text in ("", "?")


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
    alone = [reader.read(picture, single=True) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda picture: reader.read(picture, single=True), pictures * 5))
    for n, reading in enumerate(together):
        assert reading.text == alone[n % 8].text
        assert_array_equal(reading.digits[0].image, alone[n % 8].digits[0].image)
        assert_array_equal(reading.digits[0].probabilities, alone[n % 8].digits[0].probabilities)


def test_map_in_order_holds_only_a_few_results():
    taken, given, most, lock = 0, 0, 0, Lock()

    def sources():
        nonlocal given, most
        for n in range(10_000):
            with lock:
                given += 1
                most = max(most, given - taken)
            yield n

    for n, result in enumerate(map_in_order(lambda n: n, sources(), 4)):
        assert result == n
        taken += 1
    assert taken == 10_000
    assert most <= 4 * MAX_WAITING_PER_THREAD + 2


def test_stopping_early_waits_for_running_work_only():
    done = []

    def work(n):
        time.sleep(0.01)
        done.append(n)
        return n

    results = map_in_order(work, range(10_000), 2)
    assert next(results) == 0
    results.close()
    assert len(done) <= 6


def test_map_in_order_raises_an_exception_in_its_turn():
    results = map_in_order(lambda n: 1 // (3 - n), range(10), 4)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


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
    assert image_classifier(network, Fixed())(IMAGES[:0]).shape == (0, 11)


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
        assert reading.text.replace(" ", "").replace("\n", "") == "5" * len(reading.digits)


@pytest.mark.parametrize("source", [5, None, ["a.png"], "", "a\0b", StringIO("text")])
def test_an_invalid_source_raises_a_picture_error(source):
    with pytest.raises(PictureError, match=r"expected|a folder|cannot be read"):
        FUZZED.read(source)


def test_the_reader_applies_its_limits():
    reader = Reader(always(5, 1), limits=Limits(megapixels=0.001))
    with pytest.raises(PictureError, match="megapixels"):
        reader.read(five(60))
    assert open_picture(five(60)).grey.shape == (60, 60)
