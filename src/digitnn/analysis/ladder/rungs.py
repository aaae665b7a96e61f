"""Define the rungs of the ladder, from the simplest classifier up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digitnn.engines.find import find_engine
from digitnn.errors import MissingExtraError, UsageError
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.recipe import Recipe
from digitnn.recipes.toml_reader import choose_recipe
from digitnn.wording import did_you_mean

K_NEIGHBOURS = 3
"""k of k nearest neighbours, not tuned: the smallest k that can outvote one wrong neighbour."""
MAX_ITERATIONS = 200
"""Limit for logistic regression; the result notes it if that did not suffice."""


def nearest_mean() -> Any:
    """Return a classifier by the nearest of ten mean images."""
    from sklearn.neighbors import NearestCentroid

    return NearestCentroid()


def logistic_regression() -> Any:
    """Return softmax regression on the pixels, with scikit-learn's default L2 (C = 1)."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=MAX_ITERATIONS)


def nearest_neighbours() -> Any:
    """Return a majority vote of the nearest training images by pixels."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(K_NEIGHBOURS, algorithm="brute")


@dataclass(frozen=True)
class Rung:
    """A classifier: a recipe, or a function that makes a scikit-learn model."""

    name: str
    summary: str
    recipe: Recipe | None = None
    make: Callable[[], Any] | None = None

    def model(self) -> Any:
        """Return a new scikit-learn model. Raises `MissingExtraError` without scikit-learn."""
        assert self.make is not None
        try:
            return self.make()
        except ImportError:
            raise MissingExtraError("scikit-learn", "sklearn", f"the rung {self.name}") from None


def recipe_rung(recipe: Recipe) -> Rung:
    """Return the rung of a recipe."""
    return Rung(recipe.name, recipe.summary, recipe=recipe)


RUNGS: Mapping[str, Rung] = {
    rung.name: rung
    for rung in (
        Rung("nearest-mean", "ten mean images, the nearest of them", make=nearest_mean),
        Rung("logistic", "logistic regression on the pixels", make=logistic_regression),
        Rung(
            "neighbours",
            f"the {K_NEIGHBOURS} nearest training images, pixel by pixel",
            make=nearest_neighbours,
        ),
        *(
            recipe_rung(RECIPES[name])
            for name in ("classic", "mlp", "cnn-fast", "cnn", "cnn-99.3", "cnn-99.5", "cnn-best")
        ),
    )
}
"""All rungs by name, from the simplest up."""


def choose_rungs(words: Sequence[str]) -> tuple[Rung, ...]:
    """Return the rungs of these names in ladder order, then other recipes by name or file.

    Without names, all rungs. Raises `UsageError` for an unknown name and for a repeated one.
    """
    if not words:
        return tuple(RUNGS.values())
    others = []
    for word in words:
        if word not in RUNGS:
            if word not in RECIPES and not word.endswith(".toml"):
                known = f"known: {', '.join(RUNGS)}{did_you_mean(word, [*RUNGS, *RECIPES])}"
                raise UsageError(f"unknown rung {word!r}; {known}")
            others.append(recipe_rung(choose_recipe(word)))
            if others[-1].recipe and others[-1].recipe.synthetic_mix:
                raise UsageError(f"{word} trains on synthetic data too, so it cannot be a rung")
    chosen = (*(rung for name, rung in RUNGS.items() if name in words), *others)
    names = [rung.name for rung in chosen]
    if len(names) < len(words) or len(set(names)) < len(names):
        raise UsageError(f"--rungs names a rung twice: {', '.join(words)}")
    return chosen


def check_rungs(rungs: Sequence[Rung], engine: str | None) -> None:
    """Raise `MissingExtraError` for what a rung needs and is not installed; call it before work.

    engine: for recipes that support it; other recipes take their own.
    """
    if engine is not None:
        find_engine(engine)
    for rung in rungs:
        if rung.recipe is None:
            rung.model()
        else:
            find_engine(rung.recipe.engine(engine if engine in rung.recipe.engines else None))
