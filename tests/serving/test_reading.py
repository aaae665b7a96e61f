"""POST /v1/read answers with what `digitnn read --json` prints."""

import base64
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pictures import as_png, five
from PIL import Image
from running_server import PNG, assert_error, form

BLANK = np.full((50, 50), 255, np.uint8)


def test_a_picture_gives_the_bytes_of_the_command_line(server, row_of_fives, tmp_path):
    command = [sys.executable, "-m", "digitnn", "read", "--json", "-"]
    done = subprocess.run(
        command, input=row_of_fives, capture_output=True, cwd=tmp_path, check=True
    )
    answer = server.post("/v1/read", row_of_fives, PNG)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == done.stdout
    assert answer.json()["pictures"][0]["text"] == "555"


def test_files_of_a_form_give_the_bytes_of_the_command_line(server, digitnn, row_of_fives):
    pages = [Image.fromarray(five(40, pen=6)), Image.fromarray(BLANK)]
    scan = BytesIO()
    pages[0].save(scan, "tiff", save_all=True, append_images=pages[1:])
    files = {
        "row.png": row_of_fives,
        "damaged.png": row_of_fives[:90],
        "note.txt": b"no picture",
        "scan.tif": scan.getvalue(),
        "blank.png": as_png(BLANK),
    }
    for name, data in files.items():
        Path(name).write_bytes(data)
    for options, query in (
        ([], ""),
        (["--single", "--min-confidence", "0.99"], "?single=true&min_confidence=0.99"),
        (["--symbols", "--no-rotate"], "?symbols=true&rotate=false"),
    ):
        printed = digitnn("read", "--json", *options, *files).out.encode()
        assert server.post(f"/v1/read{query}", *form(list(files.items()))).body == printed


def test_many_clients_get_the_same_bytes(server):
    picture = as_png(five(50))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: server.post("/v1/read", picture, PNG), range(12)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


def test_the_images_of_the_digits_are_added_on_request(server, row_of_fives):
    plain = server.post("/v1/read", row_of_fives, PNG).json()
    found = server.post("/v1/read?images=true", row_of_fives, PNG).json()
    images = [base64.b64decode(d.pop("image")) for d in found["pictures"][0]["digits"]]
    assert [len(image) for image in images] == [784] * 3
    assert all(max(image) > 200 and min(image) == 0 for image in images)
    assert found == plain


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/jpeg", "", "image/x-odd"])
def test_the_format_is_that_of_the_bytes_and_not_of_the_header(server, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = server.post("/v1/read", as_png(five(40, pen=6)), headers)
    assert answer.json()["pictures"][0]["text"] == "5"


def test_a_blank_page_is_read_as_nothing(server):
    found = server.post("/v1/read", as_png(BLANK), PNG).json()["pictures"]
    assert [(p["text"], p["digits"], p["error"]) for p in found] == [("", [], None)]


def test_a_form_without_a_readable_picture_is_an_error(server):
    answer = server.post("/v1/read", *form([("a.png", b"abc"), ("b.png", b"")]))
    assert assert_error(answer, 422, "a.png", "not a picture") == "unreadable_picture"


def test_only_pictures_of_many_that_are_unreadable_have_an_error(server):
    files = [("bad\n.png", b"abc"), ("good.png", as_png(five(40, pen=6)))]
    pictures = server.post("/v1/read", *form(files)).json()["pictures"]
    assert [picture["text"] for picture in pictures] == ["", "5"]
    assert "\n" not in pictures[0]["error"]
    assert pictures[1]["error"] is None


def test_a_form_that_is_cut_off_is_not_read_in_part(server, row_of_fives):
    body, headers = form([("a.png", as_png(BLANK)), ("b.png", row_of_fives)])
    for size in (len(body) - 5, len(body) - len(row_of_fives) // 2, 40, 0):
        assert assert_error(server.post("/v1/read", body[:size], headers), 400) == "bad_form"


def test_a_form_of_too_many_files_or_without_any_is_an_error(server):
    many = [(f"{n}.png", b"x") for n in range(101)]
    assert_error(server.post("/v1/read", *form(many)), 400, "100")
    text = b'--digit\r\nContent-Disposition: form-data; name="pictures"\r\n\r\nx\r\n--digit--\r\n'
    assert_error(server.post("/v1/read", text, form([])[1]), 422, "none")
    assert_error(server.post("/v1/read", *form([])), 422, "none")
    assert_error(server.post("/v1/read", text, {"Content-Type": "multipart/form-data"}), 400)


def test_a_decompression_bomb_is_refused_from_its_header(server):
    bomb = bytearray(as_png(BLANK))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)  # 3,600 megapixels, as its header says
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    for path in ("/v1/read", "/v1/explain"):
        answer = server.post(path, bytes(bomb), PNG)
        assert_error(answer, 422, "60000 x 60000", "64 megapixels")


def test_a_compressed_body_is_not_expanded(server):
    answer = server.post("/v1/read", bytes.fromhex("1f8b0800"), PNG | {"Content-Encoding": "gzip"})
    assert_error(answer, 422, "not a picture")
