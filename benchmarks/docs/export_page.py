"""Export the shipped networks to every format, and write the table of docs/export.md.

Each file is verified over the 10,000 validation images of MNIST, as `digitnn export` does it.
With --tiny it writes the table of the recipe tiny instead, from runs whose accuracy on the test
split `digitnn evaluate` has recorded; it reads the validation split only.

    python -m benchmarks.docs.export_page
    python -m benchmarks.docs.export_page --formats onnx npz
    python -m benchmarks.docs.export_page --tiny runs/tiny-0 runs/tiny-1 runs/tiny-2
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import digitnn
from benchmarks import ROOT
from benchmarks.docs.update_readme import put_between
from digitnn.atomic_files import write_text
from digitnn.errors import ExportError
from digitnn.evaluation.evaluation import evaluate
from digitnn.export.exporting import export_run
from digitnn.export.formats import FORMATS
from digitnn.export.protocol import Format, Options
from digitnn.export.pytorch_state import pytorch_source
from digitnn.export.verification import Conformance
from digitnn.machine.describe import describe_machine
from digitnn.network.network import Samples
from digitnn.network.storage.saved_network import round_weights
from digitnn.runs.evaluate_run import load_split_of
from digitnn.runs.run import Run, load_single_run, read_evaluations
from digitnn.wording import percent

BEGIN = "<!-- conformance: written by python -m benchmarks.docs.export_page -->"
END = "<!-- end of conformance -->"
BEGIN_LINES = "<!-- lines: written by python -m benchmarks.docs.export_page -->"
END_LINES = "<!-- end of lines -->"

BEGIN_TINY = "<!-- tiny: written by python -m benchmarks.docs.export_page --tiny RUN ... -->"
END_TINY = "<!-- end of tiny -->"

PACKAGE = Path(digitnn.__file__).parent
SHIPPED = {
    "classic": PACKAGE / "serving" / "shipped" / "classic",
    "cnn": PACKAGE / "serving" / "shipped" / "cnn",
    "reader": PACKAGE / "reader" / "shipped",
}


def variants(formats: Sequence[str]) -> Iterator[tuple[str, Format, Options]]:
    """Yield each format, and each way to store weights where there are several."""
    for chosen in (FORMATS[name] for name in formats):
        if "weights" in chosen.options:
            yield f"`.{chosen.name}`, int8", chosen, Options(weights="int8")
            yield f"`.{chosen.name}`, float32", chosen, Options(weights="float32")
        else:
            options = Options(probabilities="probabilities" in chosen.options)
            yield f"`.{chosen.name}`", chosen, options


def table(formats: Sequence[str]) -> str:
    """Return the table as Markdown, with the conditions under it."""
    head = (
        "| network | file | answers equal | largest difference of logits | bytes | memory "
        "| images a second |"
    )
    rows, runtimes = [head, "|---|---|---|---|---|---|---|"], set()
    for name, folder in SHIPPED.items():
        run = load_single_run(folder)
        images = load_split_of(run, "valid").images
        for title, chosen, options in variants(formats):
            try:
                found = _export(run, chosen, options, images)
            except ExportError:  # a page too large to send
                rows.append(f"| {name} | {title} | refused: larger than the limit | | | | |")
                continue
            runtimes.add(found.runtime.split(",")[0])
            rows.append(_row(name, title, found))
    machine = describe_machine()
    note = (
        f"`memory` is bytes of constants and of work buffers. Run by {', '.join(sorted(runtimes))}, on "
        f"{machine['processor']}; commit {machine['commit']}.\n"
    )
    return "\n".join(rows) + f"\n\n{note}"


def _export(run: Run, chosen: Format, options: Options, images: Samples) -> Conformance:
    with TemporaryDirectory() as folder:
        out = Path(folder) / f"digits.{chosen.name}"
        found = export_run(run, chosen, options, out, lambda: images)
    if found is None:
        raise SystemExit(f"{chosen.name} was not verified")
    return found


def _row(name: str, title: str, found: Conformance) -> str:
    memory = " and ".join(f"{size:,}" for size in found.sizes.values())
    return (
        f"| {name} | {title} | {found.agreement.equal:,} of {found.n:,} "
        f"| {found.agreement.largest_difference:.1e} | {found.file_bytes:,} | {memory} "
        f"| {found.images_per_second:,.0f} |"
    )


def tiny_table(folders: Sequence[Path]) -> str:
    """Return the table of runs of the recipe tiny as Markdown: one row per seed, and the mean."""
    rows, accuracies, device = [], [], describe_machine()
    for folder in folders:
        run = load_single_run(folder)
        valid = load_split_of(run, "valid")
        found = _export(run, FORMATS["h"], Options(weights="int8"), valid.images)
        rounded = replace(run, params=round_weights(run.params)).classifier("scratch")
        correct = [
            evaluate(run.classifier("scratch"), valid).accuracy,
            evaluate(rounded, valid).accuracy,
            *(one["accuracy"] for one in read_evaluations(folder) if one["split"] == "test"),
        ][:3]
        if len(correct) < 3:
            raise SystemExit(f"{folder}: `digitnn evaluate {folder} --split test` comes first")
        accuracies.append(correct)
        figures = [*map(percent, correct), *(f"{size:,}" for size in found.sizes.values())]
        rows.append([f"seed {run.about['seed']}", *figures, f"{run.about['seconds']:.0f} s"])
    means = (percent(sum(column) / len(column)) for column in zip(*accuracies, strict=True))
    rows.append(["mean", *(f"**{mean}**" for mean in means), "", "", ""])
    head = (
        "| run | validation | validation, int8 | test | flash, bytes | RAM, bytes | training |\n"
        "|---|---|---|---|---|---|---|"
    )
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    parameters = load_single_run(folders[0]).parameter_count()
    return (
        f"{head}\n{body}\n\n{parameters:,} parameters, on {device['processor']}, one thread; "
        f"commit {device['commit']}.\n"
    )


def lines() -> str:
    """Return the lines of PyTorch for the smallest shipped network."""
    network = load_single_run(SHIPPED["classic"]).network
    return f"```python\n{pytorch_source(network, Path('digits.safetensors'), 'safetensors')}```\n"


def main() -> None:
    """Write docs/export.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    parser.add_argument("--tiny", nargs="+", type=Path, metavar="RUN")
    arguments = parser.parse_args()
    page = ROOT / "docs" / "export.md"
    if arguments.tiny:
        found = tiny_table(arguments.tiny)
        write_text(page, put_between(page.read_text(), BEGIN_TINY, END_TINY, found))
        return
    conformance = table(arguments.formats)
    text = put_between(page.read_text(), BEGIN, END, conformance)
    write_text(page, put_between(text, BEGIN_LINES, END_LINES, lines()))


if __name__ == "__main__":
    main()
