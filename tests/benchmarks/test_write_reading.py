"""The tables of docs/reading.md contain the figures of the JSON results."""

import pytest
from PIL import Image

from benchmarks.docs.reading_page import draw_curve, tables

ROW = {"n": 200, "right": 190, "wrong": 4, "refused": 6, "accuracy": 0.95, "interval": [0.9, 0.98]}
CURVE = [
    {
        "threshold": round(0.01 * k, 2),
        "junk_accepted": 10.0 / k,
        "digits_refused": 0.05 * k,
        "wrong_among_accepted": 1.0 / k,
    }
    for k in range(1, 100)
]

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "threads": 2,
    "versions": {"numpy": "2.0"},
    "commit": "abc",
}
SPEED = {
    "speed": {"cold": {"median": 0.4321, "min": 0.4, "max": 0.5}, "page": {"megabytes": 145}},
    "machine": MACHINE | {"threads": 1},
}


@pytest.fixture
def result():
    return {
        "threshold": 0.5,
        "seed": 0,
        "beds": {
            "digits": {"chalk": ROW, "camera": ROW},
            "pages": {"page, ruled": {**ROW, "character_error_rate": 0.0123}},
            "scenes": {
                "sheet": {**ROW, "digits_right": 195, "digit_error_rate": 0.0123},
                "text": {"n": 15, "accepted": 3, "share": 0.2, "letters": 200, "letters_read": 5},
                "looped 9": ROW,
            },
            "junk": {"shapes, 28": {"n": 75, "accepted": 3, "share": 0.04, "interval": [0, 1]}},
        },
        "totals": {
            "digits": {**ROW, "n": 400, "right": 380, "wrong": 8, "refused": 12},
            "scenes": {"n": 415, "accepted": 3, "share": 0.2},
        },
        "not_in_junk_total": ["letters like digits, 28"],
        "curve": CURVE,
        "machine": MACHINE,
    }


def test_every_bed_has_a_row_and_every_larger_group_a_total(result):
    text = tables(result, SPEED)
    assert "| chalk | 200 | 95.00 % | 2.00 % | 3.00 % |" in text
    assert "| **all** | 400 | 95.00 % | 2.00 % | 3.00 % |" in text
    assert text.count("**all**") == 2
    assert "| page, ruled | 200 | 95.00 % | 2.00 % | 3.00 % | 1.23 % |" in text
    assert "| sheet | 200 | 95.00 % | 97.50 % | 1.23 % | – | – |" in text
    assert "| text | 15 | – | – | – | 20.00 % | 2.50 % |" in text
    assert "| looped 9 | 200 | 95.00 % | 95.00 % | – | – | – |" in text
    assert "| shapes, 28 | 75 | 4.00 % |" in text
    assert "letters like digits, 28" in text


def test_the_tables_contain_curve_speed_and_machine(result):
    text = tables(result, SPEED)
    assert "| 0.5 | 0.20 % | 2.50 % | 0.02 % |" in text
    assert "| cold | 0.4321 | 0.4 to 0.5 |" in text
    assert "| page, megabytes | 145 | |" in text
    assert "a processor, 2 cores, 2 threads; numpy 2.0; commit abc" in text
    assert "a processor, 2 cores, 1 threads" in text


def test_the_curve_is_drawn(result, tmp_path):
    draw_curve(result["curve"], 0.5, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        assert image.size == (720, 480)
