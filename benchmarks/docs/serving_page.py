"""Write the figures of serving.json and serving_load.json, in benchmarks/results, into docs/serving.md.

python -m benchmarks.timing.serving --json > benchmarks/results/serving.json
python -m benchmarks.timing.serving_load --json --minutes 20 > benchmarks/results/serving_load.json
python -m benchmarks.docs.serving_page
"""

import argparse
import json
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.docs.update_readme import put_between
from digitnn.atomic_files import write_text

BEGIN = "<!-- figures: written by python -m benchmarks.docs.serving_page -->"
END = "<!-- end of figures -->"
FILES = ("serving", "serving_load")


def tables(result: dict[str, Any], load: dict[str, Any]) -> str:
    """Return the tables of speed and of the bad day."""
    start, stroke, many = (
        result[key] for key in ("start_to_ready_seconds", "stroke", "many_clients")
    )
    rows = [
        ("from the command to ready", f"{start['median']:.2f} s (median of {start['n']})"),
        (
            "from a stroke to the answers of both engines, layers and saliency",
            f"p50 {stroke['p50_ms']:.0f} ms, p95 {stroke['p95_ms']:.0f} ms, {stroke['n']} drawings",
        ),
        ("largest difference of the engines' logits there", f"{stroke['largest_difference']:.1e}"),
    ]
    for name, found in result["classify"].items():
        rows.append((
            f"`classify`, model {name}: images a second, engine alone and served",
            f"{found['engine']['median']:,.0f} and {found['server']['median']:,.0f}: "
            f"{100 * found['ratio']:.0f} %",
        ))  # fmt: skip
    rows.append((
        "the same bodies through the same server, which answers without computing",
        f"{result['classify']['classic']['transport']['median']:,.0f} images a second",
    ))  # fmt: skip
    statuses = ", ".join(f"{n:,} x {status}" for status, n in sorted(many["statuses"].items()))
    rows.append((
        f"{many['clients']} clients that send single images all the time",
        f"{statuses}; {many['a_second']:,.0f} a second; p50 {many['p50_ms']:.0f} ms, "
        f"p99 {many['p99_ms']:.0f} ms",
    ))  # fmt: skip
    rows.append(_bad_day(load))
    table = "".join(f"| {what} | {value} |\n" for what, value in rows)
    classic = result["classify"]["classic"]
    alone, transport = (1 / classic[name]["median"] for name in ("engine", "transport"))
    words = (
        "Rates are over half a second of the engine's work. A small network such as classic computes an\n"
        f"image in {1e6 * alone:.1f} microseconds; receiving and answering it takes {1e6 * transport:.1f} "
        "more on the same\n"
        f"cores, so at most {100 * alone / (alone + transport):.0f} % can be served."
    )
    return f"| what | measured |\n|---|---|\n{table}\n{words}\n\n{_measured(result['machine'])}"


def _bad_day(load: dict[str, Any]) -> tuple[str, str]:
    answers = sum(load["statuses"][kind].get("200", 0) for kind in ("good 1", "good 2"))
    return (
        f"{load['minutes']:g} minutes of good, bad, huge, slow and cancelled requests",
        f"{answers:,} good answers, {load['wrong_answers']} of them wrong; memory "
        f"{load['megabytes_before']:.0f} MB, grown by {load['megabytes_grown']:.1f} MB; "
        f"{load['in_flight_after']:.0f} requests stuck, {load['worker_restarts']:.0f} crashes",
    )


def _measured(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured by `python -m benchmarks.timing.serving --json` and `serving_load` on "
        f"{machine['processor']}, {machine['cores']} cores; {versions}; commit "
        f"{machine['commit']}. Traffic over loopback.\n"
    )


def main() -> None:
    """Write docs/serving.md."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    result, load = (json.loads((RESULTS / f"{name}.json").read_text()) for name in FILES)
    page = ROOT / "docs" / "serving.md"
    write_text(page, put_between(page.read_text(), BEGIN, END, tables(result, load)))


if __name__ == "__main__":
    main()
