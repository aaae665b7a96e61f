"""What is decided before processes train together, without processes."""

from dataclasses import replace

import pytest
from small_trainings import CLASSIC, CNN

from digitnn.errors import DataError, UsageError
from digitnn.machine.describe import describe_conditions
from digitnn.scaling.training import agreement
from digitnn.scaling.training.agreement import Disagreement, Failure, agree, attempt
from digitnn.scaling.training.launch import Launch, find_launch
from digitnn.scaling.training.session import cut_for

TWO = Launch(1, 2, 1, 2, 1)
VARIABLES = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_WORLD_SIZE": "2",
}


class Group:
    """Processes that answer by rote; None: as this one does."""

    def __init__(self, *answers):
        self.answers = answers

    def collect(self, value):
        return [value if answer is None else answer for answer in self.answers]


def refuse(error):
    def work():
        raise error

    return work


def test_the_place_of_a_process_is_read_from_the_variables_of_torchrun():
    assert find_launch(VARIABLES) == Launch(5, 8, 1, 4, 2)
    assert find_launch({name: v for name, v in VARIABLES.items() if name[0] != "T"}) is None
    assert find_launch(VARIABLES).command() == (
        "torchrun --nnodes 2 ... --nproc-per-node 4 -m digitnn"
    )
    assert not find_launch(VARIABLES).leads


def test_variables_that_are_missing_are_told():
    with pytest.raises(UsageError, match=r"RANK, WORLD_SIZE.* but they are x, absent, 1, 4, 2"):
        find_launch({**{n: v for n, v in VARIABLES.items() if n != "WORLD_SIZE"}, "RANK": "x"})


@pytest.mark.parametrize(
    ("recipe", "engine", "words"),
    [
        (CLASSIC, None, "takes all images in each step"),
        (CNN, "scratch", "leave --engine scratch out"),
        (CNN, "jax", "not 'jax'"),
        (replace(CNN, engines=("scratch",)), None, "does not train on the engine pytorch"),
    ],
)
def test_what_cannot_be_trained_in_parts_is_refused(recipe, engine, words):
    with pytest.raises(UsageError, match=words):
        cut_for(recipe, engine, None, False, TWO)


def test_the_cut_is_the_same_for_any_number_of_processes():
    mlp = replace(CNN, engines=("scratch", "pytorch"))
    cut = cut_for(mlp, None, None, False, TWO)
    assert (cut.count, cut.reduction, cut.rank, cut.size) == (4, "ordered", 1, 2)
    cut = cut_for(mlp, "pytorch", 8, True, None)
    assert (cut.count, cut.reduction, cut.rank, cut.size) == (8, "all-reduce", 0, 1)


def test_an_error_in_one_process_is_an_error_in_all():
    failed = attempt(refuse(DataError("no images")))
    with pytest.raises(Disagreement, match=r"^process 1: no images$") as raised:
        agree(Group(None, failed), {"seed": 0})
    assert raised.value.exit_code == 1
    with pytest.raises(Disagreement, match=r"^no images$"):
        agree(Group(failed, failed), failed)
    with pytest.raises(Disagreement) as raised:
        agree(Group(None, None), attempt(refuse(UsageError("no"))))
    assert raised.value.exit_code == 2


def test_an_unexpected_error_reaches_the_others_too():
    assert attempt(refuse(ZeroDivisionError("0"))) == Failure("unexpected ZeroDivisionError: 0", 1)


def test_processes_with_other_versions_are_told_apart(monkeypatch):
    other = {"seed": 0, "conditions": {**describe_conditions(), "torch": "1.0"}}
    agree(Group(None, None), {"seed": 0})
    with pytest.raises(Disagreement, match=r"process 1 would .* conditions.torch was .* is \"1.0"):
        agree(Group(None, other), {"seed": 0})
    monkeypatch.setattr(agreement, "describe_conditions", lambda: other["conditions"])
    with pytest.raises(Disagreement, match="seed was 0 and is 1"):
        agree(Group(None, {**other, "seed": 1}), {"seed": 0})
