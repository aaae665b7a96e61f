"""Talk on stderr: progress, remarks and warnings."""

from rich.console import Console

talk = Console(stderr=True, highlight=False, soft_wrap=True)
"""Colour only on a terminal, and not with NO_COLOR."""


def say(line: str) -> None:
    """A line of talk, as it is: a path may hold what rich would take for markup."""
    talk.print(line, markup=False)
