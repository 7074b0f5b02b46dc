"""Parse JSON, JSON lines, literals of Python and XML to values: mappings, lists and strings."""

import ast
import html
import json
import re
import warnings
from typing import Any
from xml.etree import ElementTree

from tangshi_tf.corpus.html_text import unescape
from tangshi_tf.errors import CorpusError, first_line

__all__ = ["parse_json", "parse_xml"]

_BEGINS = re.compile(r"\s*[\[{][\s\[{]*(?:[\"'\]}\d-]|null\b|true\b|false\b|$)")
_ESCAPED = re.compile(r"\s*[\[{][\s\[{]*&(?:quot|#34);")  # JSON that stood in a web page
_MAY_BE_PLAIN = re.compile(r"\s*\[\s*-?\d")  # [1] before a title
_BETWEEN = re.compile(r"[\s,;]*")
_LONGEST_LITERAL = 10_000_000  # characters
_XML = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:\?xml|!DOCTYPE\b|[A-Za-z_\u4e00-\u9fff][^<>]*>)", re.DOTALL)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE[^<>\[]*>")  # with a subset it may define entities, which nothing here resolves
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z]\w*;")  # XML itself knows those five
_DEEPEST = 40
_OF_LINES = frozenset({"br", "p", "l", "line", "lg", "v", "verse", "b", "i", "span"})  # elements inside a text


def parse_json(text: str) -> list[Any] | None:
    """Return the values of JSON, of which several may stand one after the other; None if the text is none.

    Raises:
        CorpusError: if it is damaged.

    Example:
        >>> parse_json('{"title": "春晓"} {"title": "江雪"}'), parse_json("[静夜思]")
        ([{'title': '春晓'}, {'title': '江雪'}], None)
    """
    text = unescape(text) if _ESCAPED.match(text) else unescape(text, _in_string)
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


def _in_string(chars: str) -> str:
    """Write the characters of an entity so that they end no string."""
    return "".join(f"\\u{ord(char):04x}" if char < " " or char in "\"'\\" else char for char in chars)


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
    text = _DOCTYPE.sub("", _DECLARATION.sub("", text), count=1)
    text = _ENTITY.sub(lambda found: html.escape(html.unescape(found[0])), text)
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
    attributes = {_local(name): value for name, value in element.attrib.items()}
    if not children and not attributes:
        return unescape(element.text or "").strip()
    if depth > _DEEPEST:
        return ""
    if children and {_local(child.tag).lower() for child in children} <= _OF_LINES:
        lines = [unescape(part).strip() for part in element.itertext() if part.strip()]
        if not attributes:
            return lines
        return {**attributes, "text": lines}
    values: dict[str, list[Any]] = {}
    for child in children:
        values.setdefault(_local(child.tag), []).append(_tree(child, depth + 1))
    found: dict[str, Any] = {tag: own[0] if len(own) == 1 else own for tag, own in values.items()}
    text = unescape(element.text or "").strip()
    if not children and text:
        found["text"] = text
    return {**attributes, **found}  # an attribute may have the name of a child


def _local(name: str) -> str:
    """Return the name of an element or attribute without its namespace, which stands in braces."""
    return name.rpartition("}")[2]
