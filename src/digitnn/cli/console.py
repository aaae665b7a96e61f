"""Where the command line writes: results on stdout, talk on stderr."""

import json
import sys
from typing import Any

from rich.console import Console

talk = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, remarks and warnings. Colour only on a terminal, and not with NO_COLOR."""


def say(line: str) -> None:
    """A line of talk, as it is: a path may hold what rich would take for markup."""
    talk.print(line, markup=False)


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    sys.stderr.write("error: " + " ".join(message.split()) + "\n")


def print_text(text: str) -> None:
    """A result for people, on stdout."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def print_json(value: dict[str, Any]) -> None:
    """A result for programs, on stdout: one object; NaN is not JSON and is refused."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
