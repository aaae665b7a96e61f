"""The label column of a table: numbers or words, each checked where it first occurs.

A row keeps one byte, the code of its text. What the texts stand for is decided at the end of the
file, when all of them are known.
Axes: n rows, k different texts.
"""

import re
from pathlib import Path

import numpy as np
from numpy import ndarray

from digitnn.data.dataset import MAX_CLASSES
from digitnn.data.formats.emnist import emnist_names
from digitnn.data.formats.labels import Labels, as_labels, word_among_numbers
from digitnn.data.formats.text_blocks import TextFile
from digitnn.errors import FormatError

NUMBER = re.compile(rb"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
MAX_SHOWN = 20
_MAX_WORD = 64
_NO_WORDS = ("nan", "inf", "-inf")


class LabelColumn:
    """Collects the labels of a table in the order of its rows."""

    def __init__(self, text: TextFile, place: str) -> None:
        """Start a column; `place` names it in errors, such as "column 1 (label)"."""
        self._text, self._place = text, place
        self._names = emnist_names(text.path.with_name(Path(text.member or text.path).name))
        self._code_of: dict[bytes, int] = {}
        self._first_lines: dict[str, int] = {}
        self._codes = bytearray()

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, cells: list[bytes], lines: list[int]) -> None:
        """Add a cell for each of the numbered lines. Raises `FormatError` for what is no label."""
        for cell, line in zip(cells, lines, strict=True):
            code = self._code_of.get(cell)
            if code is None:
                code = self._code_of[cell] = self._code(cell, line)
            self._codes.append(code)

    def labels(self) -> Labels:
        """Return all labels. Raises `FormatError` for a word among numbers."""
        words = list(self._first_lines)
        odd = word_among_numbers(words)
        if odd is not None:
            raise self._fault(
                self._first_lines[odd], f"is {odd[:MAX_SHOWN]!a}, but other labels are numbers"
            )
        found = as_labels(np.array(words), str(self._text), self._names)
        codes: ndarray = np.frombuffer(self._codes, np.uint8)
        return Labels(found.indices[codes], found.classes)

    def _code(self, cell: bytes, line: int) -> int:
        """Return the code of a text that has not occurred in this spelling."""
        word = self._word(cell, line)
        if word not in self._first_lines:
            if len(self._first_lines) == MAX_CLASSES:
                raise self._fault(
                    line, f"is one more label than the {MAX_CLASSES} that are possible"
                )
            self._first_lines[word] = line
        return list(self._first_lines).index(word)

    def _word(self, cell: bytes, line: int) -> str:
        word = cell.strip(b' \t"').decode("utf-8", "replace")
        expected = f"expected a label: a whole number from 0 to {MAX_CLASSES - 1}, or a word"
        if not word:
            raise self._fault(line, f"is empty; {expected}")
        shown = ascii(word[:MAX_SHOWN])
        if NUMBER.fullmatch(cell.strip(b' \t"')):
            value = float(word)
            if not (0 <= value < MAX_CLASSES and value == round(value)):
                raise self._fault(line, f"is {shown}; {expected}")
            word = str(round(value))
            if self._names is not None and int(word) not in self._names:
                labels = sorted(self._names)
                raise self._fault(line, f"is {word}; labels are {labels[0]} to {labels[-1]}")
            return word
        if not word.isprintable() or len(word) > _MAX_WORD or word.lower() in _NO_WORDS:
            raise self._fault(line, f"is {shown}; {expected}")
        return word

    def _fault(self, line: int, fault: str) -> FormatError:
        return FormatError(f"{self._text}: line {line}, {self._place} {fault}")
