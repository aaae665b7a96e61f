"""Weights of the three networks: fitted to what is known, judged by counting."""

import numpy as np
from numpy.testing import assert_allclose
from page_glyphs import detections

from digitnn.reader.page.glyph_network import CLASSES, NONE
from digitnn.reader.page.network import OTHER, Detections
from digitnn.reader.page.second_look import Weights
from tools.page_reader.fit import NO_GLYPH, Found, fit, fit_digits, fit_logistic, judge, look_at
from tools.page_reader.scenes import Scene


def rows(n: int, classes: int, which: np.ndarray, p: float) -> np.ndarray:
    """Probabilities (n, classes) with `p` for `which` and the rest for all others alike."""
    found = np.full((n, classes), (1 - p) / (classes - 1), np.float32)
    found[np.arange(n), which] = p
    return found


def found_of(truth: np.ndarray, page=None, seen=None, alone=None, score=0.9) -> Found:
    """What three networks say that see these digits; by default each sees the truth."""
    n = len(truth)
    boxes = np.tile(np.array([0, 0, 20, 30], np.float32), (n, 1))
    classes = np.where(truth == NO_GLYPH, NONE, np.where(truth == 10, OTHER, truth))
    page, seen, alone = (
        own if own is not None else default
        for own, default in (
            (page, rows(n, OTHER + 1, np.minimum(classes, OTHER), 0.9)),
            (seen, rows(n, len(CLASSES), classes, 0.9)),
            (alone, rows(n, 11, np.minimum(truth, 10), 0.9)),
        )
    )
    scores = np.full(n, score, np.float32)
    return Found(Detections(boxes, scores, page), seen, alone, truth)


def test_a_logistic_regression_finds_the_weights_of_the_truth(rng):
    logits = rng.normal(size=(3, 20_000))
    z = np.array([1.5, 0.5, -1.0]) @ logits + 0.7
    fitted = fit_logistic(logits, rng.random(20_000) < 1 / (1 + np.exp(-z)))
    assert_allclose(fitted, [1.5, 0.5, -1.0, 0.7], atol=0.1)


def test_the_network_that_is_right_more_often_gets_the_larger_exponent(rng):
    truth = rng.integers(0, 10, 3000)

    def sees(share):
        return np.where(rng.random(3000) < share, truth, rng.integers(0, 10, 3000))

    found = found_of(
        truth,
        page=rows(3000, OTHER + 1, sees(0.6), 0.7),
        seen=rows(3000, len(CLASSES), sees(0.95), 0.7),
        alone=rows(3000, 11, sees(0.0), 0.7),
    )
    page, window, ink = fit_digits(found)
    assert window > page + 0.2
    assert page > ink + 0.2
    assert abs(ink) < 0.1


def test_what_is_no_glyph_does_not_teach_what_a_digit_is(rng):
    """Boxes of nothing that other networks take for digits change the first regression alone."""
    truth = np.repeat([3, 10], 500)
    noisy = rng.random(1000) < 0.1
    shown = np.where(noisy, 13 - truth, truth)
    glyphs = found_of(truth, alone=rows(1000, 11, shown, 0.9))
    three = np.full(300, 3)
    nothing = found_of(np.full(300, NO_GLYPH), page=rows(300, OTHER + 1, three, 0.9),
                       alone=rows(300, 11, three, 0.9))  # fmt: skip
    both = Found(
        Detections(*(
            np.concatenate([getattr(one.detections, name) for one in (glyphs, nothing)])
            for name in ("boxes", "scores", "characters")
        )),
        np.concatenate([glyphs.seen, nothing.seen]),
        np.concatenate([glyphs.alone, nothing.alone]),
        np.concatenate([glyphs.truth, nothing.truth]),
    )  # fmt: skip
    with_nothing, without = fit(both), fit(glyphs[np.arange(1000)])
    assert with_nothing.digit == without.digit
    assert with_nothing.which == without.which
    assert with_nothing.glyph[1] > 0


ALONE = Weights(glyph=(0.0, 1.0, 0.0), digit=(0.0, 1.0, 0.0), which=(0.0, 1.0, 0.0))
"""The glyph network alone decides."""


def test_the_shares_are_counted():
    """Of four digits one is confused, one is lost, one is taken for a letter; one letter of two is
    accepted, and one of two boxes of nothing reported."""
    truth = np.array([3, 4, 5, 6, 10, 10, NO_GLYPH, NO_GLYPH])
    seen = rows(8, len(CLASSES), np.array([3, OTHER, 8, NONE, OTHER, 7, NONE, OTHER]), 0.9)
    judged = judge(found_of(truth, seen=seen), ALONE)
    counts = {name: judged[name] for name in ("digits", "other_glyphs", "no_glyphs")}
    assert counts == {"digits": 4, "other_glyphs": 2, "no_glyphs": 2}
    assert judged["confused"] == judged["confused_by_glyph_network"]
    assert judged["confused_by_page_network"] == judged["confused_by_classifier"] == 0
    assert (judged["digits_lost"], judged["digits_rejected"]) == (0.25, 0.5)
    assert judged["others_accepted"] == 0.5
    assert (judged["no_glyphs_reported"], judged["no_glyphs_accepted"]) == (0.5, 0)


def test_detections_get_the_truth_of_their_scene(monkeypatch):
    """One of a digit, one of a letter, one of nothing, and one that is unclear, left out."""
    boxes = [(20, 30, 40, 60), (60, 30, 80, 60), (20, 70, 40, 90), (20, 30, 40, 51)]
    found = detections(*[(box, 0.9, "3") for box in boxes])
    monkeypatch.setattr("tools.page_reader.fit.find_glyphs", lambda *_: found)
    two = np.array(boxes[:2], np.float32)
    scene = Scene(np.full((96, 128), 255, np.uint8), two, ("3", "x"),
                  np.full(2, 30, np.float32), np.ones(2, np.float32))  # fmt: skip
    seen = look_at([scene, scene])
    assert seen.truth.tolist() == 2 * [3, 10, NO_GLYPH]
    assert seen.seen.shape == (6, len(CLASSES))
    assert seen.alone.shape == (6, 11)
