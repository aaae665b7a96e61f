"""Fitting: a training that stops by the rules of `MLPClassifier`."""

from dataclasses import dataclass
from math import inf

from digitnn.data.dataset import Dataset
from digitnn.engines.protocols import Engine
from digitnn.errors import check_numbers
from digitnn.network.network import Network, Params
from digitnn.recipes.recipe import Recipe
from digitnn.training.records import EpochRecord, Stopping
from digitnn.training.training import Training


@dataclass(frozen=True)
class Plateau:
    """Training ends when more than `n_iter_no_change` epochs in a row improve by less than `tol`.

    tol: of the loss in nats, or with early stopping of the validation accuracy, 0..1.
    """

    tol: float
    n_iter_no_change: int

    def __post_init__(self) -> None:
        check_numbers(self, "tol", at_least=0)
        check_numbers(self, "n_iter_no_change", whole=True, at_least=1)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network and its history; stopped: whether it ended before its last epoch."""

    network: Network
    params: Params
    history: tuple[EpochRecord, ...]
    stopped: bool


def fit_network(
    recipe: Recipe,
    engine: Engine,
    train: Dataset,
    valid: Dataset | None,
    seed: int,
    plateau: Plateau | None,
) -> Fitted:
    """Train a network.

    valid: the samples held out for early stopping: the parameters of the best epoch on them are
    kept. None: the loss of the training decides when to stop, and the last parameters are kept.
    plateau: when to stop; None: after the last epoch of the recipe.
    Raises `TrainingError` where the loss is not finite, or for too few samples.
    """
    stopping = Stopping(keep="last" if valid is None else "best")
    # a training validates each epoch; on one sample that takes hardly any time
    training = Training(recipe, engine, train, valid or train[:1], seed, stopping)
    best, unchanged = -inf, 0
    stopped = False
    for record in training:
        if not isinstance(record, EpochRecord) or plateau is None:
            continue
        score = -record.loss if valid is None else record.valid_accuracy
        unchanged = unchanged + 1 if score < best + plateau.tol else 0
        best = max(best, score)
        if unchanged > plateau.n_iter_no_change:
            stopped = record.done < 1
            break
    return Fitted(training.network, training.params(), tuple(training.history), stopped)
