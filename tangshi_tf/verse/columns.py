"""Set a poem in lines, its readings above and its tones below the characters."""

import unicodedata
from collections.abc import Iterator, Sequence

__all__ = ["in_lines"]


def in_lines(poem: str, readings: Sequence[str] = (), tones: str = "") -> str:
    """Return a poem, a sentence a line.

    Args:
        poem: what `generate` gives.
        readings: of each of its characters but the line breaks, printed above them, in columns; empty for none.
        tones: a mark for each of its characters but the line breaks, printed under them; empty for none.

    Example:
        >>> print(in_lines("白日，黄河。", ["bái", "rì", "", "huáng", "hé", ""], "仄仄　平平　"))
        bái rì    huáng hé
        白  日 ， 黄    河 。
        仄  仄    平    平
    """
    for stop in "。？！":
        poem = poem.replace(stop, stop + "\n")
    above, below = iter(readings), iter(tones)
    rows: list[str] = []
    for line in poem.rstrip("\n").split("\n"):
        marks = [next(below) for _ in line] if tones else []
        if readings:
            rows += _columns([[next(above) for _ in line], line, *([marks] if marks else [])])
        else:
            rows += [line, *(["".join(marks).rstrip("　")] if marks else [])]
    return "\n".join(rows)


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows with their cells one below the other on a terminal."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        yield " ".join(cells).rstrip(" 　")


def _width(text: str) -> int:
    """Return the columns of a terminal that a text takes."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
