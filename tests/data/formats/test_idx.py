"""IDX: what is written is read, and whatever is not whole IDX is refused by name."""

import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digitnn.data.formats.idx import TYPES, IdxHeader, read_idx, read_idx_header, write_idx
from digitnn.errors import FormatError

DTYPES = [np.dtype(code).newbyteorder("=") for code in TYPES.values()]
# Two images of one row and three pixels, as any description of the format would write them.
BY_HAND = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])


def refusal(path: Path, content: bytes) -> str:
    """The message with which `content` is refused; it is one line and names the file."""
    path.write_bytes(content)
    with pytest.raises(FormatError) as raised:
        read_idx(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_bytes_written_by_hand_are_read_as_the_format_says(tmp_path):
    (tmp_path / "x").write_bytes(BY_HAND)
    array = read_idx(tmp_path / "x")
    np.testing.assert_array_equal(array, np.array([[[1, 2, 3]], [[4, 5, 255]]], np.uint8))
    assert array.dtype == np.uint8
    assert array.flags.writeable


def test_an_array_is_written_as_the_bytes_of_the_format(tmp_path):
    write_idx(tmp_path / "x", np.array([[[1, 2, 3]], [[4, 5, 255]]], np.uint8))
    assert (tmp_path / "x").read_bytes() == BY_HAND
    write_idx(tmp_path / "y", np.array([-2, 3], np.int16))
    assert (tmp_path / "y").read_bytes() == bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 0xFF, 0xFE, 0, 3])


@pytest.mark.parametrize("compress", [False, True])
@given(
    array=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            st.sampled_from([dtype, dtype.newbyteorder(">")]),
            hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
        )
    )
)
def test_every_type_and_shape_comes_back_as_it_was(tmp_path_factory, compress, array):
    path = tmp_path_factory.mktemp("idx") / "x"
    write_idx(path, array, compress)
    found = read_idx(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.shape == array.shape
    assert read_idx_header(path).shape == array.shape


def test_an_array_that_is_not_contiguous_is_written_in_its_own_order(tmp_path):
    array = np.arange(24, dtype=np.int32).reshape(4, 6).T[::2]
    write_idx(tmp_path / "x", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "x"), array)


def test_the_same_array_is_gzipped_to_the_same_bytes(tmp_path):
    array = np.arange(100, dtype=np.uint8)
    write_idx(tmp_path / "one.gz", array, compress=True)
    write_idx(tmp_path / "another.gz", array, compress=True)
    content = (tmp_path / "one.gz").read_bytes()
    assert content == (tmp_path / "another.gz").read_bytes()
    assert content[3:8] == bytes(5)  # neither a name nor a time


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16, np.complex64])
def test_a_type_that_idx_has_not_is_refused_and_nothing_is_written(tmp_path, dtype):
    with pytest.raises(FormatError, match=f"IDX holds .*not {np.dtype(dtype).name}"):
        write_idx(tmp_path / "x", np.zeros(3, dtype))
    assert list(tmp_path.iterdir()) == []


def test_the_first_bytes_decide_whether_a_file_is_gzipped_not_its_name(tmp_path):
    (tmp_path / "plain.gz").write_bytes(BY_HAND)
    (tmp_path / "packed").write_bytes(gzip.compress(BY_HAND))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), read_idx(tmp_path / "packed"))


def test_an_empty_file_is_refused(tmp_path):
    assert "the file is empty" in refusal(tmp_path / "x", b"")
    assert "the file is empty" in refusal(tmp_path / "y", gzip.compress(b""))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 15])
def test_a_truncated_header_is_refused(tmp_path, length):
    assert "truncated IDX header" in refusal(tmp_path / "x", BY_HAND[:length])


def test_truncated_data_are_refused_with_both_sizes(tmp_path):
    message = refusal(tmp_path / "x", BY_HAND[:-1])
    assert "truncated: its header promises 2 x 1 x 3 uint8 (22 bytes), there are 21" in message
    assert "truncated" in refusal(tmp_path / "y", gzip.compress(BY_HAND[:-1]))


def test_surplus_data_are_refused(tmp_path):
    message = refusal(tmp_path / "x", BY_HAND + b"\0")
    assert (
        "surplus data: its header promises 2 x 1 x 3 uint8 (22 bytes), the file has 23" in message
    )
    assert "surplus data" in refusal(tmp_path / "y", gzip.compress(BY_HAND + b"\0"))


def test_a_wrong_magic_number_is_refused_with_what_it_looks_like(tmp_path):
    assert "wrong magic number" in refusal(tmp_path / "x", b"\1" + BY_HAND[1:])
    assert "a ZIP archive" in refusal(tmp_path / "y", b"PK\x03\x04" + bytes(40))


def test_an_unknown_type_is_refused_with_the_known_ones(tmp_path):
    message = refusal(tmp_path / "x", bytes([0, 0, 0x0A]) + BY_HAND[3:])
    assert "unknown IDX type 0x0a" in message
    assert "0x08, 0x09, 0x0b" in message


def test_a_little_endian_header_is_recognised(tmp_path):
    swapped = struct.pack("<IIII", 0x00000803, 2, 1, 3) + BY_HAND[16:]
    assert "little-endian IDX header" in refusal(tmp_path / "x", swapped)


def test_little_endian_lengths_behind_a_right_magic_number_are_recognised(tmp_path):
    swapped = BY_HAND[:4] + struct.pack("<III", 2, 1, 3) + BY_HAND[16:]
    assert "little-endian lengths" in refusal(tmp_path / "x", swapped)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("axes", [1, 3, 7])
def test_absurd_counts_are_refused_before_anything_is_allocated(tmp_path, pack, axes):
    header = bytes([0, 0, 0x0E, axes]) + b"\xff\xff\xff\xff" * axes
    message = refusal(tmp_path / "x", pack(header + bytes(100)))
    assert "promises" in message


def test_no_items_in_an_array_too_large_to_address_are_refused(tmp_path):
    header = bytes([0, 0, 0x0E, 4]) + b"\xff\xff\xff\xff" * 3 + bytes(4)
    assert "no array can be" in refusal(tmp_path / "x", header)


def test_more_axes_than_numpy_has_are_refused(tmp_path):
    assert "200 axes" in refusal(tmp_path / "x", bytes([0, 0, 8, 200]) + bytes(800))


def test_a_cut_gzip_file_is_refused(tmp_path):
    write_idx(tmp_path / "whole.gz", np.arange(5000, dtype=np.int32), compress=True)
    packed = (tmp_path / "whole.gz").read_bytes()
    assert "truncated gzip" in refusal(tmp_path / "x.gz", packed[: len(packed) // 2])
    # Even when every item is there and only the checksum is missing.
    assert "truncated gzip" in refusal(tmp_path / "y.gz", gzip.compress(BY_HAND)[:-1])


def test_a_corrupt_gzip_file_is_refused(tmp_path):
    packed = bytearray(gzip.compress(BY_HAND))
    packed[-6] ^= 1  # in the checksum
    assert "damaged gzip data" in refusal(tmp_path / "x.gz", bytes(packed))
    assert "damaged gzip data" in refusal(tmp_path / "y.gz", b"\x1f\x8b\x07" + bytes(30))


def test_a_gzip_name_on_something_else_is_refused(tmp_path):
    assert "it looks like" in refusal(tmp_path / "x.gz", b"no gzip at all")


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>404", b"\xef\xbb\xbf\n <HTML>", b"<?xml v"])
def test_an_html_page_in_place_of_the_data_is_called_so(tmp_path, page):
    assert "an HTML page" in refusal(tmp_path / "train-images-idx3-ubyte", page)


@given(st.data())
def test_damaged_bytes_are_read_or_refused_but_never_crash(tmp_path_factory, data):
    packed = data.draw(st.booleans())
    content = bytearray(gzip.compress(BY_HAND) if packed else BY_HAND)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("idx") / "x"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with contextlib.suppress(FormatError):
        assert read_idx(path).nbytes <= len(BY_HAND)


def test_a_header_tells_its_own_size_and_reads_well():
    header = IdxHeader(np.dtype(">i4"), (3, 2))
    assert (header.start, header.end, str(header)) == (12, 36, "3 x 2 int32")
