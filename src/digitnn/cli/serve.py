"""`digitnn serve`: the page to draw on, and the HTTP API."""

from pathlib import Path
from typing import Annotated

import typer

from digitnn.cli.options import above_zero, at_least
from digitnn.errors import MissingExtraError


def serve(
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model", metavar="RUN", help="Serve this run too; may be given several times."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; 0.0.0.0 for all networks.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", parser=at_least(0), metavar="N", help="0: any free port.")
    ] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="A further name by which clients may call the server, such as a proxy's.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", parser=at_least(0), metavar="N", help="Processes; 0: one per core."
        ),
    ] = 0,
    max_megabytes: Annotated[
        float,
        typer.Option(
            "--max-megabytes", parser=above_zero, metavar="N", help="Reject larger requests."
        ),
    ] = 16.0,
    max_waiting: Annotated[
        int,
        typer.Option(
            "--max-waiting",
            parser=at_least(0),
            metavar="N",
            help="Answer 503 if more requests wait for a worker.",
        ),
    ] = 64,
    request_seconds: Annotated[
        float,
        typer.Option(
            "--request-seconds",
            parser=above_zero,
            metavar="S",
            help="Cut clients that need longer to send their headers, or their body.",
        ),
    ] = 20.0,
    keep_in: Annotated[
        Path,
        typer.Option("--keep-in", metavar="FOLDER", help="Where trainings of the page are kept."),
    ] = Path("runs"),
) -> None:
    """Serve a page to draw on, which shows both engines think, and an HTTP API.

    Open http://127.0.0.1:8000 in a browser. The API is described at /docs.
    """
    from importlib.util import find_spec

    needed = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
    if any(find_spec(name) is None for name in needed):
        raise MissingExtraError("fastapi and uvicorn", "serve", "digitnn serve")
    from digitnn.serving.processes import start_context

    context = start_context()  # before the imports below, which take as long
    from digitnn.cli.console import say
    from digitnn.serving.server import listen, serve
    from digitnn.serving.settings import Settings

    settings = Settings(
        host=host, port=port, runs=tuple(model or ()), hosts=tuple(allow_host or ()),
        workers=workers, max_megabytes=max_megabytes, max_waiting=max_waiting,
        request_seconds=request_seconds, kept=keep_in,
    )  # fmt: skip
    with listen(settings.host, settings.port) as listener:
        serve(settings, listener, context, say)
