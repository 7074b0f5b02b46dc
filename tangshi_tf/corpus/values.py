"""Parse JSON, JSON lines, literals of Python and XML to values: mappings, lists and strings."""

import ast
import json
import re
import warnings
from typing import Any
from xml.etree import ElementTree

from tangshi_tf.errors import CorpusError, first_line

__all__ = ["parse_json", "parse_xml"]

_BEGINS = re.compile(r"\s*[\[{][\s\[{]*(?:[\"'\]}\d-]|null\b|true\b|false\b|$)")
_MAY_BE_PLAIN = re.compile(r"\s*\[\s*-?\d")  # [1] before a title
_BETWEEN = re.compile(r"[\s,;]*")
_LONGEST_LITERAL = 10_000_000  # characters
_XML = re.compile(r"\s*<(?:\?xml|[A-Za-z_\u4e00-\u9fff][^<>]*>)")
_DEEPEST = 40
_OF_LINES = frozenset({"br", "p", "l", "line", "lg", "v", "verse", "b", "i", "span"})  # elements inside a text


def parse_json(text: str) -> list[Any] | None:
    r"""Return the values of JSON, of which several may stand one after the other; None if the text is none.

    Raises:
        CorpusError: if it is damaged.

    Example:
        >>> parse_json('{"title": "春晓"}\\n{"title": "江雪"}'), parse_json("[静夜思]")
        ([{'title': '春晓'}, {'title': '江雪'}], None)
    """
    if not _BEGINS.match(text):
        return None
    decoder, values, place = json.JSONDecoder(strict=False), [], 0
    try:
        while place < len(text) and (place := _BETWEEN.match(text, place).end()) < len(text):  # type: ignore[union-attr]
            value, place = decoder.raw_decode(text, place)
            values.append(value)
    except (ValueError, RecursionError) as error:
        literal = _literal(text)
        if literal is None and not _MAY_BE_PLAIN.match(text):
            raise CorpusError(f"Valid JSON is required. Received: damaged JSON ({first_line(error)})") from None
        return literal
    return values


def _literal(text: str) -> list[Any] | None:
    """Return the value of a literal of Python; None if the text is none."""
    if len(text) > _LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            return [ast.literal_eval(text.strip())]
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def parse_xml(text: str) -> Any:
    """Return the elements of XML as JSON would have them, by their names; None if the text is none.

    Raises:
        CorpusError: if it is damaged.

    Example:
        >>> parse_xml('<poem title="春晓"><line>春眠不觉晓，</line><line>处处闻啼鸟。</line></poem>')
        {'poem': {'title': '春晓', 'text': ['春眠不觉晓，', '处处闻啼鸟。']}}
    """
    if not _XML.match(text):
        return None
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    if "</" not in text and "/>" not in text:
        return None
    try:
        root = ElementTree.fromstring(f"<all>{text}</all>")
    except ElementTree.ParseError as error:
        raise CorpusError(f"Valid XML is required. Received: damaged XML ({first_line(error)})") from None
    return _tree(root, 0)


def _tree(element: ElementTree.Element, depth: int) -> Any:
    """Return an element as JSON would have it: lines as a list, children by their names."""
    children = list(element)
    if not children and not element.attrib:
        return (element.text or "").strip()
    if depth > _DEEPEST:
        return ""
    if children and {child.tag.lower() for child in children} <= _OF_LINES:
        lines = [part.strip() for part in element.itertext() if part.strip()]
        if not element.attrib:
            return lines
        return {**element.attrib, "text": lines}
    values: dict[str, list[Any]] = {}
    for child in children:
        values.setdefault(child.tag, []).append(_tree(child, depth + 1))
    found: dict[str, Any] = {tag: own[0] if len(own) == 1 else own for tag, own in values.items()}
    text = (element.text or "").strip()
    if not children and text:
        found["text"] = text
    return {**element.attrib, **found}  # an attribute may have the name of a child
