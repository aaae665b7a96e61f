"""The network that reads: the one that comes with digitnn, or a run of the user's own.

The only module of `picture` that knows networks on disk and an engine to run them.
"""

from pathlib import Path

from digitnn.engines import find_engine
from digitnn.picture.recognise import Recognise, mean_of, recogniser
from digitnn.saved_network import SHIPPED, load_network


def load_recogniser(model: Path | str | None = None) -> Recognise:
    """`SHIPPED` if None, else a run or an ensemble of runs, in NumPy. Raises `RunError`."""
    if model is None:
        network, params = load_network(SHIPPED)
        return recogniser(network, find_engine("scratch").classifier(network, params))
    from digitnn.ensembles import Ensemble, load_run  # imports all that trains: 0.1 s

    trained = load_run(model)
    runs = trained.members if isinstance(trained, Ensemble) else (trained,)
    return mean_of([recogniser(run.network, run.classifier("scratch")) for run in runs])
