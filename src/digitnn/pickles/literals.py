"""The instructions of a pickle that carry a value: None, numbers, strings, bytes.

Every count is checked against the remaining bytes of the file before memory is allocated.
"""

import pickle
import re
import struct
from collections.abc import Callable
from typing import Any

_ESCAPES = re.compile(rb"\\(?:[\\'\"nrt]|x[0-9a-fA-F]{2})")


class ByteReader:
    """The bytes of a pickle and the reading position."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def remaining(self) -> int:
        return len(self.data) - self.at

    def take(self, n: int) -> bytes:
        """Return the next `n` bytes. Raises `ValueError` at the end of the file."""
        if n > self.remaining():
            raise ValueError(f"it ends at byte {len(self.data)}, in the middle of a value")
        self.at += n
        return self.data[self.at - n : self.at]

    def count(self, width: int) -> int:
        """Return an unsigned integer of `width` bytes, little-endian."""
        return int.from_bytes(self.take(width), "little")

    def line(self) -> bytes:
        """Return the rest of this line, without its end."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise ValueError(f"it ends at byte {len(self.data)}, in the middle of a line")
        return self.take(end + 1 - self.at)[:-1]


def is_literal(code: bytes) -> bool:
    """Return whether the instruction `code` carries a value."""
    return code in _LITERALS


def read_literal(code: bytes, source: ByteReader) -> Any:
    """Return the value that follows the instruction `code`."""
    if code in _CONSTANTS:
        return _CONSTANTS[code]
    if code in _EMPTY:
        return _EMPTY[code]()
    if code in _NUMBERS:
        return _NUMBERS[code].unpack(source.take(_NUMBERS[code].size))[0]
    if code in _COUNTED:
        width, convert = _COUNTED[code]
        return convert(source.take(source.count(width)))
    return _LINES[code](source.line())


def _integer(line: bytes) -> int | bool:
    """Parse a decimal integer; "00" and "01" are old booleans, a final L marks a long."""
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line.removesuffix(b"L"))


def _quoted(line: bytes) -> str:
    """Parse the `repr` of a Python 2 string; each byte becomes one character."""
    inner = line.strip()[1:-1]
    if line.strip() not in (b"'%b'" % inner, b'"%b"' % inner):
        raise ValueError("a string lacks its quotes")
    if b"\\" in _ESCAPES.sub(b"", inner):
        raise ValueError("a string has an unknown escape sequence")
    return inner.decode("unicode_escape")


_CONSTANTS = {pickle.NONE: None, pickle.NEWTRUE: True, pickle.NEWFALSE: False}
_EMPTY: dict[bytes, type] = {
    pickle.EMPTY_LIST: list,
    pickle.EMPTY_DICT: dict,
    pickle.EMPTY_SET: set,
    pickle.EMPTY_TUPLE: tuple,
}
_NUMBERS = {
    pickle.BININT: struct.Struct("<i"),
    pickle.BININT1: struct.Struct("<B"),
    pickle.BININT2: struct.Struct("<H"),
    pickle.BINFLOAT: struct.Struct(">d"),
}
# Instruction -> the width of its count, and the conversion of the counted bytes. The strings of
# Python 2 are bytes, which Latin-1 maps one to one.
_COUNTED: dict[bytes, tuple[int, Callable[[bytes], Any]]] = {
    pickle.SHORT_BINSTRING: (1, lambda raw: raw.decode("latin-1")),
    pickle.BINSTRING: (4, lambda raw: raw.decode("latin-1")),
    pickle.SHORT_BINUNICODE: (1, bytes.decode),
    pickle.BINUNICODE: (4, bytes.decode),
    pickle.BINUNICODE8: (8, bytes.decode),
    pickle.SHORT_BINBYTES: (1, bytes),
    pickle.BINBYTES: (4, bytes),
    pickle.BINBYTES8: (8, bytes),
    pickle.BYTEARRAY8: (8, bytearray),
    pickle.LONG1: (1, lambda raw: int.from_bytes(raw, "little", signed=True)),
}
_LINES: dict[bytes, Callable[[bytes], Any]] = {
    pickle.INT: _integer,
    pickle.LONG: _integer,
    pickle.FLOAT: float,
    pickle.STRING: _quoted,
    pickle.UNICODE: lambda line: line.decode("raw_unicode_escape"),
}
_LITERALS = frozenset({*_CONSTANTS, *_EMPTY, *_NUMBERS, *_COUNTED, *_LINES})
