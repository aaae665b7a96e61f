"""Write docs/results.md from measurements; none of its numbers is typed by hand.

digitnn compare --grid --seeds 3
digitnn train cnn-robust --seed S --out runs/cnn-robust-S      # S: 0, 1, 2
python -m benchmarks.docs.evaluations RUN... --split test
python -m benchmarks.docs.results_page
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.docs.evaluations import SAVED
from digitnn.analysis.comparison.tables import comparison_to_markdown
from digitnn.atomic_files import write_text
from digitnn.wording import percent

PAGE = ROOT / "docs" / "results.md"
COMPARISON = ROOT / "results" / "comparison.json"

Found = Mapping[str, Any]
Groups = Mapping[str, Sequence[Found]]
"""The runs of each recipe and engine, by their names."""


def groups(found: Sequence[Found]) -> dict[str, list[Found]]:
    """Group the runs that differ only in the seed, highest error first."""
    together: dict[str, list[Found]] = {}
    for one in sorted(found, key=lambda one: (one["recipe"], one["engine"], one["seed"])):
        together.setdefault(f"`{one['recipe']}` ({one['engine']})", []).append(one)
    return dict(sorted(together.items(), key=lambda group: mean(group[1], "accuracy")))


def mean(runs: Sequence[Found], *keys: str | int) -> float:
    """Return the mean over runs of the value at `keys`."""
    return fmean(_at(one, keys) for one in runs)


def _at(value: Any, keys: Sequence[str | int]) -> float:
    for key in keys:
        value = value[key]
    return float(value)


def spread(runs: Sequence[Found], *keys: str | int) -> str:
    """Return the mean and, for several runs, the standard deviation over seeds, in percent."""
    values = [_at(one, keys) for one in runs]
    return percent(fmean(values)) + (f" ± {100 * stdev(values):.2f}" if len(values) > 1 else "")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def confidence(recipes: Groups) -> str:
    """Return a table of calibration and risk over coverage, one row per recipe."""
    heads = ["recipe", "accuracy", "calibration error", "with the temperature", "Brier score"]
    covered = {point["coverage"]: at for at, point in enumerate(_points(recipes))}
    heads += [f"error of the most confident {share:.0%}" for share in covered]
    heads += ["15 disputed labels, agreement"]
    rows = [
        [
            name,
            spread(runs, "accuracy"),
            percent(mean(runs, "calibration_error")),
            percent(mean(runs, "tempered", "calibration_error")),
            f"{mean(runs, 'brier'):.4f}",
            *(
                percent(mean(runs, "risk_coverage", "points", at, "error"))
                for at in covered.values()
            ),
            f"{mean(runs, 'disputed', 'among', 'right'):.1f}",
        ]
        for name, runs in recipes.items()
    ]
    return table(heads, rows)


def _points(recipes: Groups) -> Sequence[Found]:
    found: Sequence[Found] = next(iter(recipes.values()))[0]["risk_coverage"]["points"]
    return found


def corruptions(recipes: Groups) -> str:
    """Return a table with a row per corruption and a column per recipe."""
    first = next(iter(recipes.values()))[0]["corruptions"]["rows"]
    rows = [["none", *(spread(runs, "accuracy") for runs in recipes.values())]]
    rows += [
        [
            row["corruption"].replace("_", " "),
            *(spread(runs, "corruptions", "rows", at, "accuracy") for runs in recipes.values()),
        ]
        for at, row in enumerate(first)
    ]
    rows += [
        ["**mean of the fifteen**"]
        + [f"**{spread(runs, 'corruptions', 'mean')}**" for runs in recipes.values()],
        ["error relative to `cnn`"]
        + [f"{mean(runs, 'corruptions', 'relative'):.2f}" for runs in recipes.values()],
    ]
    return table(["corruption", *recipes], rows)


def conditions(found: Sequence[Found]) -> str:
    """Return the command, data, machine and versions, and how often test was used."""
    machine = found[0]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    commits = sorted({str(one["machine"]["commit"]) for one in found})
    seeds = sorted({one["seed"] for one in found})
    reads = max(one["test_reads"] for one in found)
    return (
        f"`{found[0]['command']}` of each run, seeds {', '.join(map(str, seeds))}; "
        f"{found[0]['n']:,} images of the {found[0]['split']} split, on which each run had been "
        f"evaluated at most {reads} times by then. {machine['processor']}, {machine['cores']} cores; "
        f"{versions}; commit {', '.join(commits)}. Means over seeds; ± is the standard deviation "
        "over them."
    )


def chosen_on_test(records: Found) -> str:
    """Return a table of what the same trainings would claim if the test split chose among them."""
    last, many, chosen = records["last_epoch"], records["ensembles"], records["chosen_on_test"]
    rows = [
        ["last epoch, mean over the seeds", f"**{percent(last['mean'])}**", "yes"],
        [
            "best epoch of each training, mean over the seeds",
            percent(chosen["best_epoch_mean"]),
            "",
        ],
        ["best seed, last epoch", percent(chosen["best_seed"]), ""],
        ["best seed, best epoch", percent(chosen["best_epoch_of_the_best_seed"]), ""],
    ]
    if many:
        words = f"ensembles of {many['members']}, mean over {many['n']}"
        rows.append([words, f"**{percent(many['mean'])}**", "yes"])
    return table([f"`{records['recipe']}`, {last['n']} seeds", "test accuracy", "honest"], rows)


def page(comparison: Found, found: Sequence[Found], records: Found) -> str:
    """Return the page."""
    recipes = groups(found)
    return f"""# Results

Written by `python -m benchmarks.docs.results_page` from measurements; change its template, not this
page. The test split is used for these numbers only: recipes were chosen on the validation split.
[statistics.md](statistics.md) defines each number.

## Accuracy

`digitnn compare --grid --seeds 3`: each recipe on each engine that can train it.

{comparison_to_markdown(comparison)}
[benchmarks.md](benchmarks.md) has more recipes and more seeds.

## What choosing on the test split adds

Records are often the best epoch of the best training, both chosen by the accuracy on the test split. Such
a choice fits the labels of these 10,000 images: other images would not repeat it. The same trainings,
honestly and otherwise (`python -m benchmarks.timing.records`, learned from all 60,000 images):

{chosen_on_test(records)}

## Confidence and calibration

An accurate network may have poorly calibrated probabilities: trained with smoothed labels, it is
underconfident. The temperature, one number fitted on the validation split, corrects that. The error
rate is lower among the images with the highest confidence. For the
[15 test images](statistics.md#disputed-labels) with disputed labels, a correct answer only means
agreement with the label.

{confidence(recipes)}

## Robustness

Accuracy under the fifteen corruptions of MNIST-C ([robustness.md](robustness.md)).

{corruptions(recipes)}

{conditions(found)}
"""


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    comparison = json.loads(COMPARISON.read_text())
    found = [json.loads(path.read_text()) for path in sorted(SAVED.glob("*-test.json"))]
    if not found:
        raise SystemExit(
            f"nothing in {SAVED}: python -m benchmarks.docs.evaluations RUN... --split test"
        )
    records = json.loads((RESULTS / "records.json").read_text())
    write_text(PAGE, page(comparison, found, records))


if __name__ == "__main__":
    main()
