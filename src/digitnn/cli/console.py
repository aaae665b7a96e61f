"""Print results on stdout, and messages and errors on stderr."""

import json
import os
import sys
from functools import cache
from time import sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


@cache
def messages() -> "Console":
    """Return the console for messages; colour only on a terminal without NO_COLOR.

    rich is imported here, because `digitnn read` does not need it and must start fast.
    """
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a message on stderr; brackets in it, as paths may have, are not markup."""
    messages().print(line, markup=False)


def let_the_first_process_speak() -> None:
    """Wait, in all but the first process that torchrun started here, to be ended by torchrun.

    All of them meet a wrong option; torchrun ends the others as soon as one has failed.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("LOCAL_RANK", "0") != "0":
        sleep(10)


def complain(message: str) -> None:
    """Print an error on stderr, on one line even if the message has several."""
    sys.stderr.write("error: " + " ".join(message.split()) + "\n")


def printable(text: str) -> str:
    """Return text from a file, or its name, on one line, with control characters escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]


def print_text(text: str) -> None:
    """Print a result for people on stdout, and flush: the next one may take a while."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def print_result(value: dict[str, Any], text: str, as_json: bool) -> None:
    """Print a result as JSON or as text."""
    if as_json:
        print_json(value)
    else:
        print_text(text)


def print_json(value: dict[str, Any]) -> None:
    """Print a result for programs on stdout as one JSON object. Raises `ValueError` for NaN."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
