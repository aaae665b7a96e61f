"""The tables of docs/scaling.md contain the figures of the JSON results."""

import pytest

from benchmarks import ROOT
from benchmarks.docs.scaling_page import BEGIN, END, figures
from benchmarks.docs.update_readme import put_between


def spread(median):
    return {"median": median, "min": 0.9 * median, "max": 1.1 * median, "n": 3}


IMAGES = {
    "n": 50_000,
    "seconds_to_start": 1.5,
    "pictures_per_second": spread(12_345.6),
    "share_of_classifier": spread(0.8),
    "processor_share": spread(0.7),
    "peak_megabytes": 456.7,
}


@pytest.fixture
def result():
    return {
        "sizes": {"repeats": 3},
        "minutes": 5.4,
        "load_average": 0.2,
        "images": {"png": IMAGES, "pixels": IMAGES | {"n": 40_000}},
        "drawings": {"n": 1500, "pictures_per_second": 61.25, "busy": 0.97,
                     "peak_megabytes": 321.0},
        "growth": [
            {"n": n, "seconds": n / 1000, "processor_seconds": 1.0, "peak_megabytes": 400.0,
             "milliseconds_of_a_further_picture": further}
            for n, further in ((1000, None), (10_000, 0.234), (100_000, 0.233))
        ],
        "ray": {"n": 20_000, "local_over_ray_rate": spread(1.5), "local_seconds": 4.0,
                "ray_seconds": 25.0},
        "machine": {"processor": "a processor", "cores": 2, "versions": {"numpy": "2.0"},
                    "commit": "abc"},
    }  # fmt: skip


def test_every_kind_of_pictures_every_size_and_ray_are_told(result):
    text = figures(result)
    shares = "80 % (72 to 88) | 70 % (63 to 77) | 457"
    assert f"| 50,000 images, PNGs in Parquet | 12,346 | {shares} |" in text
    assert f"| 40,000 images, lists of pixels in Parquet | 12,346 | {shares} |" in text
    assert "| 1,500 drawings, PNGs in a folder | 61.2 | | | 321 |" in text
    assert "97 % of" in text
    assert "| 1,000 | 1.0 |  | 400 |" in text
    assert "| 100,000 | 100.0 | 0.23 | 400 |" in text
    assert "local is 1.50 times as fast (1.35 to 1.65)" in text
    assert "a processor, 2 cores, load average\n0.2 before it; numpy 2.0; commit\nabc" in text


def test_a_measurement_without_ray_says_so(result):
    assert "Ray could not be started." in figures(result | {"ray": None})


def test_the_page_has_the_place_for_the_figures(result):
    page = (ROOT / "docs" / "scaling.md").read_text()
    written = put_between(page, BEGIN, END, figures(result))
    assert "12,346" in written
    assert put_between(written, BEGIN, END, figures(result)) == written
