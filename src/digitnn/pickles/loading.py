"""A safe unpickler, and a pickler whose files it reads.

A pickle is a program for a small machine with a stack and a memo. Python's machine imports and
calls any name in the program and trusts its counts: nine bytes that store a value under memo
number 2^28 cost 4 GB. This machine lacks the dangerous instructions, knows only the names in
`admitted`, and checks each count against the file. Memory stays within some 400 times the file's
size (one byte can ask for an empty set).
"""

import pickle
from pathlib import Path
from typing import Any

from numpy import ndarray

from digitnn.atomic_files import replace_file
from digitnn.errors import DataError, FormatError
from digitnn.pickles.admitted import (
    ADMITTED,
    AdmittedName,
    Allowance,
    PendingDType,
    call_admitted,
    fill_array,
)
from digitnn.pickles.literals import ByteReader, is_literal, read_literal
from digitnn.pickles.plain_values import NotPlainError, check_plain

MAX_STEPS = 2_000_000
"""About four seconds of instructions. An array of any size takes a dozen."""

_TUPLES = {pickle.TUPLE1: 1, pickle.TUPLE2: 2, pickle.TUPLE3: 3}
_INDEX_BYTES = {pickle.BINPUT: 1, pickle.LONG_BINPUT: 4, pickle.BINGET: 1, pickle.LONG_BINGET: 4}
_NAMES = {code: name for name, code in vars(pickle).items() if type(code) is bytes}


def load_pickle(path: Path | str) -> Any:
    """Return the value of a pickle of plain values (see `plain_values`).

    Supports every protocol, Python 2 and old NumPy. Raises `FormatError` for anything else in the
    file and for a damaged file.
    """
    path = Path(path)
    try:
        value = _Machine(path.read_bytes()).run()
        check_plain(value)
    except NotPlainError as error:
        raise FormatError(
            f"{path}: rejected: {error} (a pickle may hold only NumPy arrays and plain values)"
        ) from None
    except (ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
    except (LookupError, TypeError):
        reason = "its instructions are inconsistent"
    except MemoryError:
        reason = "it does not fit into memory"
    else:
        return value
    raise FormatError(f"{path}: not a pickle, or a damaged one ({reason:.200})")


def save_pickle(path: Path, value: object) -> None:
    """Write plain values as a pickle of protocol 4, atomically.

    Arrays are written as `numpy.ndarray(shape, dtype, bytearray)`, which every version of NumPy
    reads. Raises `DataError` for values that `load_pickle` would reject.
    """
    try:
        check_plain(value)
    except NotPlainError as error:
        raise DataError(f"{path}: not written: {error}") from None
    with replace_file(path) as file:
        _Pickler(file, protocol=4).dump(value)


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if type(value) is ndarray:
            return ndarray, (value.shape, value.dtype.str, bytearray(value.tobytes()))
        return NotImplemented


class _Machine:
    """The state of the stack machine while it runs one pickle."""

    def __init__(self, data: bytes) -> None:
        self.source = ByteReader(data)
        self.stack: list[Any] = []
        self.outer_stacks: list[list[Any]] = []  # one for each open mark, the newest last
        self.memo: dict[int, Any] = {}
        self.allowance = Allowance(len(data))

    def run(self) -> Any:
        """Execute all instructions and return the resulting value."""
        for _ in range(MAX_STEPS):
            code = self.source.take(1)
            if code == pickle.STOP:
                return self.result()
            if is_literal(code):
                self.push(read_literal(code, self.source))
            else:
                self.execute(code)
        raise NotPlainError(
            f"it has more than {MAX_STEPS:,} instructions; store many numbers in an array"
        )

    def result(self) -> Any:
        if self.source.remaining():
            raise NotPlainError(f"{self.source.remaining():,} bytes follow after its end")
        if self.outer_stacks or len(self.stack) != 1:
            raise ValueError("it ends with an unfinished value")
        return self.stack[0]

    def execute(self, code: bytes) -> None:
        """Execute an instruction that works on the stack or the memo."""
        match code:
            case pickle.MEMOIZE:
                self.memo[len(self.memo)] = self.stack[-1]
            case pickle.BINPUT | pickle.LONG_BINPUT | pickle.PUT:
                self.memo[self.memo_index(code)] = self.stack[-1]
            case pickle.BINGET | pickle.LONG_BINGET | pickle.GET:
                self.push(self.memo[self.memo_index(code)])
            case pickle.MARK:
                self.outer_stacks.append(self.stack)
                self.stack = []
            case pickle.POP if self.stack:
                self.stack.pop()
            case pickle.POP | pickle.POP_MARK:
                self.pop_to_mark()
            case pickle.DUP:
                self.push(self.stack[-1])
            case pickle.APPEND:
                self.extend(self.pop(1))
            case pickle.APPENDS:
                self.extend(self.pop_to_mark())
            case pickle.SETITEM:
                self.update(self.pop(2))
            case pickle.SETITEMS:
                self.update(self.pop_to_mark())
            case pickle.ADDITEMS:
                self.add(self.pop_to_mark())
            case pickle.LIST:
                self.push(self.pop_to_mark())
            case pickle.TUPLE1 | pickle.TUPLE2 | pickle.TUPLE3:
                self.push(tuple(self.pop(_TUPLES[code])))
            case pickle.TUPLE:
                self.push(tuple(self.pop_to_mark()))
            case pickle.DICT:
                items = self.pop_to_mark()
                self.push({})
                self.update(items)
            case pickle.FROZENSET:
                self.call(AdmittedName("frozenset"), (self.pop_to_mark(),))
            case pickle.GLOBAL | pickle.INST:
                self.name(self.source.line().decode(), self.source.line().decode())
                if code == pickle.INST:
                    raise NotPlainError("it creates an instance of a class")
            case pickle.STACK_GLOBAL:
                self.name(*self.pop(2))
            case pickle.REDUCE:
                self.call(*self.pop(2))
            case pickle.BUILD:
                self.build(*self.pop(1))
            case pickle.PROTO:
                if self.source.count(1) > pickle.HIGHEST_PROTOCOL:
                    raise NotPlainError("its protocol does not exist yet")
            case pickle.FRAME:
                if self.source.count(8) > self.source.remaining():
                    raise ValueError("a frame is longer than the file")
            case _:
                name = _NAMES.get(code, repr(code))
                raise NotPlainError(f"byte {self.source.at - 1} is the instruction {name}")

    def memo_index(self, code: bytes) -> int:
        """Return the memo number that follows an instruction, as bytes or in decimal."""
        width = _INDEX_BYTES.get(code)
        return self.source.count(width) if width else int(self.source.line())

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, n: int) -> list[Any]:
        if n > len(self.stack):
            raise ValueError("it pops from an empty stack")
        values = self.stack[-n:]
        del self.stack[-n:]
        return values

    def pop_to_mark(self) -> list[Any]:
        values = self.stack
        self.stack = self.outer_stacks.pop()
        return values

    def top(self, kind: type) -> Any:
        """Return the top of the stack, which must be exactly of type `kind`."""
        if type(self.stack[-1]) is not kind:
            raise NotPlainError(f"it treats a {type(self.stack[-1]).__name__} as a {kind.__name__}")
        return self.stack[-1]

    def extend(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def update(self, items: list[Any]) -> None:
        """Insert `items`, alternating keys and values, into the dict on top."""
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.allowance.key(key)
            target[key] = value

    def add(self, members: list[Any]) -> None:
        target = self.top(set)
        for member in members:
            self.allowance.key(member)
            target.add(member)

    def name(self, module: Any, attribute: Any) -> None:
        """Push an admitted name."""
        dotted = f"{module}.{attribute}" if type(module) is type(attribute) is str else "no name"
        if dotted not in ADMITTED:
            raise NotPlainError(f"it asks for {ascii(dotted[:80])[1:-1]}")
        self.push(ADMITTED[dotted])

    def call(self, function: Any, arguments: Any) -> None:
        if type(function) is not AdmittedName or type(arguments) is not tuple:
            raise NotPlainError("it calls something that is not a function")
        self.push(call_admitted(self.allowance, function, arguments))

    def build(self, state: Any) -> None:
        """Set the state of the value on top, which must be an array or a dtype."""
        target = self.stack[-1]
        if type(target) is PendingDType:
            target.set_state(state)
        elif type(target) is ndarray:
            fill_array(self.allowance, target, state)
        else:
            raise NotPlainError(f"it changes the state of a {type(target).__name__}")
