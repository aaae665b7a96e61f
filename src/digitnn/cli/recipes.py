"""`digitnn recipes`: list the recipes, and print one as a file to start from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_json, print_text
from digitnn.cli.options import AsJson

if TYPE_CHECKING:
    from digitnn.recipes.recipe import Recipe

app = typer.Typer()


@app.callback(invoke_without_command=True)
def recipes(context: typer.Context, as_json: AsJson = False) -> None:
    """List the recipes; `show` prints one of them."""
    from digitnn.recipes.builtin import RECIPES

    if context.invoked_subcommand is not None:
        return
    if as_json:
        found = [recipe.to_json() for recipe in RECIPES.values()]
        print_json({"schema": 1, "recipes": found})
        return
    width = max(map(len, RECIPES))
    for recipe in RECIPES.values():
        engines = " or ".join(recipe.engines)
        print_text(f"{recipe.name:{width}}  {recipe.summary} ({engines})")


@app.command()
def show(
    recipe: Annotated[
        str, typer.Argument(help="A name that `digitnn recipes` lists, a TOML file, or a run.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print a recipe as commented TOML: a file that `digitnn train` takes."""
    from digitnn.recipes.toml_writer import recipe_to_toml

    shown = _recipe_of(recipe)
    if as_json:
        print_json({"schema": 1, **shown.to_json()})
    else:
        print_text(recipe_to_toml(shown))


def _recipe_of(name: str) -> "Recipe":
    """Return a recipe by name, from a file, or from a run; a run's gets a name that is free."""
    from digitnn.errors import NetworkError, RunError
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
