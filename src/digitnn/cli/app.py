"""The program `digitnn`: its commands, and how their errors are reported.

Results go to stdout, messages to stderr. Exit code 0: done, 1: failed, 2: wrong usage,
130: Ctrl-C, 143: SIGTERM. Only `--debug` shows a traceback. Heavy libraries are imported inside the
command that needs them, so that `digitnn --help` answers at once.
"""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import typer

import digitnn
from digitnn.cli.console import complain, let_the_first_process_speak
from digitnn.cli.fits import fit_as_digit
from digitnn.data.formats.picture_options import offer_fit
from digitnn.errors import DigitnnError, Interruption, UsageError

COMMANDS = {
    "data": "data",
    "recipes": "recipes",
    "train": "train",
    "tune": "tune",
    "inspect": "data",
    "evaluate": "evaluate",
    "ensemble": "several_runs",
    "compare": "compare",
    "leaderboard": "several_runs",
    "curves": "several_runs",
    "understand": "understand",
    "report": "report",
    "ladder": "ladder",
    "audit": "audit",
    "read": "read.command",
    "read-collection": "read_collection",
    "export": "export",
    "serve": "serve",
}
"""The module of each command, in which it is a function of its name or a group of commands.

A "-" in the name is a "_" there."""


def _program(arguments: Sequence[str]) -> typer.Typer:
    """Return the program with the called command only, or with all of them for help and hints.

    Importing all commands takes as long as reading a digit.
    """
    program = typer.Typer(
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    program.callback()(root)
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name in (called,) if called in COMMANDS else COMMANDS:
        command = vars(import_module(f"digitnn.cli.{COMMANDS[name]}"))[name.replace("-", "_")]
        if isinstance(command, typer.Typer):
            program.add_typer(command, name=name)
        else:
            program.command(name)(command)
    return program


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"digitnn {digitnn.__version__}")
        raise typer.Exit


def root(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_print_version, is_eager=True
    ),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback when something fails."),
) -> None:
    """Train networks on handwritten digits, compare them, explain them, and read pictures."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of digitnn and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    offer_fit("digit", fit_as_digit)
    return run_program(_program(given), "digitnn", given)


def run_program(program: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run `program` and return the exit code. Every failure prints one line on stderr.

    arguments: None takes those of the process; `--debug` is handled here.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    _make_printing_safe()
    try:
        code = program(args=given, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        if code == Interruption.exit_code:  # Typer turns a KeyboardInterrupt into it
            complain("interrupted")
        return code if isinstance(code, int) else 0
    except (BrokenPipeError, SystemExit):
        # The reader of our output closed it (`digitnn recipes | head -1`): not an error. Typer
        # turns that into SystemExit, and nothing else if it is not standalone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, typer.TyperException | UsageError):
            let_the_first_process_speak()
        complain(_one_line(error))
        return error.exit_code if isinstance(error, typer.TyperException | DigitnnError) else 1


def _make_printing_safe() -> None:
    """Let commands print to a closed stdout, or to one whose encoding lacks a letter."""
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, io.TextIOWrapper(io.BytesIO()))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _one_line(error: Exception) -> str:
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        return error.format_message() + hint
    if isinstance(error, DigitnnError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'input/output'}: {error.strerror or error}"
    if isinstance(error, MemoryError):
        return "out of memory"
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)"
