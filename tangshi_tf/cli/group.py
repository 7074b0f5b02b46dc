"""Errors of any command: each becomes one line and an exit status."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any

import click

from tangshi_tf.cli.catalogue import echo, find_language, speaking
from tangshi_tf.cli.help import Command
from tangshi_tf.cli.phase_display import showing_phases
from tangshi_tf.cli.signals import ending_at_once
from tangshi_tf.cli.streams import dropping_output, open_missing_streams, settle_output
from tangshi_tf.cli.suggestions import COMMANDS, meant, no_such
from tangshi_tf.errors import TangshiError, first_line

__all__ = ["Group"]


class Group(Command, click.Group):
    """Turns the project's errors, and those of the system, into one line and exit status 1."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:
        """Run the command line: with no `args`, as a process of its own."""
        with contextlib.ExitStack() as held:
            if args is None:
                open_missing_streams()
                held.callback(settle_output)
            # What a terminal cannot print must not end a run: it sees an escape in its place.
            for stream in (sys.stdout, sys.stderr):
                if hasattr(stream, "reconfigure"):
                    stream.reconfigure(errors="backslashreplace")
            held.enter_context(dropping_output("stderr"))
            held.enter_context(speaking(find_language(sys.argv[1:] if args is None else args, os.environ)))
            if args is None:
                held.enter_context(ending_at_once())
            return super().main(args, *others, **options)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the options of the group."""
        with _one_line_errors() if args else contextlib.nullcontext():  # without any, click shows the help
            return super().make_context(info_name, args, parent, **extra)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; of one that does not exist say which is meant."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(no_such("command", name, meant(name, self.commands, COMMANDS)), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _one_line_errors(), showing_phases():
            return super().invoke(ctx)


class _Translated(click.ClickException):
    """Shows an error as click does, in the language that is spoken."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        shown = io.StringIO()
        super().show(shown)
        echo(shown.getvalue().removesuffix("\n"), err=True)


class _Error(_Translated):
    """Anything but wrong usage."""


class _UsageError(_Translated, click.UsageError):
    """Wrong usage."""


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """Say what went wrong on one line."""
    try:
        yield
    except click.UsageError as error:
        raise _UsageError(_one_line(error.format_message()), error.ctx) from error
    except Exception as error:
        raise _Error(_one_line(_message(error))) from error


def _message(error: Exception) -> str:
    """Return what is said of an error that a user can do something about; raise the others again."""
    if isinstance(error, TangshiError):
        return str(error)
    if isinstance(error, UnicodeError):
        return f"Text in valid Unicode is required. Received: {first_line(error)}."
    if isinstance(error, MemoryError):
        return "More memory is required. Received: none from the system."
    if isinstance(error, OSError) and error.errno != errno.EPIPE:  # which click ends quietly: the reader has gone
        if error.filename is None:  # standard output, most likely
            return f"A working file system is required. Received: {first_line(error)}."
        return f"A working file system is required. Received: {first_line(error)}: {error.filename}."
    if type(error).__module__.startswith("tensorflow."):
        return f"TensorFlow could not go on. Received: {first_line(error)}."
    raise error


def _one_line(message: str) -> str:
    """Join the lines of a message that repeats what was typed, line breaks included."""
    return " ".join(message.splitlines())
