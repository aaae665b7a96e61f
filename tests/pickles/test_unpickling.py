"""Pickles: what honest ones hold comes back, what hostile ones ask for does not happen."""

import builtins
import os
import pickle
import pickletools
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from digitnn.errors import DataError, FormatError
from digitnn.pickles.loading import load_pickle, save_pickle
from digitnn.pickles.plain_values import check_plain

WEIGHT = np.array([[1.5, -2.0, 3.25], [0.0, 5.0, -6.5]], np.float32)

HONEST: dict[str, Any] = {
    "floats": WEIGHT,
    "fortran": np.asfortranarray(WEIGHT),
    "transposed": np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
    "big-endian": np.arange(300, dtype=">i4"),
    "large": np.arange(5000, dtype=np.int16),
    "booleans": np.array([True, False]),
    "complex array": np.array([1 + 2j]),
    "texts": np.array(["ab", "ç"]),
    "byte strings": np.array([b"a", b"bc"]),
    "empty": np.zeros((0, 3), np.int8),
    "no axes": np.array(3.0),
    "scalar": np.float32(1.5),
    "bool scalar": np.bool_(True),
    "text scalar": np.str_("ab"),
    "empty text scalar": np.str_(""),
    "empty bytes scalar": np.bytes_(b""),
    "leaves": [None, True, False, 0, 255, 65535, -1, 2**31, -(2**70), 0.1, 2j, "é\n'\"\\", ""],
    "bytes": [b"", b"\x00\xff", bytearray(), bytearray(b"\xfe")],
    "containers": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, set(), {1, "a"}, frozenset({2})],
    "keys": {"a": 1, (1, "b"): 2, 3: 4, None: 5, b"c": 6, np.int64(7): 8},
    "shared": [[1, 2]] * 2,
}


def assert_same(got: Any, expected: Any) -> None:
    """Equal in value, type, shape and, but for the order of bytes, dtype."""
    assert type(got) is type(expected)
    if isinstance(expected, np.ndarray):
        assert got.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, expected, strict=False)
        assert got.shape == expected.shape
        got[...] = got  # is writable
    elif isinstance(expected, dict):
        assert_same(list(got), list(expected))
        assert_same(list(got.values()), list(expected.values()))
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
    else:
        assert got == expected


def load(folder: Path, content: bytes) -> Any:
    path = folder / "file.pickle"
    path.write_bytes(content)
    return load_pickle(path)


def refusal(folder: Path, content: bytes) -> str:
    """The message with which `content` is refused: one line that names the file."""
    with pytest.raises(FormatError) as caught:
        load(folder, content)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(str(folder / "file.pickle"))
    assert len(message) < 500 + len(str(folder))
    return message


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HONEST)
def test_honest_values_come_back_from_every_protocol(
    name: str, protocol: int, tmp_path: Path
) -> None:
    assert_same(load(tmp_path, pickle.dumps(HONEST[name], protocol)), HONEST[name])


def test_shared_parts_are_shared_again(tmp_path: Path) -> None:
    first, second = load(tmp_path, pickle.dumps([WEIGHT] * 2))
    assert first is second


def test_an_array_owns_its_memory_and_leaves_the_bytes_of_others_alone(tmp_path: Path) -> None:
    # One bytes object, kept in the memo, serves as a value and as the data of two arrays.
    data = b"\x80\x04B" + (2000).to_bytes(4, "little") + bytes(2000) + b"\x940"
    one = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R"
    dtype = b"cnumpy\ndtype\n\x8c\x02u1\x89\x88\x87R"
    array = one + b"(K\x01M\xd0\x07\x85" + dtype + b"\x89h\0tb"
    first, second, kept = load(tmp_path, data + b"](" + array + array + b"h\0e.")
    first[0] = 7
    assert second[0] == 0
    assert kept == bytes(2000)


PYTHON_2_TEXT = rb"""(dp0
S'W1'
p1
cnumpy.core.multiarray
_reconstruct
p2
(cnumpy
ndarray
p3
(I0
tp4
S'b'
p5
tp6
Rp7
(I1
(L2L
I2
tp8
cnumpy
dtype
p9
(S'f4'
p10
I0
I1
tp11
Rp12
(I3
S'<'
p13
NNNI-1
I-1
I0
tp14
bI00
S'\x00\x00\xc0?\x00\x00\x00\xc0\x00\x00P@\n\'"@'
p15
tp16
bsS'caf\xc3\xa9'
p17
Vcaf\u00e9
p18
sS"it's"
p19
I01
s."""

PYTHON_2_BINARY = (
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85q\x03"
    b"U\x01bq\x04\x87q\x05Rq\x06(K\x01K\x02\x85q\x07cnumpy\ndtype\nq\x08U\x02i2q\tK\x00K\x01\x87"
    b"q\nRq\x0b(K\x03U\x01>q\x0cNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\rb\x89"
    b"T\x04\x00\x00\x00\x00\x01\xff\xfeq\x0etq\x0fb."
)


def test_a_text_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    value = load(tmp_path, PYTHON_2_TEXT)
    expected = np.frombuffer(b"\0\0\xc0?\0\0\0\xc0\0\0P@\n'\"@", "<f4").reshape(2, 2)
    assert_same(value["W1"], expected)
    assert value["cafÃ©"] == "café"  # bytes of UTF-8, kept one by one as Latin-1
    assert value["it's"] is True


def test_a_binary_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    assert_same(load(tmp_path, PYTHON_2_BINARY), np.array([1, -2], np.int16))


@pytest.mark.parametrize("package", ["numpy.core", "numpy._core"])
def test_both_names_of_numpys_core_are_known(package: str, tmp_path: Path) -> None:
    content = pickle.dumps([WEIGHT, np.float64(2.5)], 2)
    content = content.replace(b"numpy._core", package.encode())
    assert_same(load(tmp_path, content), [WEIGHT, np.float64(2.5)])


class Calls:
    """Pickled, it asks for a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("protocol", range(6))
def test_a_command_is_not_run_and_its_name_is_told(protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    hostile = pickle.dumps(Calls(os.system, f"touch {trace}"), protocol)
    assert f"it asks for {os.system.__module__}.system" in refusal(tmp_path, hostile)
    assert not trace.exists()


def doubled(times: int) -> list[Any]:
    """A list that prints as 2^times empty lists."""
    value: list[Any] = []
    for _ in range(times):
        value = [value, value]
    return value


DTYPE = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"
BLANK = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
HOSTILE: dict[str, tuple[bytes, str]] = {
    "os.system": (b"cos\nsystem\n(S'id'\ntR.", "asks for os.system"),
    "eval": (pickle.dumps(Calls(builtins.eval, "1")), "asks for builtins.eval"),
    "eval of Python 2": (b"c__builtin__\neval\n(S'1'\ntR.", "asks for __builtin__.eval"),
    "dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.fly\x93.", "asks for numpy.ndarray.fly"),
    "name with an escape code": (b"co\x1b[31ms\nx\n.", r"asks for o\x1b[31ms.x"),
    "copy_reg": (b"ccopy_reg\n_reconstructor\n.", "asks for copy_reg._reconstructor"),
    "range": (pickle.dumps(range(10**12)), "asks for builtins.range"),
    "list": (b"cbuiltins\nlist\n.", "asks for builtins.list"),
    "numpy.load": (b"cnumpy\nload\n.", "asks for numpy.load"),
    "instance of old": (b"(ios\nsystem\n.", "asks for os.system"),
    "instance of ours": (b"(inumpy\ndtype\n.", "instance of a class"),
    "date": (pickle.dumps(date(2020, 1, 1)), "asks for datetime.date"),
    "no name": (b"\x80\x04K\x01K\x02\x93.", "asks for no name"),
    "bare name": (b"cnumpy\ndtype\n.", "type AdmittedName"),
    "bare dtype": (DTYPE + b".", "type PendingDType"),
    "call of a number": (b"I1\n(tR.", "not a function"),
    "call without a tuple": (b"cbuiltins\nset\n]R.", "not a function"),
    "10 GB by _reconstruct": (
        BLANK.replace(b"I0", b"I10000000000") + b".",
        "_reconstruct is called",
    ),
    "10 GB by ndarray": (
        b"cnumpy\nndarray\n((I10000000000\ntS'f8'\nS''\ntR.",
        "needs 80000000000 bytes, the file gives 0",
    ),
    "10 GB by state": (
        BLANK + b"(I1\n(I10000000000\nt" + DTYPE + b"I00\nS'abc'\ntb.",
        "needs 80000000000 bytes, the file gives 3",
    ),
    "more data than the shape": (
        b"cnumpy\nndarray\n((I1\ntS'u1'\nS'ab'\ntR.",
        "needs 1 bytes, the file gives 2",
    ),
    "ndarray without data": (b"cnumpy\nndarray\n((I9\ntS'f8'\ntR.", "ndarray is called"),
    "ndarray over no bytes": (b"cnumpy\nndarray\n((I9\ntS'f8'\nNtR.", "without its bytes"),
    "no rows, many columns": (
        b"cnumpy\nndarray\n((I0\nI1000000000\ntS'f8'\nS''\ntR.",
        "far more data than the file holds",
    ),
    "negative length": (b"cnumpy\nndarray\n((I-1\ntS'f8'\nS''\ntR.", "impossible shape"),
    "length of 2^70": (b"cnumpy\nndarray\n((I%d\ntS'f8'\nS''\ntR." % 2**70, "impossible shape"),
    "hundred axes": (b"cnumpy\nndarray\n((" + b"I1\n" * 100 + b"tS'u1'\nS'a'\ntR.", "impossible"),
    "object dtype": (pickle.dumps(np.array([None])), "dtype 'O8'"),
    "record dtype": (pickle.dumps(np.zeros(1, [("a", "f4")])), "dtype 'V4'"),
    "dates": (pickle.dumps(np.array(["2020"], "M8[D]")), "dtype 'M8'"),
    "endless strings": (
        b"cnumpy\nndarray\n((I0\ntS'S999999999'\nS''\ntR.",
        "far more data than the file holds",
    ),
    "strings of nothing": (b"cnumpy\nndarray\n((I9\ntS'S0'\nS''\ntR.", "needs 0 bytes"),
    "dtype by a tuple": (b"cnumpy\ndtype\n((S'f8'\nI9\nttR.", "dtype is called"),
    "dtype with fields": (DTYPE + b"(I3\nS'<'\nN(S'a'\ntNI8\nI8\nI0\ntb.", "has fields"),
    "dtype with metadata": (DTYPE + b"(I4\nS'<'\nNNNI8\nI8\nI0\n(dtb.", "metadata"),
    "booleans of 7": (b"cnumpy\nndarray\n((I1\ntS'b1'\nS'\\x07'\ntR.", "impossible value"),
    "characters of 2^32": (
        b"cnumpy\nndarray\n((I1\ntS'U1'\nS'\\xff\\xff\\xff\\xff'\ntR.",
        "impossible value",
    ),
    "bad axes": (
        b"cnumpy._core.numeric\n_frombuffer\n(S'ab'\nS'u1'\n(I1\nI2\ntS'K'\n(I0\nI7\nttR.",
        "unknown form",
    ),
    "state of a list": (b"](dtb.", "does not fit|damaged|state of a list"),
    "bytes of a number": (b"cbuiltins\nbytes\n(I10000000000\ntR.", "bytes is called"),
    "bytearray of a number": (b"cbuiltins\nbytearray\n(I10000000000\ntR.", "bytearray is called"),
    "set of a text": (b"cbuiltins\nset\n(S'abc'\ntR.", "set is called"),
    "codec": (b"c_codecs\nencode\n(S'abc'\nS'zlib'\ntR.", "encode is called"),
    "codec of a non-text": (b"c_codecs\nencode\n(NS'latin1'\ntR.", "encode is called"),
    "complex of a text": (b"cbuiltins\ncomplex\n(S'1'\ntR.", "complex is called"),
    "8 GB of bytes": (b"\x80\x04\x8e" + (2**33).to_bytes(8, "little") + b"abc.", "ends at byte 15"),
    "8 GB of bytearray": (b"\x80\x05\x96" + (2**33).to_bytes(8, "little") + b".", "ends at byte"),
    "2 GB of integer": (b"\x80\x02\x8b" + (2**31 - 1).to_bytes(4, "little") + b".", "LONG4"),
    "longest frame": (b"\x80\x04\x95" + b"\xff" * 8 + b"N.", "frame is longer"),
    "10,000 digits": (b"I" + b"9" * 10_000 + b"\n.", "digits"),
    "nested tuples": (b")" + b"\x85" * 200_000 + b".", "deeper than 100 levels"),
    "nested lists": (b"]" * 100_000 + b"a" * 99_999 + b".", "deeper than 100 levels"),
    "list in itself": (b"\x80\x04]\x94h\0a.", "a list contains itself"),
    "a billion laughs": (pickle.dumps(doubled(30)), "more than 500,000 values"),
    "doubled tuples": (b"\x80\x04K\x01" + b"2\x86" * 60 + b".", "more than 500,000 values"),
    "nested key": (b"})\x85\x85Ns.", "a tuple is used as a key"),
    "list as a key": (b"}]Ns.", "a list is used as a key"),
    "marks": (b"(" * 100_000 + b".", "unfinished"),
    "endless program": (b"N0" * 1_000_001 + b"N.", "more than 2,000,000 instructions"),
    "persistent id": (b"\x80\x02K\x01Q.", "instruction BINPERSID"),
    "persistent id of old": (b"Pabc\n.", "instruction PERSID"),
    "extension code": (b"\x80\x02\x82\x01.", "instruction EXT1"),
    "buffer out of band": (b"\x80\x05\x97.", "instruction NEXT_BUFFER"),
    "object": (b"\x80\x02cbuiltins\nset\n)\x81.", "instruction NEWOBJ"),
    "protocol of tomorrow": (b"\x80\x0bN.", "does not exist yet"),
    "unknown instruction": (b"\xff.", "instruction b'\\xff'"),
    "lone surrogate": (b"V\\ud800\n.", "half a character"),
    "strange escape": (b"S'\\q'\n.", "escape"),
    "string without quotes": (b"Sabc\n.", "lacks its quotes"),
    "not UTF-8": (b"\x80\x04\x8c\x01\xff.", "utf-8"),
    "empty": (b"", "ends at byte 0"),
    "cut": (pickle.dumps(WEIGHT)[:-9], "ends at byte|frame is longer"),
    "two values": (b"N.N.", "2 bytes follow"),
    "nothing left": (b".", "unfinished"),
    "not in the memo": (b"h\7.", "are inconsistent"),
    "odd items": (b"}(Nu.", "shorter"),
    "append to a dict": (b"}Na.", "treats a dict as a list"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_damaged_pickle_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[name]
    message = refusal(tmp_path, content)
    assert any(part in message for part in reason.split("|")), message


BOMBS = {
    "memo index": b"\x80\x04Nr" + (2**32 - 1).to_bytes(4, "little") + b".",
    "bytes": HOSTILE["8 GB of bytes"][0],
    "shape": HOSTILE["10 GB by state"][0],
    "columns": HOSTILE["no rows, many columns"][0],
    "one list, many sets": b"].".join([b"\x80\x02", b""])[:-1]
    + b"(" + b"K\x01" * 20_000 + b"e\x94cbuiltins\nset\n\x94" + b"h\1h\0\x85R" * 5_000 + b".",
    "one text, many bytes": b"\x80\x04X" + (50_000).to_bytes(4, "little") + b"a" * 50_000
    + b"\x94c_codecs\nencode\n\x94" + b"h\1h\0\x8c\6latin1\x86R" * 5_000 + b".",
    "one buffer, many arrays": b"\x80\x04B" + (50_000).to_bytes(4, "little") + bytes(50_000)
    + b"\x94cnumpy\nndarray\n\x94" + b"h\1(M\x50\xc3\x85U\2u1h\0tR" * 5_000 + b".",
    "empty sets": b"(" + b"\x8f" * 20_000 + b"l.",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_memory_stays_within_a_multiple_of_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pickle"
    path.write_bytes(BOMBS[name])
    tracemalloc.start()
    try:
        load_pickle(path)
    except FormatError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 400 * len(BOMBS[name]) + 200_000


def test_numbers_chosen_to_collide_are_refused_before_they_cost_minutes(tmp_path: Path) -> None:
    equal_hashes = (i * (2**61 - 1) for i in range(1, 10_002))
    content = b"\x80\x04\x8f(" + b"".join(
        b"\x8a\x0a" + number.to_bytes(10, "little") for number in equal_hashes
    )
    # The set is dropped again: what is refused is building it, not the value that is left.
    assert "10,000 keys that are not strings" in refusal(tmp_path, content + b"\x900N.")


@pytest.mark.parametrize("name", HONEST)
def test_what_is_saved_is_loaded_by_us_and_by_anybody(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "params.pickle"
    save_pickle(path, HONEST[name])
    assert_same(load_pickle(path), HONEST[name])
    assert_same(pickle.loads(path.read_bytes()), HONEST[name])


def test_arrays_are_saved_under_names_that_old_numpy_knows(tmp_path: Path) -> None:
    path = tmp_path / "params.pickle"
    save_pickle(path, {"weight": WEIGHT, "names": np.array(["a"])})
    opcodes = list(pickletools.genops(path.read_bytes()))
    assert opcodes[0][1] == 4  # the protocol
    words = {argument for _, argument, _ in opcodes if isinstance(argument, str)}
    assert {"numpy", "ndarray", "<f4"} <= words
    assert not any("core" in word for word in words)


@pytest.mark.parametrize(
    "value",
    [
        date(2020, 1, 1),
        [np.array([None])],
        {"a": np.datetime64("2020")},
        np.ma.masked_array([1.0]),
        {((1,),): 2},
        dict.fromkeys(range(10_001)),
        doubled(30),
        10**700,
        os.system,
    ],
)
def test_what_could_not_be_loaded_is_not_saved(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "params.pickle"
    path.write_bytes(b"stood here before")
    with pytest.raises(DataError, match="not written"):
        save_pickle(path, value)
    assert path.read_bytes() == b"stood here before"


def test_a_file_that_is_not_there_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_pickle(tmp_path / "none.pickle")


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
    | st.binary(max_size=9)
    | arrays_of.arrays(
        st.sampled_from(["u1", "<i2", ">f4", "f8", "?", "S3"]),
        arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=None,
    )
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(), inner)
    ),
    max_leaves=12,
)
QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_any_plain_value_survives_both_ways(tmp_path: Path, value: Any, protocol: int) -> None:
    path = tmp_path / "value.pickle"
    save_pickle(path, value)
    assert_same(load_pickle(path), value)
    assert_same(load(tmp_path, pickle.dumps(value, protocol)), value)


SEEDS = [pickle.dumps(value, protocol) for value in HONEST.values() for protocol in range(6)]
SEEDS += [PYTHON_2_TEXT, PYTHON_2_BINARY, *(content for content, _ in HOSTILE.values())]
SEEDS = [seed for seed in SEEDS if len(seed) < 2000]
CODES = sorted(code for code in vars(pickle).values() if type(code) is bytes and len(code) == 1)


def assert_plain_or_refused(folder: Path, content: bytes) -> None:
    try:
        value = load(folder, content)
    except FormatError as error:
        message = str(error)
    else:
        check_plain(value)
        return
    assert message.isprintable()


@pytest.mark.slow
@settings(QUICK, max_examples=800)
@given(data=st.data())
def test_mutated_pickles_give_plain_values_or_a_format_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 3))
        content[at : at + length] = data.draw(
            st.binary(max_size=3) | st.sampled_from(CODES) | st.sampled_from(SEEDS)
        )
    assert_plain_or_refused(tmp_path, bytes(content))


@settings(QUICK, max_examples=500)
@given(codes=st.lists(st.sampled_from(CODES) | st.binary(max_size=2), max_size=30))
def test_random_programs_give_plain_values_or_a_format_error(
    tmp_path: Path, codes: list[bytes]
) -> None:
    assert_plain_or_refused(tmp_path, b"".join(codes))
