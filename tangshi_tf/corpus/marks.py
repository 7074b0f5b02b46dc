"""The marks and brackets of verse as files have them, and what stands between them."""

import re

__all__ = ["CLOSING", "ENDS", "FIRST_MARK", "FULL_STOP", "MARKS", "has_marks", "segments", "without_notes"]

MARKS = "，。？！；：、,.?!;:．｡､﹐﹒…—～~"
CLOSING = "」』”’》〉\"'）)］\\]】"
"""What may stand behind the last mark of a line, as inside of a class of a pattern."""
ENDS = re.compile(rf"[{MARKS}][{CLOSING}]*$")
FULL_STOP = re.compile(rf"[。？！.?!．｡…][{CLOSING}]*$")
FIRST_MARK = re.compile("[，。？！；、,.?!;．｡､]")
"""A mark that titles hardly have: no colon, no dash."""

_SPLIT = re.compile(rf"[{MARKS}{CLOSING}「『“‘《〈\s]+")
_NOTE = re.compile(r"（[^（）]*）|\([^()]*\)|\[\d+\]|［\d+］")
_DEEPEST = 5  # notes inside notes


def has_marks(line: str) -> bool:
    """Tell whether a line has marks of verse outside its notes."""
    return bool(FIRST_MARK.search(without_notes(line)))


def without_notes(text: str) -> str:
    """Return a text without notes in round brackets and references to notes."""
    for _ in range(_DEEPEST):
        text, notes = _NOTE.subn("", text)
        if not notes:
            break
    return text.strip()


def segments(text: str) -> list[str]:
    """Return what stands between the marks of a text."""
    return [part for part in _SPLIT.split(without_notes(text)) if part]
