"""Theano's mnist.pkl.gz: through the restricted loader, and only with its three pairs."""

import gzip
import pickle

import numpy as np
import pytest
from digit_files import flat, theano_pickle
from tiny_collection import assert_same_data, tiny_test, tiny_train

from digitnn.data.formats.pickled import read_pickled
from digitnn.errors import FormatError


def pair(n=3):
    return np.zeros((n, 784), np.float32), np.zeros(n, np.int64)


def test_a_plain_pickle_is_read_as_the_gzipped_one(tmp_path):
    packed = theano_pickle(tmp_path, tiny_train(), tiny_test())
    plain = tmp_path / "mnist.pkl"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    assert_same_data(read_pickled(plain, "test", "tiny"), tiny_test())


def test_a_pickle_of_python_2_is_read(tmp_path):
    """Its arrays are byte strings, which the instructions of protocol 0 and 1 write as text."""
    data = tiny_train()
    content = pickle.dumps(((flat(data), data.labels),) * 3, protocol=0)
    (tmp_path / "x.pkl").write_bytes(content)
    assert_same_data(read_pickled(tmp_path / "x.pkl", "test", "tiny"), data)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"images": np.zeros(3)}, "expected three pairs .*; got dict of 1"),
        ((pair(), pair()), "got tuple of 2"),
        (7, "got a value"),
        ((pair(), 5, pair()), "pair 1 is no pair of arrays"),
        ((pair(), (1, 2), pair()), "pair 1 is no pair of arrays"),
        (((np.zeros((2, 784)), np.zeros(3)), pair(), pair()), "3 labels for 2 images"),
        (((np.zeros((2, 99)), np.zeros(2)), pair(), pair()), "images of pair 0: expected images"),
        (((np.zeros((2, 784)), np.full(2, 300)), pair(), pair()), "label 0 is 300"),
    ],
)
def test_a_pickle_of_anything_else_is_refused_by_name(value, message, tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(value, protocol=2)))
    with pytest.raises(FormatError, match=message) as raised:
        read_pickled(path, "train", "x")
    assert str(raised.value).startswith(str(path))


def test_a_pickle_that_calls_code_is_refused_without_running_it(tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(
        gzip.compress(b"cos\nsystem\n(S'touch " + str(tmp_path).encode() + b"/x'\ntR.")
    )
    with pytest.raises(FormatError, match=r"asks for os\.system") as raised:
        read_pickled(path, "train", "x")
    assert str(raised.value).startswith(str(path))
    assert not (tmp_path / "x").exists()


def test_a_gzip_bomb_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.pickled.MAX_UNPACKED", 1_000_000)
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(bytes(3_000_000)))
    with pytest.raises(FormatError, match="unpacks to more than 1,000,000 bytes"):
        read_pickled(tmp_path / "mnist.pkl.gz", "train", "x")
