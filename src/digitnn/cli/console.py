"""What the command line prints: results on stdout, messages and errors on stderr."""

import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


@cache
def messages() -> "Console":
    """The console of progress, remarks and warnings; colour only on a terminal without NO_COLOR.

    rich is imported here, since reading a picture must not wait for it.
    """
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a message on stderr as it is: a path may hold what rich would take for markup."""
    messages().print(line, markup=False)


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    sys.stderr.write("error: " + " ".join(message.split()) + "\n")


def print_text(text: str) -> None:
    """A result for people, on stdout; at once, as the next may take a while."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def print_json(value: dict[str, Any]) -> None:
    """A result for programs, on stdout: one object; NaN is not JSON and is refused."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
