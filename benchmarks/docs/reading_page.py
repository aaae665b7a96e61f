"""Write the figures of benchmarks/results/reading*.json into docs/reading.md, and draw the curve.

    python -m benchmarks.beds.reading --json --beds --digits 150 --test-split \\
        > benchmarks/results/reading.json
    python -m benchmarks.beds.reading --json --speed > benchmarks/results/reading_speed.json
    python -m benchmarks.docs.reading_page

Keys of the results with older words: "junk" is non-digits, "refused" rejected, "right" correct.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.docs.update_readme import put_between
from digitnn.atomic_files import write_text
from digitnn.wording import percent

BEGIN = "<!-- figures: written by python -m benchmarks.docs.reading_page -->"
END = "<!-- end of figures -->"
CURVE = "images/rejections.png"

GROUPS = {
    "digits": "MNIST's validation digits, redrawn in other media",
    "styles": "hand-made strokes, in styles that are rare in MNIST",
    "pages": "whole pages of numbers",
    "scenes": "scenes: numbers in surroundings, beside print and signs, and scenes without a digit",
    "symbols": "numbers with symbols, read with `--symbols`",
    "junk": "non-digits",
    "test": "MNIST's test split, through the whole reader",
}


def tables(result: dict[str, Any], speed: dict[str, Any]) -> str:
    """Return the tables of all beds and totals, of the curve at some thresholds, and of speed."""
    parts = [
        f"Rejection threshold {result['threshold']:g}, seed {result['seed']}. A picture counts as "
        'rejected if no digit was read, or if all that differs is "?".\n'
    ]
    for group, title in GROUPS.items():
        if group in result["beds"]:
            parts.append(_group(group, title, result))
    parts.append(_curve(result["curve"]))
    parts += [_measured(result["machine"]), _speed(speed["speed"]), _measured(speed["machine"])]
    return "\n".join(parts)


def _measured(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['threads']} "
        f"threads; {versions}; commit {machine['commit']}.\n"
    )


def _group(group: str, title: str, result: dict[str, Any]) -> str:
    """Return one table, with the total last if there are several rows."""
    rows = dict(result["beds"][group])
    if len(rows) > 1:
        rows["**all**"] = result["totals"][group]
    if group == "junk":
        lines = [f"| {title} | n | accepted |", "|---|---|---|"]
        lines += [
            f"| {name} | {row['n']:,} | {percent(row['share'])} |" for name, row in rows.items()
        ]
        left_out = "; ".join(result["not_in_junk_total"])
        return "\n".join(
            [*lines, f"\nNot in the total, since some pass for digits: {left_out}.", ""]
        )
    if group == "scenes":
        return _scenes(title, rows)
    characters = group in ("pages", "symbols")
    lines = [
        f"| {title} | n | correct | wrong | rejected |{' character error rate |' if characters else ''}",
        f"|---|---|---|---|---|{'---|' if characters else ''}",
    ]
    for name, row in rows.items():
        shares = " | ".join(percent(row[what] / row["n"]) for what in ("right", "wrong", "refused"))
        errors = f" {percent(row['character_error_rate'])} |" if characters else ""
        lines.append(f"| {name} | {row['n']:,} | {shares} |{errors}")
    return "\n".join(lines) + "\n"


def _scenes(title: str, rows: dict[str, dict[str, Any]]) -> str:
    """Return the table of the scenes, some of which have no digit; a dash stands for no value."""
    lines = [
        f"| {title} | n | text correct | digits correct | digits wrong | accepted | letters read as digits |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        n = row["n"]
        letters = row["letters_read"] / row["letters"] if "letters" in row else None
        right = None if "share" in row else row["right"] / n
        digits = row["digits_right"] / n if "digits_right" in row else right
        shares = (right, digits, row.get("digit_error_rate"), row.get("share"), letters)
        values = ("–" if share is None else percent(share) for share in shares)
        lines.append(f"| {name} | {n:,} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def _curve(curve: list[dict[str, float]]) -> str:
    lines = [
        f"![Accepted non-digits against rejected digits]({CURVE})\n",
        "| rejection threshold | non-digits accepted | digits rejected | wrong among the accepted |",
        "|---|---|---|---|",
    ]
    for point in curve:
        if point["threshold"] in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99):
            shares = " | ".join(
                percent(point[what] / 100)
                for what in ("junk_accepted", "digits_refused", "wrong_among_accepted")
            )
            lines.append(f"| {point['threshold']:g} | {shares} |")
    return "\n".join(lines) + "\n"


def _speed(speed: dict[str, Any]) -> str:
    lines = ["| speed | median | minimum to maximum |", "|---|---|---|"]
    for name, value in _flat(speed):
        if isinstance(value, dict):
            lines.append(
                f"| {name} | {value['median']:.4g} | {value['min']:.4g} to {value['max']:.4g} |"
            )
        elif isinstance(value, int | float):
            lines.append(f"| {name} | {value:.4g} | |")
    return "\n".join(lines) + "\n"


def _flat(speed: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Return nested figures as one list, each with its full name."""
    found: list[tuple[str, Any]] = []
    for name, value in speed.items():
        words = f"{before}{name.replace('_', ' ')}"
        if isinstance(value, dict) and "median" not in value:
            found += _flat(value, f"{words}, ")
        else:
            found.append((words, value))
    return found


def draw_curve(curve: list[dict[str, float]], threshold: float, path: Path) -> None:
    """Plot accepted non-digits over rejected digits, with some thresholds and the default."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [point["digits_refused"] for point in curve],
        [point["junk_accepted"] for point in curve],
        color="#0072b2",
    )
    for point in curve:
        default = point["threshold"] == threshold
        if default or point["threshold"] in (0.1, 0.3, 0.7, 0.9, 0.99):
            place = (point["digits_refused"], point["junk_accepted"])
            axes.plot(*place, "o", color="#d55e00" if default else "#0072b2")
            label = f" {point['threshold']:g}" + (", the default" if default else "")
            axes.annotate(label, place, textcoords="offset points", xytext=(4, 4))
    axes.set_xlabel("digits rejected, %")
    axes.set_ylabel("non-digits accepted, %")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(True, which="both", alpha=0.25)
    axes.set_title("What each rejection threshold accepts and rejects", loc="left", fontsize=11)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Rewrite the figures in docs/reading.md and the plot of the curve."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    result, speed = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("reading", "reading_speed")
    )
    draw_curve(result["curve"], result["threshold"], ROOT / "docs" / CURVE)
    page = ROOT / "docs" / "reading.md"
    write_text(
        page, put_between(page.read_text(encoding="utf-8"), BEGIN, END, tables(result, speed))
    )


if __name__ == "__main__":
    main()
