"""`digitnn read`: its output for programs and for people, and bad input."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from handwriting import write
from page_glyphs import detections
from pictures import five
from PIL import Image

from digitnn.cli.app import main
from digitnn.cli.console import messages
from digitnn.cli.read.inputs import natural_key
from digitnn.cli.read.job import MIN_PROGRESS_FILES
from digitnn.reader.glyphs import Glyph, Line
from digitnn.reader.page.reading import Page
from digitnn.reader.reader import DEFAULT_MIN_CONFIDENCE

BLANK = np.full((40, 40), 255, np.uint8)


def non_digit_if_thick(images):
    """Classify thin images as 5 with probability 0.9, thick ones as non-digits."""
    rows = np.zeros((len(images), 11), np.float32)
    thick = images.mean(axis=(1, 2)) > 60
    rows[~thick, 5], rows[~thick, 3] = 0.9, 0.1
    rows[thick, 6], rows[thick, 10] = 0.25, 0.75
    return rows


@pytest.fixture
def read(digitnn: CommandLine, monkeypatch):
    """`digitnn read ...` in an empty folder, with a network that reads thin fives.

    With --single it decides alone: the page network is not asked.
    """
    monkeypatch.setattr(
        "digitnn.reader.reader.load_image_classifier", lambda model: non_digit_if_thick
    )
    monkeypatch.setattr("digitnn.reader.single_digit.find_glyphs", lambda *_: detections())
    return lambda *arguments: digitnn("read", *arguments)


@pytest.fixture
def page(monkeypatch):
    """Every picture holds `05 5` above a comma."""
    p = np.zeros(11, np.float32)

    def glyph(digit: int, share: float, left: int, top: int, *symbol) -> Glyph:
        row = p.copy()
        row[[digit, 10]] = share, 1 - share
        return Glyph(five(28), (left, top, left + 10, top + 12), row, *symbol)

    first = Line((glyph(0, 1, 2, 2), glyph(5, 0.6, 13, 2), glyph(5, 0.9, 28, 3)), (0, 0, 1))
    lines = (first, Line((glyph(8, 0.25, 2, 20, ",", 0.75),), (False,)))
    monkeypatch.setattr("digitnn.reader.reader.read_page", lambda *_: Page(lines, 3))


def save(path: str, grey=None, **options) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(five(40, pen=6) if grey is None else grey).save(path, **options)
    return path


TURNED = "read after turning it by 270 degrees anticlockwise"
MISSING = {
    "path": "missing.png",
    "text": "",
    "digits": [],
    "notes": [],
    "error": "missing.png: no such file",
}


def test_the_json_has_the_documented_form(read, page):
    found = read("--json", save("a.png"), "missing.png", save("b.jpg"))
    assert found.code == 1
    assert found.err == ""
    assert found.json() == {
        "schema": 1,
        "pictures": [
            {
                "path": path,
                "text": "05 5\n?",
                "digits": [
                    {"digit": 0, "confidence": 1.0, "box": [2, 2, 12, 14]},
                    {"digit": 5, "confidence": 0.6, "box": [13, 2, 23, 14]},
                    {"digit": 5, "confidence": 0.9, "box": [28, 3, 38, 15]},
                    {"digit": None, "confidence": 0.25, "box": [2, 20, 12, 32]},
                ],
                "notes": [TURNED],
                "error": None,
            }
            if path != "missing.png"
            else MISSING
            for path in ("a.png", "missing.png", "b.jpg")
        ],
    }


def test_the_text_points_out_unsure_and_rejected_digits(read, page):
    done = read(save("a.png"))
    assert done.code == 0
    assert done.err == ""
    assert done.out == (
        f"a.png:\n  05 5\n  ?\n  ({TURNED}; 5: confidence 60 %; ?: not a digit, 75 %)\n"
    )


def test_symbols_are_read_and_told_apart_from_digits(read, page):
    (picture,) = read("--symbols", "--json", save("a.png")).json()["pictures"]
    assert picture["text"] == "05 5\n,"
    assert ["symbol" in digit for digit in picture["digits"]] == [False, False, False, True]
    assert picture["digits"][3] == {
        "digit": None,
        "symbol": ",",
        "confidence": 0.75,
        "box": [2, 20, 12, 32],
    }
    rows = list(csv.DictReader(io.StringIO(read("--symbols", "--csv", "a.png").out)))
    assert (rows[3]["digit"], rows[3]["confidence"]) == (",", "0.75")
    assert read("--symbols", "a.png").out.startswith("a.png:\n  05 5\n  ,\n")


def test_a_page_is_turned_unless_it_may_not_be(digitnn: CommandLine):
    page = write("2045 736\n91 8630")
    save("turned.png", np.rot90(page.grey, 2))
    (found,) = digitnn("read", "--json", "turned.png").json()["pictures"]
    assert found["text"] == "2045 736\n91 8630"
    assert found["notes"] == ["read after turning it by 180 degrees anticlockwise"]
    h, w = page.grey.shape
    boxes = np.array([digit["box"] for digit in found["digits"]])
    upright = np.stack([w - boxes[:, 2], h - boxes[:, 3], w - boxes[:, 0], h - boxes[:, 1]], 1)
    np.testing.assert_allclose(upright, page.boxes, atol=12)
    (fixed,) = digitnn("read", "--json", "--no-rotate", "turned.png").json()["pictures"]
    assert fixed["text"] != found["text"]
    assert not any("turning" in note for note in fixed["notes"])


def test_a_single_line_of_text_follows_its_path(read):
    done = read("--single", save("thin.png"), save("thick.png", five(40, pen=25)), "no.png")
    assert done.out.splitlines() == ["thin.png: 5", "thick.png: ?  (?: not a digit, 75 %)"]
    assert done.err == "error: no.png: no such file\n"
    assert done.code == 1


def test_an_unclear_digit_is_distinguished_from_a_non_digit(read):
    done = read("--single", "--min-confidence", "0.95", save("thin.png"))
    assert done.out == "thin.png: ?  (?: unclear, most likely 5, 90 %)\n"


def test_the_csv_has_a_row_for_each_digit(read, page):
    done = read("--csv", save("a.png"), "no, none.png")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["path"], row["line"], row["place"], row["digit"]) for row in rows] == [
        ("a.png", "1", "1", "0"),
        ("a.png", "1", "2", "5"),
        ("a.png", "1", "3", "5"),
        ("a.png", "2", "1", "?"),
        ("no, none.png", "", "", ""),
    ]
    assert [rows[2][side] for side in ("left", "top", "right", "bottom")] == ["28", "3", "38", "15"]
    assert rows[4]["error"] == "no, none.png: no such file"
    assert done.code == 1
    assert done.err == ""


def test_the_options_set_the_threshold_and_the_size_limit(read):
    thick = save("thick.png", five(40, pen=25))
    for threshold, text in (("0.2", "6"), ("0.3", "?")):
        found = read("--single", "--json", "--min-confidence", threshold, thick).json()
        assert found["pictures"][0]["text"] == text
    done = read("--json", "--max-megapixels", "0.001", thick)
    assert "40 x 40 pixels; the limit is 0.001" in done.json()["pictures"][0]["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["no picture to read", "--clipboard"]),
        (["--json", "--csv", "a.png"], ["--json", "--csv"]),
        (["--min-confidence", "1.5", "a.png"], ["0 to 1", "1.5"]),
        (["--min-confidence", "high", "a.png"], ["--min-confidence"]),
        (["--max-megapixels", "0", "a.png"], ["above 0"]),
        (["--boxes", "out.png", "a.png", "b.png"], ["out.png", "2 pictures", "folder"]),
        (["--boxes", "a.png", "a.png"], ["a.png", "choose another"]),
        (["--boxes", "notes.txt", "a.png"], ["notes.txt", "a .png or a folder"]),
        (["--boxes", "out.jpg", "a.png"], ["out.jpg", "PNGs", "a .png or a folder"]),
        (["--boxes", "x.png", "--explain", "x.png", "a.png"], ["both", "x.png"]),
        (["--colour", "a.png"], ["--colour"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(read, arguments, words):
    save("a.png")
    Path("notes.txt").write_text("mine")
    assert_one_error_line(read(*arguments), 2, *words)
    assert Path("notes.txt").read_text() == "mine"


def test_a_model_that_is_no_run_is_one_line(digitnn: CommandLine):
    assert_one_error_line(digitnn("read", "--model", "no", save("a.png")), 1, "no such folder")


def test_only_the_pictures_of_a_folder_are_read_in_natural_order(read):
    for name in ("page10.png", "page9.png", "Page1.jpg", "sub/deep.png", ".hidden.png"):
        save(f"scans/{name}")
    Path("scans/notes.txt").write_text("BM: not a bitmap")
    Path("scans/sound").write_bytes(b"RIFF\0\0\0\0WAVE")
    Path("scans/unnamed").write_bytes(Path("scans/page9.png").read_bytes())
    found = read("--json", "scans").json()["pictures"]
    expected = [f"scans/{name}" for name in ("Page1.jpg", "page9.png", "page10.png", "unnamed")]
    assert [picture["path"] for picture in found] == expected
    deep = read("--json", "scans/**/d*.png").json()["pictures"]
    assert [picture["path"] for picture in deep] == ["scans/sub/deep.png"]
    whole = read("--json", str(Path("scans").absolute() / "page*.png")).json()["pictures"]
    assert [Path(picture["path"]).name for picture in whole] == ["page9.png", "page10.png"]


def test_numbers_in_names_sort_as_numbers():
    assert sorted(["B1", "a10b2", "a9", "a10b1", "A2", "10", "9"], key=natural_key) == [
        *("9", "10", "A2", "a9", "a10b1", "a10b2", "B1")
    ]


def test_an_argument_without_pictures_is_an_error_in_its_place(read):
    Path("empty").mkdir()
    found = read("--json", "empty", "*.webp", "**x", save("a.png"), "\0", "x" * 300, "")
    errors = [picture["error"] for picture in found.json()["pictures"]]
    assert "empty: a folder without pictures" in errors[0]
    assert "no such file, and no picture" in errors[1]
    assert "no such file" in errors[2]
    assert errors[3] is None
    assert all(error and "\n" not in error for error in errors[4:])
    assert errors[6:] == ["'': an empty name; expected a picture"]  # not this folder
    assert found.code == 1


def test_an_existing_file_with_a_star_in_its_name_is_read(read):
    assert read("--json", save("a[1]*.png")).json()["pictures"][0]["path"] == "a[1]*.png"


BAD = {
    "empty.png": (b"", "empty"),
    "text.png": (b"Dear reader,\nthis is no picture\n", "not a picture"),
    "drawing.svg": (b'<?xml version="1.0"?><svg/>', "SVG"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "pip install pillow-heif"),
    "film.mp4": (b"\0\0\0\x18ftypisom\0\0\0\0", "film"),
}


def test_bad_files_are_one_line_each_and_the_rest_is_read(read, monkeypatch, recwarn):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name, (content, _) in BAD.items():
        Path(name).write_bytes(content)
    Path("cut.png").write_bytes(Path(save("whole.png")).read_bytes()[:60])
    save("long.png", np.zeros((1, 100_000), np.uint8))
    Image.new("1", (12_000, 12_000), 1).save("bomb.png")
    save("wrong.jpg", format="PNG")
    save("ink.png", np.zeros((40, 40), np.uint8))
    save("blank.png", BLANK)
    words = {name: word for name, (_, word) in BAD.items()}
    words |= {"cut.png": "damaged PNG", "long.png": "100000 x 1 pixels", "bomb.png": "megapixels"}
    good = ["whole.png", "wrong.jpg", "ink.png", "blank.png"]
    done = read("--json", *words, *good)
    assert done.code == 1
    assert done.err == ""
    found = {picture["path"]: picture for picture in done.json()["pictures"]}
    assert list(found) == [*words, *good]
    for name, word in words.items():
        assert word in found[name]["error"], name
        assert found[name]["error"].startswith(name)
        assert "\n" not in found[name]["error"]
        assert (found[name]["text"], found[name]["digits"]) == ("", [])
    assert [found[name]["error"] for name in good] == [None] * 4
    assert [found[name]["text"] for name in ("whole.png", "wrong.jpg", "blank.png")] == [
        "5",
        "5",
        "",
    ]
    text = read(*words, *good)
    assert text.err.count("\n") == text.err.count("error: ") == len(words)
    assert text.out.splitlines()[-1] == "blank.png:  (no digits)"
    assert not recwarn.list


def test_a_blank_page_is_not_an_error(read):
    done = read("--json", save("blank.png", BLANK))
    assert done.code == 0
    assert done.json()["pictures"][0] == {
        "path": "blank.png",
        "text": "",
        "digits": [],
        "notes": ["nothing that could be a digit"],
        "error": None,
    }


def test_stdin_is_read_as_a_picture(read, monkeypatch):
    with Path(save("a.png")).open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert read("-").out == "-: 5\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert "empty" in read("--json", "-").json()["pictures"][0]["error"]
    monkeypatch.setattr(sys, "stdin", None)
    assert "closed" in read("--json", "-").json()["pictures"][0]["error"]


def test_the_clipboard_is_read(read, monkeypatch):
    for held, out in (
        (Image.fromarray(five(40, pen=6)), "clipboard: 5\n"),
        ([save("a.png")], "a.png: 5\n"),
    ):
        monkeypatch.setattr("PIL.ImageGrab.grabclipboard", lambda held=held: held)
        assert read("--clipboard").out == out

    monkeypatch.setattr("PIL.ImageGrab.grabclipboard", lambda: None)
    assert_one_error_line(read("--clipboard"), 1, "holds no picture")

    def nothing_there():
        raise NotImplementedError("wl-paste or xclip is required")

    monkeypatch.setattr("PIL.ImageGrab.grabclipboard", nothing_there)
    assert_one_error_line(read("--clipboard"), 1, "clipboard", "xclip is required")


def test_the_pages_of_a_tiff_are_read_one_by_one(read):
    pages = [Image.fromarray(grey) for grey in (five(40, pen=6), BLANK, five(60, pen=25))]
    pages[0].save("scan.tif", save_all=True, append_images=pages[1:])
    found = read("--json", "--single", "scan.tif", save("a.png")).json()["pictures"]
    assert [(picture["path"], picture.get("page"), picture["text"]) for picture in found] == [
        ("scan.tif", 1, "5"),
        ("scan.tif", 2, ""),
        ("scan.tif", 3, "?"),
        ("a.png", None, "5"),
    ]
    assert read("scan.tif").out.startswith("scan.tif, page 1: 5\nscan.tif, page 2:")


def test_a_pdf_without_its_package_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    Path("scan.pdf").write_bytes(b"%PDF-1.4\n")
    error = read("--json", "scan.pdf").json()["pictures"][0]["error"]
    assert "pip install 'digitnn[pdf]'" in error


def test_the_pages_of_a_pdf_are_read(read):
    pytest.importorskip("pypdfium2")
    pages = [Image.fromarray(five(200, pen=pen)) for pen in (6, 25)]
    pages[0].save("scan.pdf", save_all=True, append_images=pages[1:])
    found = read("--json", "--single", "scan.pdf").json()["pictures"]
    assert [(picture["page"], picture["text"]) for picture in found] == [(1, "5"), (2, "?")]
    Path("cut.pdf").write_bytes(b"%PDF-1.4\n")
    assert "PDF" in read("--json", "cut.pdf").json()["pictures"][0]["error"]


def test_a_name_with_control_characters_is_printed_on_one_line(read, page):
    first, *_ = read(save("two\nlines\x1b[2J.png")).out.splitlines()
    assert first == r"two\nlines\x1b[2J.png:"


def test_drawings_go_to_a_file_or_to_a_folder(read, page):
    one, two, numbered = save("a.png"), save("sub/a.png"), save("a-2.png")
    assert read("--boxes", "out.png", "--explain", "why.png", one).code == 0
    assert read("--boxes", "out", "--explain", "out", one, two, numbered, "missing.png").code == 1
    names = {path.name for path in Path("out").iterdir()}
    assert names == {
        f"{stem}-{kind}.png" for stem in ("a", "a-2", "a-2-2") for kind in ("boxes", "explained")
    }
    for path in (Path("out.png"), Path("why.png"), *Path("out").iterdir()):
        with Image.open(path) as drawing:
            assert drawing.mode == "RGB"
            assert max(drawing.size) >= 400
    assert np.array_equal(
        np.asarray(Image.open("out.png")), np.asarray(Image.open("out/a-boxes.png"))
    )


def test_drawings_of_pages_are_numbered(read):
    pages = [Image.fromarray(five(40, pen=6))] * 2
    pages[0].save("scan.tif", save_all=True, append_images=pages[1:])
    read("--boxes", "out.png", "scan.tif")
    read("--boxes", "out", "scan.tif")
    assert {path.name for path in Path().glob("out-*")} == {"out-page1.png", "out-page2.png"}
    assert {path.name for path in Path("out").iterdir()} == {
        "scan-page1-boxes.png",
        "scan-page2-boxes.png",
    }


def test_a_drawing_that_cannot_be_written_is_one_line(read):
    Path("file").touch()
    assert_one_error_line(read("--boxes", "file/out.png", save("a.png")), 1, "file")


def test_readings_are_printed_as_they_come(read, monkeypatch, capsys):
    seen = []

    def slow(images):
        seen.append(capsys.readouterr().out)
        return non_digit_if_thick(images)

    monkeypatch.setattr("digitnn.reader.reader.load_image_classifier", lambda model: slow)
    monkeypatch.setattr("digitnn.cli.read.job.threads", lambda: 1)
    for name in "abc":
        save(f"{name}.png")
    read("a.png", "b.png", "c.png")
    assert seen[0] == ""
    assert [out for out in seen if out] == ["a.png: 5\n", "b.png: 5\n"]


@pytest.mark.slow
def test_five_hundred_files_are_read_in_order(read):
    names = [f"many/{n}.png" for n in range(500)]
    Path("many").mkdir()
    contents = [Path(save(f"{pen}.png", five(28, pen=pen))).read_bytes() for pen in (6, 25)]
    for n, name in enumerate(names):
        Path(name).write_bytes(contents[n % 7 == 0])
    for files in (names, ["many"]):
        pictures = read("--json", "--single", *files).json()["pictures"]
        assert [picture["path"] for picture in pictures] == names
        assert [picture["text"] for picture in pictures] == [
            "5" if n % 7 else "?" for n in range(500)
        ]


def test_a_pipe_closed_early_ends_quietly(tmp_path):
    save(str(tmp_path / "a.png"))
    code = "import sys; from digitnn.cli.app import main; sys.exit(main())"
    command = (
        f'"{sys.executable}" -c "{code}" read {"a.png " * 200} | head -1; echo ${{PIPESTATUS[0]}}'
    )
    done = subprocess.run(
        ["/bin/bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    first, code = done.stdout.splitlines()
    assert first.startswith("a.png:")
    assert code in ("0", "1")


def test_a_line_break_in_a_name_does_not_break_the_output(read):
    found = read("a\nb.png", "--json")
    assert found.json()["pictures"][0]["error"] == "a b.png: no such file"
    assert read("a\nb.png").err == "error: a b.png: no such file\n"


def test_the_help_states_the_default_threshold(read):
    assert f"{DEFAULT_MIN_CONFIDENCE} by default" in " ".join(read("--help").out.split())


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("n", "stdout", "shown"),
    [
        (MIN_PROGRESS_FILES, io.StringIO(), True),
        (MIN_PROGRESS_FILES, Terminal(), False),
        (MIN_PROGRESS_FILES - 1, io.StringIO(), False),
    ],
)
def test_a_bar_is_shown_on_a_terminal_that_shows_no_results(read, monkeypatch, n, stdout, shown):
    path = save("a.png")
    monkeypatch.setattr(messages(), "is_interactive", True)  # asked once, of an earlier stderr
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["read", "--single", "--json", *[path] * n]) == 0
    assert ("100%" in sys.stderr.getvalue()) is shown
    assert len(json.loads(stdout.getvalue())["pictures"]) == n
