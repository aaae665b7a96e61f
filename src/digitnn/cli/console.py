"""What the command line prints: results on stdout, errors on stderr. Talk: see `talk`."""

import json
import sys
from typing import Any


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
