"""Recognition of file formats by their first bytes, and limits on unpacking.

A failed download often leaves an HTML page under the name of a data file, and suffixes can be
wrong. An error message that names the actual content helps to find the cause.
"""

from pathlib import Path

GZIP = b"\x1f\x8b"
BZIP2 = b"BZh"
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
HDF5 = b"\x89HDF\r\n\x1a\n"
PNG = b"\x89PNG\r\n\x1a\n"

MAX_UNPACKED = 1 << 31
"""Bytes that one array in a compressed file may unpack to: 2.7 million images, two gigabytes.

A file of a few megabytes can unpack to terabytes; an uncompressed one cannot lie about its size.
"""

DEFLATE_RATIO = 1032
"""The most bytes a deflate stream (gzip, ZIP) unpacks to, for each of its own
(https://zlib.net/zlib_tech.html): a header that promises more can be rejected unread."""

_KINDS = (
    (GZIP, "gzip data"),
    (BZIP2, "bzip2 data"),
    (ZIP, "a ZIP archive"),
    (EMPTY_ZIP, "an empty ZIP archive"),
    (HDF5, "an HDF5 file"),
    (PNG, "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"\x80", "a pickle"),
    (b"MATLAB", "a MATLAB file"),
)
_HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")


def looks_like_html(head: bytes) -> bool:
    """Return whether `head`, the first bytes of a file, begins a web page."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(_HTML)


def kind_of(head: bytes) -> str:
    """Return a few words for the content that begins with `head`, such as "a ZIP archive"."""
    if not head:
        return "an empty file"
    if looks_like_html(head):
        return "an HTML page (perhaps an error page instead of the data)"
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    return f"a file that begins with the bytes {head[:4].hex(' ')}"


def head_of(path: Path, size: int = 512) -> bytes:
    """Return the first `size` bytes of the file, fewer if it is shorter."""
    with path.open("rb") as file:
        return file.read(size)
