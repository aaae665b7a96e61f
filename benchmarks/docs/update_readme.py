"""Put what was measured into README.md: its figures are never typed by hand.

The table and the picture of `results/`, and the most accurate and quickest recipes from what
`benchmarks.timing.accuracy` and `benchmarks.timing.speedrun` left in benchmarks/results/.

digitnn compare --grid --seeds 3 && python -m benchmarks.docs.update_readme
"""

import argparse
import json
import re
import shutil
from pathlib import Path

from benchmarks.docs.benchmarks_page import RESULTS, interval
from digitnn.analysis.comparison.markdown import comparison_to_markdown
from digitnn.atomic_files import write_text
from digitnn.wording import percent

BEGIN = "<!-- results: written by python -m benchmarks.docs.update_readme -->"
END = "<!-- end of results -->"
BEGIN_MARKS = "<!-- marks: written by python -m benchmarks.docs.update_readme -->"
END_MARKS = "<!-- end of marks -->"


def put_between(text: str, begin: str, end: str, table: str) -> str:
    """`text` with `table` between two marks, each of which it must hold once."""
    found = f"{re.escape(begin)}.*?{re.escape(end)}"
    text, count = re.subn(found, lambda _: f"{begin}\n{table}{end}", text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"README.md must hold one {begin} ... {end}")
    return text


def marks() -> str:
    """A row a recipe: the marks of the speedrun, then what only `accuracy` has measured."""
    speedrun, accuracy = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("speedrun", "accuracy")
    )
    quick = {
        m["recipe"]: (m["accuracy_mean"], m["accuracy_interval"], m["seconds_mean"], m["n"])
        for m in speedrun["marks"].values()
    }
    others = {
        r["recipe"]: (r["accuracy_mean"], r["accuracy_interval"], r["seconds_mean"], r["n"])
        for r in accuracy["recipes"]
        if r["recipe"] not in quick
    }
    rows = "\n".join(
        f"| `{recipe}` | **{percent(mean)}** | {interval(bounds)} | {seconds:.1f} s | {n} |"
        for recipe, (mean, bounds, seconds, n) in sorted(
            {**quick, **others}.items(), key=lambda row: row[1][2]
        )
    )
    ratio = speedrun["plain_script_over_ours"]
    bound = "at least " if speedrun["plain_script_over_ours_is_a_lower_bound"] else ""
    return f"""| recipe | test accuracy, mean | 95 % interval of the mean | training | seeds |
|---|---|---|---|---|
{rows}

A plain PyTorch script takes {bound}{ratio:.0f} times as long as `cnn-fast` to a mean of 99.0 %.
Every training had a fresh process and {speedrun["threads"]} threads of one machine; recipes were
chosen on the validation split.
"""


def main() -> None:
    """Read results/comparison.json, rewrite README.md between its marks, copy the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    results = parser.parse_args().results
    table = comparison_to_markdown(json.loads((results / "comparison.json").read_text()))
    readme = Path("README.md")
    text = put_between(readme.read_text(), BEGIN, END, table)
    write_text(readme, put_between(text, BEGIN_MARKS, END_MARKS, marks()))
    images = Path("docs/images")
    images.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(results / "overview.png", images / "overview.png")


if __name__ == "__main__":
    main()
