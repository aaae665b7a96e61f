"""Engines are scored over the same pictures, and the peers' alphabet is limited to digits."""

import shutil
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from benchmarks.beds import pages
from benchmarks.peers import engines, ocr_peers, scores
from benchmarks.peers.engines import Read, peers_ready, started
from benchmarks.peers.rapidocr_worker import join_lines, limit_alphabet
from benchmarks.peers.scores import Shown, paired_test, score, summarise


def box(x, y, w, h, slope=0.0):
    corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    return [(cx, cy + slope * cx) for cx, cy in corners]


def shown(truth, bed="a", **texts):
    return Shown("pages", bed, truth, {name: Read(text, 0.5) for name, text in texts.items()})


def test_a_limited_alphabet_gives_the_softmax_of_the_kept_logits():
    logits = np.array([[[1.0, 3.0, 2.0, 0.5], [0.0, 5.0, 0.0, 1.0]]])
    everything = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    kept = np.exp(logits) * [1, 0, 1, 1]
    found = limit_alphabet(everything, (0, 2, 3))
    assert_allclose(found, kept / kept.sum(axis=-1, keepdims=True))
    assert found.argmax(axis=-1).tolist() == [[2, 3]]
    assert limit_alphabet(np.zeros((1, 1, 3)), (0,)).tolist() == [[[0, 0, 0]]]


def test_boxes_of_one_height_are_a_line_even_if_it_slopes():
    boxes = [box(300, 0, 90, 40), box(0, 4, 200, 40), box(0, 80, 150, 40)]
    assert join_lines(boxes, ["56", "1234", "7"]) == "1234 56\n7"
    sloped = [box(0, 0, 90, 30, 0.15), box(400, 0, 90, 30, 0.15), box(0, 50, 90, 30, 0.15)]
    assert join_lines(sloped, ["1", "2", "3"]) == "1 2\n3"
    assert join_lines([], []) == ""


def test_a_score_counts_exact_texts_digits_and_pictures_without_any():
    pictures = [
        shown("12 34", peer="12 34"),
        shown("12\n34", peer="12 34"),
        shown("40?5", peer="405"),
        shown("789", peer=""),
        shown("", peer="1"),
    ]
    found = score(pictures, "peer")
    assert (found["n"], found["exact"], found["digits_right"]) == (5, 1, 2)
    assert (found["digits"], found["digit_edits"]) == (14, 3)
    assert found["digit_error_rate"] == pytest.approx(3 / 14)
    assert (found["nothing"], found["accepted"], found["false_digits"]) == (1, 1, 1)
    assert found["cpu_seconds"] == {"mean": 0.5, "max": 0.5}


def test_the_paired_test_agrees_with_values_by_hand():
    found = paired_test([0, 1, 2, 5], [1, 3, 5, 5], 0)
    assert (found["fewer"], found["more"], found["equal"]) == (3, 0, 1)
    assert found["p"] == pytest.approx(2 / 2**3)  # of 8 changes of sign, 2 are as extreme
    assert paired_test([1, 0], [0, 3], 0)["p"] == 1.0  # -2: of the sums ±2, ±4 all are as far
    assert paired_test([4, 2], [4, 2], 0)["p"] == 1.0
    many = paired_test([0] * 20, [1] * 20, 0)
    assert many["p"] < 0.001
    assert many == paired_test([0] * 20, [1] * 20, 0)


def test_beds_are_summarised_and_tested_against_each_peer():
    pictures = [shown("12", bed, digitnn="12", peer=text) for bed in "ab" for text in ("1", "12")]
    found = summarise(pictures, ["digitnn", "peer"], 0)["pages"]
    assert found["beds"]["a"]["peer"]["digit_edits"] == 1
    assert found["total"]["digitnn"]["digit_error_rate"] == 0
    tests = found["paired"]["peer"]
    assert tests["a"]["edits"] == [0, 1]
    assert tests["total"]["p"] == pytest.approx(2 / 2**2)
    assert tests["a"]["holm"] == 1.0
    assert "wrong     2" in scores.format_row("peer", found["total"]["peer"])


def test_the_mode_follows_from_the_lines_of_the_text():
    assert [ocr_peers.mode_of(text) for text in ("1 2", "1\n2", "")] == ["row", "page", "page"]


def test_the_beds_are_those_that_the_reader_is_measured_on():
    beds = list(ocr_peers.draw_beds(["pages", "digits"], 1, 1, 0))
    assert {group for group, *_ in beds} == {"pages", "digits"}
    assert [name for group, name, *_ in beds if group == "pages"] == list(pages.PAGES)
    assert {mode for group, _, mode, _ in beds if group == "digits"} == {"digit"}


def test_an_unknown_engine_is_reported_with_those_that_exist():
    with pytest.raises(Exception, match="unknown: abby; expected some of digitnn, rapidocr"):
        ocr_peers.names(engines.ENGINES)("abby")


def test_a_missing_tesseract_is_reported_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install tesseract-ocr"):
        engines.worker_command("tesseract", None)


def test_a_worker_that_does_not_start_is_reported(monkeypatch):
    monkeypatch.setattr(engines, "worker_command", lambda *_: [sys.executable, "-c", "pass"])
    with (
        pytest.raises(SystemExit, match="rapidocr: its process did not start"),
        started("rapidocr"),
    ):
        pass


@pytest.fixture
def picture(tmp_path):
    """A printed 407, as a picture that every engine reads."""
    from benchmarks.beds.printing import print_line

    ink = np.pad(print_line("407", "DejaVuSans", 60), 40)
    path = tmp_path / "picture.png"
    Image.fromarray((255 - 255 * ink).astype(np.uint8)).save(path)
    return path


def read(name, picture):
    with started(name) as worker:
        assert worker.versions
        found = worker.read(picture, "row")
    assert found.cpu_seconds > 0
    return found.text


@pytest.mark.slow
@pytest.mark.skipif(not peers_ready(), reason="python -m benchmarks.peers.ocr_peers installs it")
def test_rapidocr_answers_with_digits(picture):
    assert read("rapidocr", picture) == "407"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tesseract") is None, reason=engines.INSTALL)
def test_tesseract_answers_with_digits(picture):
    assert read("tesseract", picture) == "407"


@pytest.mark.slow
def test_digitnn_answers_by_the_same_requests(picture):
    assert set(read("digitnn", picture)) <= set("0123456789? \n")
