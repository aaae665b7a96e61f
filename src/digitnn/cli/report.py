"""`digitnn report`: everything about one run as one page of HTML."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from digitnn.cli.console import print_json, print_text
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, DataDir, Threads, at_least
from digitnn.cli.talk import say


def report(
    run: Annotated[Path, typer.Argument(help="A run, or an ensemble of them.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page; beside the run if absent: RUN.html."),
    ] = None,
    split: Annotated[
        Literal["valid", "test"], typer.Option("--split", help="Which images to read.")
    ] = "valid",
    robustness_images: Annotated[
        int,
        typer.Option(
            "--robustness-images",
            parser=at_least(0),
            metavar="N",
            help="Corrupt, move and attack the first N images; 0 leaves that out.",
        ),
    ] = 1000,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside",
            metavar="RUN",
            help="A run of the same recipe with another seed, or a folder of them; may be repeated. "
            "Each reads the split too, and notes it.",
        ),
    ] = None,
    data_dir: DataDir = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Write one page that says how good a network is, how sure, where it fails and what luck did.

    It is one file without scripts that loads nothing. The reading of the split is noted in the run.
    """
    from digitnn.atomic import replace_file
    from digitnn.ensembles import load_run
    from digitnn.report_page.measured import Wanted
    from digitnn.report_page.measuring import measure
    from digitnn.report_page.page import check_libraries, render
    from digitnn.resources import use_resources

    use_resources(threads)
    trained = load_run(run)
    path = out or run.resolve().with_name(f"{run.resolve().name}.html")
    check_libraries()
    _check_free(path)
    ensure(trained.about["data"]["collection"], data_dir)
    wanted = Wanted(split, data_dir, robustness_images, beside or (), _command())
    measured = measure(trained, wanted, say)
    say("writing the page")
    page = render(measured)
    with replace_file(path) as file:
        file.write(page)
    if as_json:
        print_json(
            {
                "schema": 1,
                "run": str(run),
                "split": split,
                "path": str(path),
                "bytes": len(page),
                "seconds": measured.seconds,
                "reads": measured.reads,
                "test_reads": measured.test_reads,
                "accuracy": measured.appraisal.report.accuracy,
            }
        )
        return
    print_text(str(path))


def _command() -> str:
    """What was typed."""
    return shlex.join(["digitnn", *sys.argv[1:]])


def _check_free(path: Path) -> None:
    """Raise `RunError` unless a file can be written at `path`; called before the work."""
    from tempfile import TemporaryFile

    from digitnn.errors import RunError

    if path.is_dir():
        raise RunError(f"cannot write a page to {path}: it is a folder; name a file with --out")
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise RunError(
            f"cannot write a page to {path}: {error.strerror or error}; choose another --out"
        ) from None
