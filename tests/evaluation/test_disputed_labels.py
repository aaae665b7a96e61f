"""Labels that people dispute: which, where, and what they do to an accuracy."""

import numpy as np
import pytest

import digitnn
from digitnn.evaluation.disputed_labels import DISPUTED, MNIST_TEST, find_disputed, score_disputed

LABELS = np.zeros(10_000, np.uint8)
LABELS[[one.index for one in DISPUTED]] = [one.given for one in DISPUTED]


def test_of_fifteen_digits_fewer_than_three_of_five_confirm_the_label() -> None:
    assert len({one.index for one in DISPUTED}) == 15  # as many as the paper counts
    assert all(one.given_votes < 3 for one in DISPUTED)
    assert all(one.given_votes + one.proposed_votes <= 5 for one in DISPUTED)
    assert sum(one.correction is not None for one in DISPUTED) == 10


def test_a_network_that_reads_as_labelled_loses_where_labels_are_corrected() -> None:
    found = score_disputed(LABELS.copy(), LABELS, DISPUTED)
    assert (found.among.right, found.among.n) == (15, 15)
    assert (found.without.right, found.without.n) == (9985, 9985)
    assert (found.corrected.right, found.corrected.n) == (9985, 9995)


def test_a_network_that_reads_as_people_do_gains() -> None:
    predictions = LABELS.copy()
    for one in DISPUTED:
        predictions[one.index] = one.correction if one.correction is not None else (one.given + 1)
    predictions[0] = 5
    found = score_disputed(predictions, LABELS, DISPUTED)
    assert found.among.right == 0
    assert (found.without.right, found.corrected.right) == (9984, 9994)
    assert found.corrected.accuracy == 9994 / 9995
    assert found.to_json()["indices"][0] == 947


def test_other_data_have_no_known_disputes() -> None:
    assert find_disputed("0" * 64) == ()


@pytest.mark.real_data
def test_the_published_labels_are_those_of_the_test_split() -> None:
    test = digitnn.load("mnist", "test")
    assert test.fingerprint() == MNIST_TEST
    assert find_disputed(test.fingerprint()) == DISPUTED
    assert [test.labels[one.index] for one in DISPUTED] == [one.given for one in DISPUTED]
