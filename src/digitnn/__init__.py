"""digitnn: two networks on handwritten digits, one from scratch and one in PyTorch.

The public names. Each is imported when first used, so that `import digitnn` costs nothing and
loads neither torch nor matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from digitnn.dataset import Dataset, split
    from digitnn.engines import find_engine
    from digitnn.ensembles import load_run, make_ensemble
    from digitnn.errors import DigitnnError, GradientError, PictureError
    from digitnn.evaluation import evaluate
    from digitnn.gradient_check import check_gradient
    from digitnn.network import Network
    from digitnn.paired import compare_paired
    from digitnn.pickles.loading import load_pickle
    from digitnn.picture.reader import Reader, Reading
    from digitnn.recipe_files import read_recipe
    from digitnn.recipes import RECIPES, Recipe, find_recipe
    from digitnn.sources import load
    from digitnn.training import Training

_HOMES = {
    "dataset": ("Dataset", "split"),
    "engines": ("find_engine",),
    "ensembles": ("load_run", "make_ensemble"),
    "errors": ("DigitnnError", "GradientError", "PictureError"),
    "evaluation": ("evaluate",),
    "gradient_check": ("check_gradient",),
    "network": ("Network",),
    "paired": ("compare_paired",),
    "recipe_files": ("read_recipe",),
    "recipes": ("RECIPES", "Recipe", "find_recipe"),
    "sources": ("load",),
    "training": ("Training",),
    "pickles.loading": ("load_pickle",),
    "picture.reader": ("Reader", "Reading"),
}
"""Each module and the public names that live in it."""

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
    return __all__
