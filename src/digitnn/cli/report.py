"""`digitnn report`: everything about one run as one page of HTML."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Literal

import typer

from digitnn.cli.console import print_result, say
from digitnn.cli.options import AsJson, DataDir, ThreadsOption, at_least, command_line
from digitnn.cli.progress import fetch_collection
from digitnn.errors import RunError

ROBUSTNESS_IMAGES = 1000
"""The default of --robustness-images: half a minute of work for the recipe `cnn`."""
DEFAULTS = {"split": "valid", "robustness_images": ROBUSTNESS_IMAGES}
"""Those that are not None."""


def report(
    run: Annotated[Path, typer.Argument(help="A run or an ensemble.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The page to write. Default: RUN.html next to the run."
        ),
    ] = None,
    split: Annotated[
        Literal["valid", "test"], typer.Option("--split", help="The split to evaluate on.")
    ] = "valid",
    robustness_images: Annotated[
        int,
        typer.Option(
            "--robustness-images",
            parser=at_least(0),
            metavar="N",
            help="Measure robustness on corrupted, transformed and adversarial versions of the "
            "first N images; 0 skips this.",
        ),
    ] = ROBUSTNESS_IMAGES,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside",
            metavar="RUN",
            help="Compare with a run of the same recipe with another seed, or a folder of such "
            "runs. Repeat the option for more. They are evaluated on the split too, which is "
            "recorded.",
        ),
    ] = None,
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    as_json: AsJson = False,
) -> None:
    """Write one page of HTML about a run.

    It shows accuracy, calibration, errors, robustness and the influence of the seed. The file
    contains no scripts and loads no other files. The evaluation is recorded in the run.
    """
    options = {name: value for name, value in locals().items() if name not in ("run", "as_json")}
    from digitnn.atomic_files import replace_file
    from digitnn.machine.resources import use_resources
    from digitnn.report.measured import PageRequest
    from digitnn.report.measuring import measure_run
    from digitnn.report.page import check_libraries, render
    from digitnn.runs.ensembles import load_run

    use_resources(threads)
    trained = load_run(run)
    named = run if run.name.strip(".") else run.resolve()
    path = out or named.with_name(f"{named.name}.html")
    check_libraries()
    _check_free(path)
    fetch_collection(trained.about["data"]["collection"], data_dir)
    command = command_line(["digitnn", "report", str(run)], options, DEFAULTS)
    wanted = PageRequest(split, data_dir, robustness_images, beside or (), command)
    measured = measure_run(trained, wanted, say)
    say("writing the page")
    page = render(measured)
    with replace_file(path) as file:
        file.write(page)
    value = {
        "schema": 1,
        "run": str(run),
        "split": split,
        "path": str(path),
        "bytes": len(page),
        "seconds": measured.seconds,
        "reads": measured.reads,
        "test_reads": measured.test_reads,
        "accuracy": measured.evaluation_summary.evaluation.accuracy,
    }
    print_result(value, str(path), as_json)


def _check_free(path: Path) -> None:
    """Raise `RunError` unless a page can be written at `path`; call it before the work."""
    if path.is_dir():
        raise RunError(f"cannot write a page to {path}: it is a folder; name a file with --out")
    if path.suffix.lower() not in (".html", ".htm"):  # never overwrite, say, report.json
        raise RunError(f"cannot write a page to {path}: expected a name that ends in .html")
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise RunError(
            f"cannot write a page to {path}: {error.strerror or error}; choose another --out"
        ) from None
