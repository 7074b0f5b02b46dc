"""A poem as a file has it: a record of author, title and raw text."""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from tangshi_tf.corpus.marks import MARKS

__all__ = ["HEADER", "Found", "Record", "add_marks", "one_line"]

HEADER = "split\tauthor\ttitle\ttext"


class Record(NamedTuple):
    """One poem as a file has it; an empty text is for the reader of the record to refuse."""

    split: str  # "" if the format has none
    author: str
    title: str
    text: str


class Found(NamedTuple):
    """What a format makes of a file."""

    format: str  # its name, see `tangshi_tf.corpus.formats.FORMATS`
    records: list[Record]
    doubts: tuple[str, ...] = ()  # each a clause, about how it was read


def one_line(text: str) -> str:
    """Return a title or a name without signs that nobody sees, its words one space apart."""
    shown = (" " if c.isspace() else c for c in text if unicodedata.category(c) not in ("Cf", "Cs"))
    return " ".join("".join(c for c in shown if c == " " or unicodedata.category(c) != "Cc").split())


def add_marks(lines: Iterable[str]) -> str:
    """Return lines without marks with a comma and a full stop in turn.

    Example:
        >>> add_marks(["白日依山尽", "黄河入海流"])
        '白日依山尽，黄河入海流。'
    """
    return "".join(line if line.endswith(tuple(MARKS)) else line + "，。"[i % 2] for i, line in enumerate(lines))
