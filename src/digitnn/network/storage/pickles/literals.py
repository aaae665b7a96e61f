"""The instructions of a pickle that hold a value: None, numbers, strings, bytes.

Every count is held against what the file still has before anything is made of that size.
"""

import pickle
import re
import struct
from collections.abc import Callable
from typing import Any

_ESCAPES = re.compile(rb"\\(?:[\\'\"nrt]|x[0-9a-fA-F]{2})")


class ByteReader:
    """The bytes of a pickle, and how far they are read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, n: int) -> bytes:
        """The next `n` bytes, which must be there; `ValueError` if they are not."""
        if n > self.left():
            raise ValueError(f"it ends at byte {len(self.data)}, in the middle of a value")
        self.at += n
        return self.data[self.at - n : self.at]

    def count(self, width: int) -> int:
        """An unsigned integer of `width` bytes, little-endian."""
        return int.from_bytes(self.take(width), "little")

    def line(self) -> bytes:
        """What is left of this line, without its end."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise ValueError(f"it ends at byte {len(self.data)}, in the middle of a line")
        return self.take(end + 1 - self.at)[:-1]


def is_literal(code: bytes) -> bool:
    """Whether the instruction `code` holds a value of its own."""
    return code in _LITERALS


def read_literal(code: bytes, source: ByteReader) -> Any:
    """The value that the instruction `code` holds, read from behind it."""
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
    """A decimal integer; "00" and "01" are the booleans of old, a final L marks a long."""
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line.removesuffix(b"L"))


def _quoted(line: bytes) -> str:
    """A string of Python 2 as its `repr` wrote it; each byte becomes one character."""
    inner = line.strip()[1:-1]
    if line.strip() not in (b"'%b'" % inner, b'"%b"' % inner):
        raise ValueError("a string lacks its quotes")
    if b"\\" in _ESCAPES.sub(b"", inner):
        raise ValueError("a string has an escape that no string is written with")
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
# Instruction -> the width of its count, and what the counted bytes become. The strings of
# Python 2 are bytes; Latin-1 keeps each of them.
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
