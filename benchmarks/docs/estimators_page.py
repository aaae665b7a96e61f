"""Write the figures of benchmarks/results/estimators.json into docs/estimators.md.

python -m benchmarks.timing.estimators --json > benchmarks/results/estimators.json
python -m benchmarks.docs.estimators_page
"""

import argparse
import json
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.docs.update_readme import put_between
from digitnn.atomic_files import write_text
from digitnn.wording import percent

BEGIN = "<!-- figures: written by python -m benchmarks.docs.estimators_page -->"
END = "<!-- end of figures -->"
DATA = {"digits": "digits, 8 x 8", "mnist": "MNIST, flat"}


def table(result: dict[str, Any]) -> str:
    """Return a row per comparison, and how it was measured."""
    rows = "".join(map(_row, result["comparisons"]))
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"""| data | estimator | solver | standardised | epochs | accuracy | of `MLPClassifier` | difference, 95 % interval | seconds of a fit | of `MLPClassifier` | ratio | ratio, processor time |
|---|---|---|---|---|---|---|---|---|---|---|---|
{rows}
Measured by `python -m benchmarks.timing.estimators --json` on {machine["processor"]}, {machine["cores"]} cores,
{machine["threads"]} threads; {versions}; commit {machine["commit"]}. Both had {result["hidden_layer_sizes"][0]} hidden
units and equal settings, and fitted in turns: on the digits the {result["folds"]} folds of a cross-validation for each
seed, on MNIST the training split, with the accuracy on the validation split. The difference is in percentage points;
its interval is Student's over the seeds. Seconds and ratios are medians over the fits; a ratio above 1 means that
digitnn is faster.
"""


def _row(found: dict[str, Any]) -> str:
    low, high = found["accuracy_difference_interval"]
    cells = (
        DATA[found["data"]],
        f"`{found['estimator']}`",
        found["solver"],
        "yes" if found["standardised"] else "no",
        found["epochs"],
        percent(found["accuracy"]["ours"]),
        percent(found["accuracy"]["theirs"]),
        f"{100 * found['accuracy_difference']:+.2f}, {100 * low:+.2f} to {100 * high:+.2f}",
        f"{found['seconds']['ours']['median']:.2f}",
        f"{found['seconds']['theirs']['median']:.2f}",
        f"{found['theirs_over_ours']['median']:.2f}",
        f"{found['cpu_theirs_over_ours']['median']:.2f}",
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def main() -> None:
    """Write docs/estimators.md."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    result = json.loads((RESULTS / "estimators.json").read_text())
    page = ROOT / "docs" / "estimators.md"
    write_text(page, put_between(page.read_text(), BEGIN, END, table(result)))


if __name__ == "__main__":
    main()
