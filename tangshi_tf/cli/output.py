"""Print texts and JSON on a terminal whose encoding may lack some of their characters."""

import json
import sys
from typing import Any

import click

from tangshi_tf.cli.catalogue import echo

__all__ = ["json_line", "print_text"]

_FEW = 10  # characters that a note names


def json_line(value: Any, *, to_file: bool = False) -> str:
    r"""Return a value as one line of JSON, with ``\u`` escapes where the terminal has no encoding for it.

    Args:
        value: what `json.dumps` takes.
        to_file: it goes to a file, which is UTF-8 always.
    """
    line = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if not to_file and _lacking(line) else line


def print_text(text: str) -> None:
    """Print a text; say on standard error which of its characters the terminal shows as escapes."""
    lacking = _lacking(text)
    for mark in lacking:
        text = text.replace(mark, _escaped(mark))
    click.echo(text, nl=False)
    if lacking:
        shown = " ".join(map(_escaped, lacking[:_FEW])) + (" …" if len(lacking) > _FEW else "")
        encoding = sys.stdout.encoding
        echo(f"Note: the encoding {encoding} has no {shown}: shown as escapes. --output FILE writes UTF-8.", err=True)


def _lacking(text: str) -> list[str]:
    """Return the characters that standard output has no encoding for."""
    encoding = sys.stdout.encoding or "utf-8"
    encoding = "utf-8" if encoding == "ascii" else encoding  # click takes ASCII for a mistake and prints UTF-8
    return [mark for mark in dict.fromkeys(text) if not mark.encode(encoding, "ignore")]


def _escaped(mark: str) -> str:
    return mark.encode("ascii", "backslashreplace").decode()
