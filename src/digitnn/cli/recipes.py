"""`digitnn recipes`: list the recipes, and print one as a file to start from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_result
from digitnn.cli.options import AsJson
from digitnn.errors import NetworkError, RunError

if TYPE_CHECKING:
    from digitnn.recipes.recipe import Recipe

recipes = typer.Typer()


@recipes.callback(invoke_without_command=True)
def list_recipes(context: typer.Context, as_json: AsJson = False) -> None:
    """List the recipes; `show` prints one of them."""
    from digitnn.recipes.builtin import RECIPES

    if context.invoked_subcommand is not None:
        return
    found, width = RECIPES.values(), max(map(len, RECIPES))
    lines = [
        f"{recipe.name:{width}}  {recipe.summary} ({' or '.join(recipe.engines)})"
        for recipe in found
    ]
    value = {"schema": 1, "recipes": [recipe.to_json() for recipe in found]}
    print_result(value, "\n".join(lines), as_json)


@recipes.command()
def show(
    recipe: Annotated[
        str, typer.Argument(help="A name that `digitnn recipes` lists, a TOML file, or a run.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print a recipe as commented TOML: a file that `digitnn train` takes."""
    from digitnn.recipes.toml_writer import recipe_to_toml

    shown = _recipe_of(recipe)
    print_result({"schema": 1, **shown.to_json()}, recipe_to_toml(shown), as_json)


def _recipe_of(name: str) -> "Recipe":
    """Return a recipe by name, from a file, or from a run; a run's gets a name that is free."""
    from digitnn.recipes.builtin import RECIPES
    from digitnn.recipes.recipe import Recipe
    from digitnn.recipes.toml_reader import choose_recipe, with_free_name
    from digitnn.runs.run import is_run, load_single_run

    if name in RECIPES or not is_run(Path(name)):
        return choose_recipe(name)
    try:
        return with_free_name(Recipe.from_json(load_single_run(Path(name)).about["recipe"]))
    except NetworkError as error:
        raise RunError(f"{name}: its recipe cannot be read: {error}") from None
