"""Write the measured figures into README.md, so that none is typed by hand.

The table and the picture come from `results/`, the most accurate and the fastest recipes from the
results of `benchmarks.timing.accuracy` and `benchmarks.timing.speedrun`.

    digitnn compare --grid --seeds 3
    python -m benchmarks.docs.update_readme
"""

import argparse
import json
import re
import shutil
from pathlib import Path

from benchmarks import RESULTS, ROOT
from benchmarks.docs.benchmarks_page import interval
from digitnn.analysis.comparison.tables import comparison_to_markdown
from digitnn.atomic_files import write_text
from digitnn.wording import percent

BEGIN = "<!-- results: written by python -m benchmarks.docs.update_readme -->"
END = "<!-- end of results -->"
BEGIN_RECIPES = "<!-- recipes: written by python -m benchmarks.docs.update_readme -->"
END_RECIPES = "<!-- end of recipes -->"


def put_between(text: str, begin: str, end: str, table: str) -> str:
    """Replace what is between two comments of `text`, which must contain each once."""
    found = f"{re.escape(begin)}.*?{re.escape(end)}"
    text, count = re.subn(found, lambda _: f"{begin}\n{table}{end}", text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"the page must contain {begin} ... {end} once")
    return text


def recipe_table() -> str:
    """Return a row per recipe, by training time; speedrun results take precedence."""
    speedrun, accuracy = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("speedrun", "accuracy")
    )
    quick = {
        f"`{m['recipe']}`": (m["accuracy_mean"], m["accuracy_interval"], m["seconds_mean"], m["n"])
        for m in speedrun["marks"].values()
    }
    others = {
        f"`{r['recipe']}`": (r["accuracy_mean"], r["accuracy_interval"], r["seconds_mean"], r["n"])
        for r in accuracy["recipes"]
        if f"`{r['recipe']}`" not in quick
    }
    records = json.loads((RESULTS / "records.json").read_text())
    last, many = records["last_epoch"], records["ensembles"]
    name, seconds = records["recipe"], records["seconds"]["mean"]
    others |= {
        f"`{name} --all-images`": (last["mean"], last["interval"], seconds, last["n"]),
        f"an ensemble of {many['members']} of these": (
            *(many["mean"], many["interval"], many["members"] * seconds),
            many["n"],
        ),
    }
    rows = "\n".join(
        f"| {recipe} | **{percent(mean)}** | {interval(bounds)} | {seconds:.1f} s | {n} |"
        for recipe, (mean, bounds, seconds, n) in sorted(
            {**quick, **others}.items(), key=lambda row: row[1][2]
        )
    )
    ratio = speedrun["plain_script_over_ours"]
    bound = "at least " if speedrun["plain_script_over_ours_is_a_lower_bound"] else ""
    return f"""| recipe | test accuracy, mean | 95 % interval of the mean | training | seeds |
|---|---|---|---|---|
{rows}

A plain PyTorch script takes {bound}{ratio:.0f} times as long as `cnn-fast` to reach a mean accuracy of
99.0 %. Each network was trained in a new process with {speedrun["threads"]} threads on the same machine, those with
`--all-images` two at a time with one thread each, beside other work: their seconds are too many.
The recipes were chosen on the validation split.
"""


def main() -> None:
    """Read results/comparison.json, rewrite the tables of README.md, copy the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="of compare")
    results = parser.parse_args().results
    table = comparison_to_markdown(json.loads((results / "comparison.json").read_text()))
    readme = ROOT / "README.md"
    text = put_between(readme.read_text(), BEGIN, END, table)
    write_text(readme, put_between(text, BEGIN_RECIPES, END_RECIPES, recipe_table()))
    shutil.copyfile(results / "overview.png", ROOT / "docs" / "images" / "overview.png")


if __name__ == "__main__":
    main()
