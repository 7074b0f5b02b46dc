"""What a web page leaves in a text that was copied from it: entities, and tags that break lines."""

import html
import re
from collections.abc import Callable

__all__ = ["break_lines", "break_value", "unescape"]

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,31}\d{0,2});")
_TAG = re.compile(r"<\s*/?\s*(?:br|p|div)\s*/?\s*>\n?", re.IGNORECASE)
_WRITTEN = re.compile(r"\\r\\n|\\n|\r\n?")


def unescape(text: str, written: Callable[[str], str] = str) -> str:
    """Return a text with the characters that entities stand for; one without a semicolon is none.

    Args:
        text: any text.
        written: how the characters of an entity are written in this text.

    Example:
        >>> unescape("&#26149;&#x6653; AT&T")
        '春晓 AT&T'
    """
    return _ENTITY.sub(lambda found: written(html.unescape(found[0])), text) if "&" in text else text


def break_lines(text: str) -> str:
    r"""Return a text with line breaks in place of the tags br, p and div.

    Example:
        >>> break_lines("春眠不觉晓，<br>处处闻啼鸟。")
        '春眠不觉晓，\n处处闻啼鸟。'
    """
    return _TAG.sub("\n", text)


def break_value(text: str) -> str:
    r"""Return the value of a field, in which a line break may also be written as two signs, a stroke and an n.

    Example:
        >>> break_value(r"春眠不觉晓，\n处处闻啼鸟。")
        '春眠不觉晓，\n处处闻啼鸟。'
    """
    return _WRITTEN.sub("\n", break_lines(text))
