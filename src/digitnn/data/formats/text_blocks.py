"""Blocks of whole lines of a text file, plain or compressed, in bounded memory.

The content decides the compression, not the name: gzip, bzip2, or one member of a ZIP archive.
"""

import bz2
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from digitnn.data.formats.magic import BZIP2, GZIP, ZIP, head_of, kind_of
from digitnn.errors import FormatError
from digitnn.wording import error_text

BLOCK_BYTES = 1 << 20
"""Bytes that are unpacked at a time; also the longest line that is read."""

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class TextFile:
    """A text file; member: the file inside a ZIP archive, None for the only one."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)


def text_blocks(text: TextFile) -> Iterator[bytes]:
    """Yield the file in blocks of whole lines, without byte order mark; lines end in a newline.

    Raises `FormatError` for damaged compression, for content that is no text, and for a line of
    more than `BLOCK_BYTES`.
    """
    with _unpacked(text) as stream:
        rest, first = b"", True
        while chunk := stream.read(BLOCK_BYTES):
            if first:
                chunk, first = _checked_start(chunk, text), False
            block = rest + chunk.replace(b"\r", b"")
            end = block.rfind(b"\n") + 1
            if len(block) - end > BLOCK_BYTES:
                raise FormatError(f"{text}: a line of more than {BLOCK_BYTES:,} bytes")
            if b"\0" in chunk:
                raise FormatError(f"{text}: not a text file: it has zero bytes")
            rest = block[end:]
            if end:
                yield block[:end]
        if rest:
            yield rest + b"\n"


def first_line(text: TextFile) -> bytes:
    """Return the first line that is not blank. Raises like `text_blocks`."""
    for block in text_blocks(text):
        for line in block.split(b"\n"):
            if line.strip():
                return line
    raise FormatError(f"{text}: {kind_of(b'')}")


def zip_members(path: Path) -> tuple[str, ...]:
    """Return the names in a ZIP archive; none if it is damaged or of another format."""
    if head_of(path, 4) != ZIP:
        return ()
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return ()


def _checked_start(chunk: bytes, text: TextFile) -> bytes:
    head = chunk[:512]
    if head.startswith(_UTF_16):
        raise FormatError(f"{text}: UTF-16 text; save it as UTF-8")
    if b"\0" in head or kind_of(head).startswith(("an HTML", "a PDF", "a PNG", "a pickle")):
        raise FormatError(f"{text}: not a text file: it looks like {kind_of(head)}")
    return chunk.removeprefix(_BOM)


@contextmanager
def _unpacked(text: TextFile) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open the file; damaged compression inside the block becomes a `FormatError`."""
    head = head_of(text.path, 4)
    try:
        if head.startswith(GZIP):
            with gzip.open(text.path) as stream:
                yield stream
        elif head.startswith(BZIP2):
            with bz2.open(text.path) as stream:
                yield stream
        elif head == ZIP:
            with zipfile.ZipFile(text.path) as archive, archive.open(_member(archive, text)) as one:
                yield one
        else:
            with text.path.open("rb") as plain:
                yield plain
    except FormatError:
        raise
    except EOFError:
        raise FormatError(f"{text}: truncated compressed data; fetch the file again") from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError, KeyError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise FormatError(f"{text}: damaged compressed data ({error_text(error)})") from None


def _member(archive: zipfile.ZipFile, text: TextFile) -> str:
    if text.member:
        return text.member
    names = archive.namelist()
    if len(names) != 1:
        held = ", ".join(map(ascii, names[:6])) or "nothing"
        raise FormatError(f"{text}: expected one file in the ZIP archive, found {held}")
    return names[0]
