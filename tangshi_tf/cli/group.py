"""Errors of any command: each becomes one line and an exit status."""

import errno
import sys
from typing import Any

import click

from tangshi_tf.errors import TangshiError, first_line

__all__ = ["Group"]


class Group(click.Group):
    """Turns the project's errors, and those of the system, into one line and exit status 1."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        # What a terminal cannot print must not end a run: it sees an escape in its place.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise click.UsageError(_one_line(error.format_message()), error.ctx) from error
        except Exception as error:
            raise click.ClickException(_one_line(_message(error))) from error


def _message(error: Exception) -> str:
    """Return what is said of an error that a user can do something about; raise the others again."""
    if isinstance(error, TangshiError):
        return str(error)
    if isinstance(error, UnicodeError):
        return f"Text in valid Unicode is required. Received: {first_line(error)}."
    if isinstance(error, MemoryError):
        return "More memory is required. Received: none from the system."
    if isinstance(error, OSError) and error.errno != errno.EPIPE:  # which click ends quietly: the reader has gone
        return f"A working file system is required. Received: {first_line(error)}: {error.filename}."
    if type(error).__module__.startswith("tensorflow."):
        return f"TensorFlow could not go on. Received: {first_line(error)}."
    raise error


def _one_line(message: str) -> str:
    """Join the lines of a message that repeats what was typed, line breaks included."""
    return " ".join(message.splitlines())
