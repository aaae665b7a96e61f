"""`digitnn read-collection`: the digits in millions of pictures, into Parquet."""

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitnn.cli.console import messages, print_result, say
from digitnn.cli.options import AsJson, at_least, command_line
from digitnn.cli.progress import Stop, stop_on_interrupt
from digitnn.cli.read.options import (
    MaxMegapixelsOption,
    MinConfidenceOption,
    ModelOption,
    RotateOption,
    SingleOption,
    SymbolsOption,
)
from digitnn.errors import Interruption
from digitnn.wording import count

if TYPE_CHECKING:
    from digitnn.scaling.collections.job import Job, Progress

DEFAULTS = {
    "max_megapixels": 64.0,
    "single": False,
    "symbols": False,
    "no_rotate": False,
    "no_images": False,
    "seed": 0,
    "shard": "1/1",
    "engine": "local",
    "timings": False,
    "progress": "text",
    "json": False,
}
"""Those that are not None."""

PLAIN_SECONDS, JSON_SECONDS = 10.0, 1.0
"""Between two lines of progress where stderr is no terminal, and of JSON."""


def read_collection(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Folders, patterns, Parquet files or tars with pictures; also s3:// and gs://.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="The folder of the result. To continue after a kill, repeat the command.",
            show_default=False,
        ),
    ],
    single: SingleOption = False,
    symbols: SymbolsOption = False,
    rotate: RotateOption = True,
    model: ModelOption = None,
    min_confidence: MinConfidenceOption = None,
    max_megapixels: MaxMegapixelsOption = 64.0,
    images: Annotated[
        bool,
        typer.Option(
            "--images/--no-images",
            help="Classify pictures of 28 x 28 pixels with light ink on dark paper as they are.",
        ),
    ] = True,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", parser=at_least(1), metavar="N", help="Read only N pictures, at random."
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option("--seed", parser=at_least(0), metavar="N", help="The seed of --sample."),
    ] = 0,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Read only the I-th of N parts; N processes may share one --out.",
        ),
    ] = "1/1",
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option("--engine", help="Processes of this machine, or a Ray cluster."),
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            parser=at_least(1),
            metavar="N",
            help="Processes that read. Default: one for each core.",
        ),
    ] = None,
    timings: Annotated[
        bool,
        typer.Option("--timings", help="Also write the milliseconds of each picture."),
    ] = False,
    progress: Annotated[
        Literal["text", "json"],
        typer.Option("--progress", help="How progress is shown on stderr."),
    ] = "text",
    as_json: AsJson = False,
) -> None:
    """Read millions of pictures into Parquet, a row for each. A bad picture is a row too.

    After Ctrl-C what is written stays, and the same command continues.
    """
    given = {name: value for name, value in locals().items() if name != "inputs"}
    from digitnn.scaling.collections.batch import ReadingOptions
    from digitnn.scaling.collections.job import Local, prepare
    from digitnn.scaling.collections.output import Output
    from digitnn.scaling.collections.plan import Part, Sample
    from digitnn.scaling.collections.ray_engine import OnRay
    from digitnn.scaling.collections.worker import Work

    options = ReadingOptions(model, min_confidence, max_megapixels, single, symbols, rotate, images)
    part = Part.parse(shard)
    work = Work(options, Output(out, timings))
    reading = OnRay(workers) if engine == "ray" else Local(workers)
    job = prepare(inputs, work, part, Sample(sample, seed) if sample else None)
    with job.claimed(), stop_on_interrupt() as stop:
        shown = _as_json if progress == "json" else _as_text
        with closing(job.run(reading, lambda: stop.signal_number is not None)) as steps:
            last = deque(shown(steps), maxlen=1)[0]
        _finish(job, last, stop, as_json, _command(inputs, given))


def _command(inputs: Sequence[str], given: Mapping[str, Any]) -> str:
    """Return the command that continues, in words if an input holds what no message may show."""
    from digitnn.scaling.collections.places import Place

    if any(Place.of(one).show != one for one in inputs if "://" in one):
        return "the same command"
    named = dict(given)
    for negated in ("rotate", "images"):
        named[f"no_{negated}"] = not named.pop(negated)
    named["json"] = named.pop("as_json")
    return f"`{command_line(['digitnn', 'read-collection', *inputs], named, DEFAULTS)}`"


def _finish(job: "Job", last: "Progress", stop: Stop, as_json: bool, command: str) -> None:
    """Print the result. Raises `Interruption` if a signal ended the job early."""
    out = job.work.output.folder
    if last.shards < last.total_shards:
        raise Interruption(
            f"interrupted; {last.pictures:,} of {count(last.total, 'picture')} are done and in "
            f"{out}; continue with {command}",
            stop.signal_number or 2,
        )
    totals = job.totals()
    found = {"schema": 1, "out": str(out), "rows": totals.rows, "errors": totals.errors}
    text = f"{out}: {count(totals.rows, 'row')}, {count(totals.errors, 'error')}"
    print_result({**found, **_rate(last)}, text, as_json)


def _rate(last: "Progress") -> dict[str, float]:
    found = last.to_json()
    return {name: found[name] for name in ("pictures", "seconds", "pictures_per_second")}


def _as_json(steps: "Iterable[Progress]") -> "Iterator[Progress]":
    """Yield the steps; write one a second, and the last, as a line of JSON."""
    shown = -JSON_SECONDS
    for step in steps:
        if step.shards == step.total_shards or monotonic() - shown >= JSON_SECONDS:
            shown = monotonic()
            sys.stderr.write(json.dumps(step.to_json(), allow_nan=False) + "\n")
            sys.stderr.flush()
        yield step


def _as_text(steps: "Iterable[Progress]") -> "Iterator[Progress]":
    """Yield the steps; show a bar on a terminal and a line now and then elsewhere."""
    from rich.progress import BarColumn, Progress, TextColumn

    if not messages().is_terminal:
        yield from _as_lines(steps)
        return
    columns = (BarColumn(None), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=messages(), transient=True) as bar:
        task = bar.add_task("")
        for step in steps:
            bar.update(task, completed=step.pictures, total=step.total, description=_line(step))
            yield step


def _as_lines(steps: "Iterable[Progress]") -> "Iterator[Progress]":
    shown = monotonic()
    for step in steps:
        if monotonic() - shown >= PLAIN_SECONDS:
            shown = monotonic()
            say(_line(step))
        yield step


def _line(step: "Progress") -> str:
    """Return `1,500 of 60,000 pictures  2 errors  1,300/s  45 s left`."""
    left = "" if step.remaining is None else f"  {_duration(step.remaining)} left"
    return (
        f"{step.pictures:,} of {step.total:,} pictures  {count(step.errors, 'error')}  "
        f"{step.rate:,.0f}/s{left}"
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
