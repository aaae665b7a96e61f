"""The parameters of a trained network as the starting point of another training (fine-tuning)."""

from collections.abc import Mapping
from dataclasses import dataclass

from numpy import ndarray

from digitnn.errors import TrainingError
from digitnn.network.network import Network, Params
from digitnn.wording import count


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """A trained network whose parameters another one begins with.

    path: the folder of its run, as it is named to users; sha256: of the file of its parameters.
    """

    path: str
    sha256: str
    network: Network
    params: Params

    def to_json(self) -> dict[str, str]:
        """Return what recipe.json records of it."""
        return {"path": self.path, "sha256": self.sha256}

    def fitting_layers(self, network: Network) -> dict[int, int]:
        """Return the layers of `network` that take parameters from here, and from which layer.

        The layers with parameters are matched by position: the first with the first, and so on,
        whatever lies between them. A layer takes them if it is of the same kind and all its
        parameters and buffers have the same shapes. The last one also needs the same classes:
        each of its rows belongs to one class.
        """
        mine, theirs = _layers_with_parameters(self.network), _layers_with_parameters(network)
        found = {}
        for (source, shapes), (target, wanted) in zip(mine.items(), theirs.items(), strict=False):
            same_kind = type(self.network.layers[source]) is type(network.layers[target])
            same_classes = target != max(theirs) or self.network.labels == network.labels
            if same_kind and shapes == wanted and same_classes:
                found[target] = source
        return found

    def initial_parameters(
        self, network: Network, anew: Mapping[str, ndarray]
    ) -> dict[str, ndarray]:
        """Return the parameters of `network` from here where they fit, else those of `anew`.

        Raises `TrainingError` if no layer fits.
        """
        fitting = self.fitting_layers(network)
        if not fitting:
            raise TrainingError(
                f"--from {self.path}: none of its layers fits this network; its parameters are "
                f"{_worded(self.network)}, and those to train {_worded(network)}"
            )
        start = dict(anew)
        for name in network.state_shapes():
            index, _, kind = name.partition(".")
            if int(index) in fitting:
                taken = self.params[f"{fitting[int(index)]}.{kind}"]
                start[name] = taken.astype(start[name].dtype)
        return start

    def describe(self, network: Network) -> str:
        """Return one line that says how many layers were taken, and names those started anew."""
        fitting, wanted = self.fitting_layers(network), _layers_with_parameters(network)
        anew = [f"{i} {network.layers[i]}" for i in wanted if i not in fitting]
        taken = f"{self.path}: {len(fitting)} of {count(len(wanted), 'layer')} start from it"
        return f"{taken}, anew start {', '.join(anew)}" if anew else taken


def _layers_with_parameters(network: Network) -> dict[int, dict[str, tuple[int, ...]]]:
    """Return the shapes of parameters and buffers of each layer that has any, by its index."""
    found: dict[int, dict[str, tuple[int, ...]]] = {}
    for name, shape in network.state_shapes().items():
        index, _, kind = name.partition(".")
        found.setdefault(int(index), {})[kind] = shape
    return found


def _worded(network: Network) -> str:
    """Return the shapes of the weights, such as (16, 1, 5, 5), (10, 64)."""
    shapes = [shape for shape in network.parameter_shapes().values() if len(shape) > 1]
    return ", ".join(map(str, shapes)) or "none"
