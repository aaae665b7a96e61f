"""Write the figures of benchmarks/results/reading_collections.json into docs/scaling.md.

python -m benchmarks.timing.reading_collections --json > benchmarks/results/reading_collections.json
python -m benchmarks.docs.scaling_page
"""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.docs.update_readme import put_between
from digitnn.atomic_files import write_text
from digitnn.wording import count

BEGIN = "<!-- collections: written by python -m benchmarks.docs.scaling_page -->"
END = "<!-- end of collections -->"
LAYOUTS = {"png": "PNGs in Parquet", "pixels": "lists of pixels in Parquet"}


def figures(result: Mapping[str, Any]) -> str:
    """Return the tables of rates, of growth and of Ray."""
    return f"""{_rates(result)}
{_growth(result["growth"])}
{_ray(result["ray"])}
{_measured(result)}"""


def _rates(result: Mapping[str, Any]) -> str:
    rows = [
        f"| {found['n']:,} images, {LAYOUTS[name]} | {found['pictures_per_second']['median']:,.0f} | "
        f"{_percent(found['share_of_classifier'])} | {_percent(found['processor_share'])} | "
        f"{found['peak_megabytes']:,.0f} |\n"
        for name, found in result["images"].items()
    ]
    drawings = result["drawings"]
    rows.append(
        f"| {drawings['n']:,} drawings, PNGs in a folder | {drawings['pictures_per_second']:,.1f} | "
        f"| | {drawings['peak_megabytes']:,.0f} |\n"
    )
    return f"""| pictures | a second | share of the classifier's rate | in processor time | MB of memory |
|---|---:|---:|---:|---:|
{"".join(rows)}
The shares compare the whole command with the classifier alone, in turns, without what starting costs
(median and range, {count(result["sizes"]["repeats"], "run")}). The memory is the largest sum over the processes, which
counts shared pages in each. While it read drawings, the command kept {100 * drawings["busy"]:.0f} % of the cores busy.
"""


def _growth(found: list[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"| {one['n']:,} | {one['seconds']:.1f} | {_optional(one['milliseconds_of_a_further_picture'])} "
        f"| {one['peak_megabytes']:,.0f} |\n"
        for one in found
    )
    return f"""| images | seconds | processor ms of each further image | MB of memory |
|---:|---:|---:|---:|
{rows}"""


def _ray(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "Ray could not be started.\n"
    ratio = found["local_over_ray_rate"]
    return (
        f"{found['n']:,} images took {found['local_seconds']:.1f} s with `--engine local` and "
        f"{found['ray_seconds']:.1f} s with `--engine ray`, which\nstarts a cluster. Between the first "
        f"shard and the last, local is {ratio['median']:.2f} times as fast ({ratio['min']:.2f} to "
        f"{ratio['max']:.2f}).\nThe files have the same bytes.\n"
    )


def _measured(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured in {result['minutes']:.0f} minutes on {machine['processor']}, {machine['cores']} "
        f"cores, load average\n{result['load_average']:.1f} before it; {versions}; commit\n"
        f"{machine['commit']}.\n"
    )


def _percent(share: Mapping[str, float]) -> str:
    low, middle, high = (100 * share[name] for name in ("min", "median", "max"))
    return f"{middle:.0f} % ({low:.0f} to {high:.0f})"


def _optional(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.2f}"


def main() -> None:
    """Write docs/scaling.md."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    result = json.loads((RESULTS / "reading_collections.json").read_text())
    page = ROOT / "docs" / "scaling.md"
    write_text(page, put_between(page.read_text(), BEGIN, END, figures(result)))


if __name__ == "__main__":
    main()
