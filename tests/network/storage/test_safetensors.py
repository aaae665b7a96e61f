"""Parameters on disk: exact both ways, and hostile headers cost nothing."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from digitnn.errors import DataError, FormatError
from digitnn.network.storage.safetensors import (
    MAX_HEADER_BYTES,
    load_safetensors,
    read_safetensors_header,
    save_safetensors,
)

PARAMS = {
    "0.weight": np.array([[1.5, -2.0, 3.25], [0.0, 5.0, -6.5]], np.float32),
    "0.bias": np.array([0.25, -0.5]),
}
DTYPES = ["f8", "f4", "f2", "c8", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


def file_of(folder: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """A file with this header (JSON, or bytes as they are) that claims this length for it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    claimed = len(text) if length is None else length
    path = folder / "params.safetensors"
    path.write_bytes(claimed.to_bytes(8, "little") + text + data)
    return path


def entry(dtype: str, shape: list[Any], begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_comes_back_exactly(dtype: str, tmp_path: Path) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    save_safetensors(tmp_path / "p", {"a": array})
    got = load_safetensors(tmp_path / "p")["a"]
    np.testing.assert_array_equal(got, array, strict=True)
    got[0, 0] = 1  # is writable
    assert read_safetensors_header(tmp_path / "p").entries[0].dtype == array.dtype.name


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0)[::-2],
        np.arange(3, dtype=">i4"),
        np.array(7.0),
        np.zeros((0, 4)),
    ],
    ids=["transposed", "strided", "big-endian", "no axes", "empty"],
)
def test_arrays_that_lie_oddly_in_memory_come_back(array: np.ndarray, tmp_path: Path) -> None:
    save_safetensors(tmp_path / "p", {"a": array})
    got = load_safetensors(tmp_path / "p")["a"]
    np.testing.assert_array_equal(got, array)
    assert got.shape == array.shape


def test_the_library_reads_what_we_write_and_we_read_what_it_writes(tmp_path: Path) -> None:
    save_safetensors(tmp_path / "ours", PARAMS)
    theirs = safetensors.numpy.load_file(tmp_path / "ours")
    safetensors.numpy.save_file(theirs, tmp_path / "theirs")
    for name, array in load_safetensors(tmp_path / "theirs").items():
        np.testing.assert_array_equal(array, PARAMS[name], strict=True)


def test_the_header_tells_names_shapes_and_metadata_without_the_data(tmp_path: Path) -> None:
    save_safetensors(tmp_path / "p", PARAMS, {"made by": "a test"})
    header = read_safetensors_header(tmp_path / "p")
    assert {(e.name, e.dtype, e.shape, e.end - e.begin) for e in header.entries} == {
        ("0.weight", "float32", (2, 3), 24),
        ("0.bias", "float64", (2,), 16),
    }
    assert header.metadata == {"made by": "a test"}


@pytest.mark.parametrize("length", [MAX_HEADER_BYTES + 1, 2**31, 2**40, 2**64 - 1])
def test_a_header_of_gigabytes_is_refused_before_it_is_read(length: int, tmp_path: Path) -> None:
    path = file_of(tmp_path, b'{"a":', length=length)
    with path.open("r+b") as file:
        file.truncate(2**32)  # sparse: four gigabytes that take no room
    tracemalloc.start()
    for read in (load_safetensors, read_safetensors_header):
        with pytest.raises(FormatError, match=r"params\.safetensors: .*header"):
            read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


DAMAGED: dict[str, tuple[Any, bytes, str]] = {
    "not JSON": (b"{nothing}", b"", "not the JSON"),
    "not UTF-8": (b'{"\xff":1}', b"", "not the JSON"),
    "UTF-16": ("{}".encode("utf-16"), b"", "not the JSON"),
    "nested JSON": (b"[" * 60_000, b"", "not the JSON"),
    "a list": ([], b"", "not a JSON object"),
    "a name twice": (
        b'{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},'
        b'"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
        b"\0",
        "twice",
    ),
    "no offsets": ({"a": {"dtype": "U8", "shape": [1]}}, b"\0", "lacks its dtype"),
    "no object": ({"a": 3}, b"", "lacks its dtype"),
    "unknown dtype": ({"a": entry("F128", [1], 0, 16)}, bytes(16), "unknown safetensors dtype"),
    "cut data": ({"a": entry("F32", [4], 0, 16)}, bytes(15), "promises 16 bytes"),
    "surplus data": ({"a": entry("F32", [4], 0, 16)}, bytes(17), "promises 16 bytes"),
    "no arrays but data": ({}, b"\0", "promises 0 bytes"),
    "wrong shape": ({"a": entry("F32", [5], 0, 16)}, bytes(16), "cannot be bytes 0 to 16"),
    "backwards": ({"a": entry("F32", [0], 4, 0)}, bytes(4), "cannot be bytes 4 to 0"),
    "before the file": ({"a": entry("U8", [4], -4, 0)}, b"", "cannot be bytes -4 to 0"),
    "overlap": (
        {"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 2, 6)},
        bytes(6),
        "begins at byte 2",
    ),
    "hole": (
        {"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 4, 6)},
        bytes(6),
        "begins at byte 4",
    ),
    "terabytes": ({"a": entry("F64", [2**30, 2**7], 0, 2**40)}, b"", "promises 1,099,511,627,776"),
    "product beyond 64 bits": ({"a": entry("U8", [2**30] * 4, 0, 0)}, b"", "cannot be bytes"),
    "long and empty": ({"a": entry("U8", [0, 2**60], 0, 0)}, b"", "impossible shape"),
    "negative length": ({"a": entry("U8", [-1, -1], 0, 1)}, b"\0", "impossible shape"),
    "length of text": ({"a": entry("U8", ["1"], 0, 1)}, b"\0", "impossible shape"),
    "hundred axes": ({"a": entry("U8", [1] * 100, 0, 1)}, b"\0", "impossible shape"),
    "offset of text": ({"a": entry("U8", [1], "0", 1)}, b"\0", "lacks its dtype"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, b"", "metadata"),
    "metadata of nothing": ({"__metadata__": None}, b"", "metadata"),
}


@pytest.mark.parametrize("read", [load_safetensors, read_safetensors_header])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_hostile_file_is_refused_in_one_line(
    name: str, read: Any, tmp_path: Path
) -> None:
    header, data, reason = DAMAGED[name]
    path = file_of(tmp_path, header, data)
    with pytest.raises(FormatError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert reason in message


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"\2\0\0\0\0\0\0\0{"])
def test_a_file_that_ends_in_its_header_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="a header of"):
        load_safetensors(path)


def test_bfloat16_is_listed_and_refused_with_the_remedy(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"a": entry("BF16", [2], 0, 4)}, bytes(4))
    assert read_safetensors_header(path).entries[0].dtype == "BF16"
    with pytest.raises(FormatError, match=r"'a' is BF16, .* save it as F32"):
        load_safetensors(path)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"a": np.array(["x"])}, "dtype <U1"),
        ({"a": np.array([None])}, "dtype object"),
        ({"__metadata__": np.zeros(1)}, "__metadata__"),
        ({"n" * MAX_HEADER_BYTES: np.zeros(1)}, "need a header"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(
    params: dict[str, np.ndarray], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "p"
    path.write_bytes(b"stood here before")
    with pytest.raises(DataError, match=reason):
        save_safetensors(path, params)
    assert path.read_bytes() == b"stood here before"


QUICK = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(
    params=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, min_side=0))
        ),
        max_size=3,
    )
)
def test_any_parameters_survive(tmp_path: Path, params: dict[str, np.ndarray]) -> None:
    save_safetensors(tmp_path / "p", params)
    got = load_safetensors(tmp_path / "p")
    assert got.keys() == params.keys()
    for name, array in params.items():
        np.testing.assert_array_equal(got[name], array, strict=True)


@settings(QUICK, max_examples=400)
@given(data=st.data())
def test_mutated_files_give_arrays_or_a_format_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "p"
    content = bytearray(safetensors.numpy.save(PARAMS, {"a": "b"}))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 2))
        content[at : at + length] = data.draw(st.binary(max_size=2) | st.sampled_from([b"9", b"["]))
    path.write_bytes(content)
    try:
        load_safetensors(path)
    except FormatError as error:
        message = str(error)
    else:
        return
    assert message.isprintable()
