"""The single digit of a picture: all of its ink, or what the page network finds in it."""

import numpy as np
import pytest
from handwriting import write
from numpy.testing import assert_allclose, assert_array_equal
from page_glyphs import Asking, always, detections, undecided
from pictures import five, picture

from digitnn.reader import single_digit
from digitnn.reader.digit_classifier import load_image_classifier
from digitnn.reader.glyphs import Glyph
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.page.second_look import PageNetworks, shipped_page_networks
from digitnn.reader.single_digit import MIN_CONFIDENCE, find_single_digit, surer_of, whole_ink


@pytest.fixture(scope="module")
def shipped():
    """What the shipped networks find in a picture."""
    classify = load_image_classifier()

    def find(grey):
        return find_single_digit(picture(grey), shipped_page_networks(), classify)

    return find


def cell(thick: int = 3, tone: int = 60) -> np.ndarray:
    """A printed cell of a form, larger than the picture at two of its sides."""
    grey = np.full((96, 90), 255, np.uint8)
    grey[6 : 6 + thick, :] = tone
    grey[:, 8 : 8 + thick] = tone
    grey[:, 82 : 82 + thick] = tone
    grey[90 - thick : 90, :] = tone
    return grey


def digit(text: str, seed: int = 0) -> np.ndarray:
    """A written digit, closely cropped, 48 pixels high."""
    page = write(text, seed)
    left, top, right, bottom = np.rint(page.boxes[0]).astype(int)
    return page.grey[top:bottom, left:right]


def test_all_ink_is_the_digit_if_the_classifier_is_sure():
    network = Asking()
    grey = five(100)
    glyph = find_single_digit(
        picture(grey), PageNetworks(network, undecided), always(5, MIN_CONFIDENCE + 0.01)
    )
    found = normalise(picture(grey))
    assert_array_equal(glyph.image, found.image)
    assert glyph.box == found.box
    assert network.seen == []


@pytest.mark.parametrize(("rival", "alone"), [(0.55, True), (0.65, False)])
def test_otherwise_the_surest_glyph_is_unless_another_equals_it(rival, alone, monkeypatch):
    """Two digits of similar height are not one: then all ink is the answer, unsure as it is."""
    grey = np.full((60, 120), 255, np.uint8)
    grey[10:50, 10:20] = grey[10:50, 80:90] = 0
    glyphs = detections(((10, 10, 20, 10 + 40 * rival), 0.8, "7"), ((80, 10, 90, 50), 0.99, "1"))
    monkeypatch.setattr(single_digit, "find_glyphs", lambda grey, network: glyphs)
    glyph = find_single_digit(picture(grey), PageNetworks(Asking(), undecided), always(1, 0.6))
    assert glyph.box == ((80, 10, 90, 50) if alone else (10, 10, 90, 50))


@pytest.mark.parametrize("text", ["3141592", "271828"])
def test_a_long_number_is_no_single_digit(text, shipped):
    assert shipped(write(text).grey).confidence < 0.5


def test_among_scattered_ink_several_glyphs_are_no_digit(monkeypatch):
    grey = np.full((100, 100), 255, np.uint8)
    grey[5::10, 5::10] = 0
    glyphs = detections(((10, 10, 20, 50), 0.9, "7"), ((80, 10, 90, 50), 0.99, "1"))
    monkeypatch.setattr(single_digit, "find_glyphs", lambda grey, network: glyphs)
    glyph = find_single_digit(picture(grey), PageNetworks(Asking(), undecided), always(1, 0.9))
    assert glyph.box == (80, 10, 90, 50)
    assert glyph.confidence == 0


def test_letters_and_unsure_glyphs_are_no_rivals(monkeypatch):
    glyphs = detections(((10, 10, 20, 50), 0.9, "x"), ((80, 10, 90, 50), 0.99, "1"))
    monkeypatch.setattr(single_digit, "find_glyphs", lambda grey, network: glyphs)
    glyph = find_single_digit(
        picture(np.full((60, 120), 255, np.uint8)),
        PageNetworks(Asking(), undecided),
        always(1, 0.6),
    )
    assert glyph.box == (80, 10, 90, 50)


def a_glyph(box, p: float) -> Glyph:
    return Glyph(np.zeros((28, 28), np.uint8), box, always(5, p)([0])[0])


@pytest.mark.parametrize(
    ("box", "p", "taken"),
    [
        ((10, 10, 30, 50), 0.9, True),
        ((12, 10, 32, 50), 0.9, True),  # shares 36 of 44 columns
        ((10, 10, 30, 50), 0.7, False),  # less sure
        ((40, 10, 60, 50), 0.9, False),  # elsewhere
        ((0, 0, 60, 90), 0.9, False),  # the glyph and much around it
    ],
)
def test_all_ink_replaces_the_only_glyph_if_it_is_the_same_and_surer(box, p, taken):
    found, whole = a_glyph((10, 10, 30, 50), 0.8), a_glyph(box, p)
    assert surer_of(found, whole) is (whole if taken else found)
    assert surer_of(found, None) is found


def test_all_ink_stays_the_answer_if_the_network_finds_nothing_surer():
    grey = five(100)
    glyph = find_single_digit(picture(grey), PageNetworks(Asking(), undecided), always(5, 0.4))
    assert_array_equal(glyph.image, normalise(picture(grey)).image)
    assert glyph.probabilities.argmax() == 10


@pytest.mark.parametrize("tone", [0, 200, 255])
def test_a_picture_without_ink_has_no_digit(tone, shipped):
    blank = np.full((28, 28), tone, np.uint8)
    assert whole_ink(picture(blank), always(5, 1)) is None
    assert shipped(blank) is None


def test_scattered_ink_is_no_glyph():
    grey = np.full((100, 100), 255, np.uint8)
    grey[5::10, 5::10] = 0
    assert whole_ink(picture(grey), always(5, 1)) is None


@pytest.mark.parametrize("text", list("0123456789"))
def test_a_digit_in_a_printed_cell_is_read(text, shipped):
    grey, own = cell(), digit(text)
    h, w = own.shape
    grey[24 : 24 + h, 45 - w // 2 : 45 - w // 2 + w] = own
    glyph = shipped(grey)
    assert glyph.probabilities.argmax() == int(text)
    left, top, right, bottom = glyph.box
    # the frame is no part of it
    assert left > 12
    assert top > 10
    assert right < 82
    assert bottom < 86


@pytest.mark.parametrize("text", list("0235689"))
def test_short_strokes_of_neighbours_are_left_out(text, shipped):
    grey, own = np.full((64, 72), 255, np.uint8), digit(text)
    h, w = own.shape
    grey[8 : 8 + h, 36 - w // 2 : 36 - w // 2 + w] = own
    grey[4:26, 0:5] = 0
    grey[42:64, 66:72] = 0
    glyph = shipped(grey)
    assert glyph.probabilities.argmax() == int(text)
    assert glyph.box[0] >= 6
    assert glyph.box[2] <= 66


def test_a_digit_on_a_sheet_on_a_dark_table_is_read(shipped):
    grey = np.full((200, 240), 45, np.uint8)
    grey[30:180, 60:200] = 225
    own = digit("3")
    h, w = own.shape
    grey[80 : 80 + h, 110 : 110 + w] = np.minimum(own, 225)
    glyph = shipped(grey)
    assert glyph.probabilities.argmax() == 3
    assert_allclose(glyph.box, [110, 80, 110 + w, 80 + h], atol=8)


@pytest.mark.parametrize("inverted", [False, True])
def test_an_empty_cell_holds_no_digit(inverted, shipped):
    grey = 255 - cell() if inverted else cell()
    glyph = shipped(grey)
    assert glyph is None or glyph.confidence < 0.5
