"""`digitnn export`: a run in a format that other programs load."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitnn.cli.console import print_result, say
from digitnn.cli.options import AsJson, DataDir, ThreadsOption
from digitnn.cli.progress import fetch_collection
from digitnn.errors import UsageError

if TYPE_CHECKING:
    from digitnn.export.verification import Conformance
    from digitnn.network.network import Samples
    from digitnn.runs.ensembles import Trained


def export(
    run: Annotated[Path, typer.Argument(help="A run or, for onnx, an ensemble.")],
    out: Annotated[
        Path | None, typer.Argument(help="The file to write; its suffix names the format.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="onnx, safetensors, pt, npz, pickle, skops, h or html. Default: the suffix.",
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="FILE",
            help="Verify a file exported earlier, instead of writing one.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="onnx: add an output with probabilities.")
    ] = False,
    weights: Annotated[
        Literal["int8", "float32"] | None,
        typer.Option(
            "--weights",
            help="h, html: how weights are stored. Default: int8; html: float32 if it fits.",
        ),
    ] = None,
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="h, html: write the file even if it cannot be run here."),
    ] = False,
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    as_json: AsJson = False,
) -> None:
    """Export a run, verified over the validation images before it is written.

    The file takes raw pixels, uint8 from 0 for paper to 255 for ink, or float32 features:
    standardisation is in it.
    """
    from digitnn.export.exporting import check_export, export_run, loading_lines
    from digitnn.export.formats import check_options, find_format
    from digitnn.export.protocol import Options
    from digitnn.machine.resources import use_resources
    from digitnn.runs.ensembles import load_run

    options = Options(probabilities, weights, unverified)
    path = _path_of(out, check, force, options != Options())
    chosen = find_format(path, to)
    check_options(chosen, options)
    use_resources(threads)
    trained = load_run(run)
    load_images = partial(_validation_images, trained, data_dir)
    if check is not None:
        conformance: Conformance | None = check_export(path, trained, chosen, load_images)
    else:
        conformance = export_run(trained, chosen, options, path, load_images)
    lines = loading_lines(trained, chosen, path)
    value: dict[str, Any] = {
        "schema": 1,
        "run": str(run),
        "path": str(path),
        "format": chosen.name,
        "verified": conformance.to_json() if conformance else None,
        **lines,
    }
    print_result(value, _to_text(path, conformance, "".join(lines.values())), as_json)


def _path_of(out: Path | None, check: Path | None, force: bool, has_options: bool) -> Path:
    """Return the file to write or to check. Raises an error if it cannot be written."""
    from digitnn.export.exporting import check_place

    if check is not None:
        if out is not None or force or has_options:
            raise UsageError("--check verifies a file and writes none: give it and RUN only")
        return check
    if out is None:
        raise UsageError("name the file to write: digitnn export RUN OUT")
    check_place(out, force)
    return out


def _validation_images(trained: "Trained", data_dir: Path | None) -> "Samples":
    from digitnn.runs.evaluate_run import load_images_to_check

    fetch_collection(trained.about["data"]["collection"], data_dir)
    images = load_images_to_check(trained, data_dir).images
    say(f"verifying over {len(images):,} validation images")
    return images


def _to_text(path: Path, conformance: "Conformance | None", lines: str) -> str:
    """Return the table and, if there are any, the lines that load the file."""
    rows = (
        conformance.rows() if conformance else [("not verified", "the file could not be run here")]
    )
    width = max(len(name) for name, _ in rows)
    table = "\n".join(f"{name:{width}}  {value}" for name, value in rows)
    return f"{path}\n\n{table}\n" + (f"\n{lines}" if lines else "")
