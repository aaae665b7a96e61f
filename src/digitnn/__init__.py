"""digitnn: two networks on handwritten digits, one from scratch and one in PyTorch.

The public names. Each is imported when first used, so that `import digitnn` costs nothing and
loads neither torch nor matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from digitnn.data.dataset import Dataset, split
    from digitnn.data.fetch.sources import load
    from digitnn.engines.find import find_engine
    from digitnn.engines.gradient_check import check_gradient
    from digitnn.errors import DigitnnError, GradientError, PictureError
    from digitnn.estimators.classifiers import ScratchClassifier as ScratchClassifier
    from digitnn.estimators.classifiers import TorchClassifier as TorchClassifier
    from digitnn.estimators.digit_reader import DigitReader as DigitReader
    from digitnn.evaluation.evaluation import evaluate
    from digitnn.evaluation.statistics import compare_paired
    from digitnn.network.network import Network
    from digitnn.pickles.loading import load_pickle
    from digitnn.reader.reader import Reader, Reading
    from digitnn.recipes.builtin import RECIPES, find_recipe
    from digitnn.recipes.recipe import Recipe
    from digitnn.recipes.toml_reader import read_recipe
    from digitnn.runs.ensembles import load_run, make_ensemble
    from digitnn.training.training import Training

_HOMES = {
    "data.dataset": ("Dataset", "split"),
    "data.fetch.sources": ("load",),
    "engines.find": ("find_engine",),
    "engines.gradient_check": ("check_gradient",),
    "errors": ("DigitnnError", "GradientError", "PictureError"),
    "estimators.classifiers": ("ScratchClassifier", "TorchClassifier"),
    "estimators.digit_reader": ("DigitReader",),
    "evaluation.evaluation": ("evaluate",),
    "evaluation.statistics": ("compare_paired",),
    "network.network": ("Network",),
    "pickles.loading": ("load_pickle",),
    "reader.reader": ("Reader", "Reading"),
    "recipes.builtin": ("RECIPES", "find_recipe"),
    "recipes.recipe": ("Recipe",),
    "recipes.toml_reader": ("read_recipe",),
    "runs.ensembles": ("load_run", "make_ensemble"),
    "training.training": ("Training",),
}
"""Each module and the public names that live in it."""

_ESTIMATORS = ("DigitReader", "ScratchClassifier", "TorchClassifier")
"""Not in `__all__`: they need scikit-learn, which `from digitnn import *` should not."""

__all__ = [
    "RECIPES",
    "Dataset",
    "DigitnnError",
    "GradientError",
    "Network",
    "PictureError",
    "Reader",
    "Reading",
    "Recipe",
    "Training",
    "__version__",
    "check_gradient",
    "compare_paired",
    "evaluate",
    "find_engine",
    "find_recipe",
    "load",
    "load_pickle",
    "load_run",
    "make_ensemble",
    "read_recipe",
    "split",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"digitnn.{module}"), name)
    raise AttributeError(f"module 'digitnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_ESTIMATORS]
