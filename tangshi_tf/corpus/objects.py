"""Poems in JSON, JSON lines and XML: objects with fields, nested in any way."""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.delimited import records_of_rows
from tangshi_tf.corpus.fields import AUTHOR, KNOWN_TEXTS, LINE, SPLIT, TEXT, TITLE, is_exact, role_of
from tangshi_tf.corpus.headings import author_name, is_known_author
from tangshi_tf.corpus.layouts import read_layout
from tangshi_tf.corpus.records import Found, Record, one_line
from tangshi_tf.corpus.verse_lines import joined_verse, parse_line, segments
from tangshi_tf.errors import CorpusError, first_line

__all__ = ["read_json", "read_xml"]

_BEGINS = re.compile(r"\s*[\[{][\s\[{]*(?:[\"'\]}\d-]|null\b|true\b|false\b|$)")
_MAY_BE_PLAIN = re.compile(r"\s*\[\s*-?\d")  # [1] before a title
_XML = re.compile(r"\s*<(?:\?xml|[A-Za-z_\u4e00-\u9fff][^<>]*>)")
_BREAK = re.compile(r"<\s*/?\s*(?:br|p|div)\s*/?\s*>|\\r\\n|\\n|\r", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;]*")
_DEEPEST = 40
# Of several names of a title, the first decides: the 花间集 has a rhythmic and a title, the 诗经 a chapter and a title.
_TITLES = ("title", "题目", "标题", "rhythmic", "name", "chapter")
_TEXTS = ("paragraphs", "content", "contents", "text", "para", "body", "poem", "内容", "正文", "原文")


class _Known(NamedTuple):
    """What the objects around a poem say of it."""

    title: str = ""
    author: str = ""


def read_json(text: str) -> Found | None:
    """Read JSON, or several objects one after the other; None if the text is none.

    Raises:
        CorpusError: if it is damaged, or if it has objects but no field with a text that is known.
    """
    if not _BEGINS.match(text):
        return None
    try:
        value = _parsed(text)
    except CorpusError:
        if _MAY_BE_PLAIN.match(text):
            return None
        raise
    unknown: dict[str, None] = {}
    records = list(_records(value, _Known(), unknown, 0))
    if not any(record.text for record in records) and unknown:
        raise CorpusError(
            f"A field with the poems is required, such as {', '.join(KNOWN_TEXTS)}. "
            f"Received the fields {', '.join(unknown)[:200]}"
        )
    return Found("json", records)


def read_xml(text: str) -> Found | None:
    """Read XML whose elements are named like the fields of JSON; None if the text is none.

    Raises:
        CorpusError: as `read_json` does.
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
    unknown: dict[str, None] = {}
    records = list(_records(_tree(root, 0), _Known(), unknown, 0))
    if not any(record.text for record in records):
        raise CorpusError(
            f"An element with the poems is required, such as {', '.join(KNOWN_TEXTS)}. "
            f"Received the elements {', '.join(unknown)[:200] or root[0].tag}"
        )
    return Found("xml", records)


def _parsed(text: str) -> Any:
    """Return the value of JSON; of several one after the other, a list."""
    decoder, values, place = json.JSONDecoder(strict=False), [], 0
    try:
        while place < len(text) and (place := _BETWEEN.match(text, place).end()) < len(text):  # type: ignore[union-attr]
            value, place = decoder.raw_decode(text, place)
            values.append(value)
    except (ValueError, RecursionError) as error:
        try:
            with warnings.catch_warnings(action="ignore"):
                return ast.literal_eval(text.strip()) if len(text) < 10_000_000 else _refuse(error)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return _refuse(error)
    return values[0] if len(values) == 1 else values


def _refuse(error: Exception) -> Any:
    raise CorpusError(f"Valid JSON is required. Received: damaged JSON ({first_line(error)})") from None


def _tree(element: ElementTree.Element, depth: int) -> Any:
    """Return an element as JSON would have it: lines as a list, children by their names."""
    children = list(element)
    if not children and not element.attrib:
        return (element.text or "").strip()
    if depth > _DEEPEST:
        return ""
    if children and {child.tag.lower() for child in children} <= {
        "br",
        "p",
        "l",
        "line",
        "lg",
        "v",
        "verse",
        "b",
        "i",
        "span",
    }:
        lines = [part.strip() for part in element.itertext() if part.strip()]
        if not element.attrib:
            return lines
        return {**element.attrib, "text": lines}
    found: dict[str, Any] = dict(element.attrib)
    if not children and (element.text or "").strip():
        found.setdefault("text", (element.text or "").strip())
    names = [child.tag for child in children]
    for child in children:
        value = _tree(child, depth + 1)
        if names.count(child.tag) > 1:
            found.setdefault(child.tag, []).append(value)
        else:
            found[child.tag] = value
    return found


def _records(value: Any, known: _Known, unknown: dict[str, None], depth: int) -> Iterator[Record]:
    """Yield the poems of a value, at any depth."""
    if depth > _DEEPEST:
        yield Record("", "", known.title, "")
    elif isinstance(value, Mapping):
        yield from _of_object({str(name): part for name, part in value.items()}, known, unknown, depth)
    elif isinstance(value, list | tuple):
        yield from _of_list(value, known, unknown, depth)
    elif isinstance(value, str) and value.strip():
        yield from _of_string(value, known)
    else:
        yield Record("", "", "", "")


def _of_string(value: str, known: _Known) -> Iterator[Record]:
    text = _BREAK.sub("\n", value)
    records = read_layout(text).records
    if len(records) > 1 and not all(record.title for record in records):
        records = [Record("", "", "", joined_verse(text.split("\n")))]
    for record in records:
        yield record._replace(title=record.title or known.title, author=record.author or known.author)


def _of_list(value: Sequence[Any], known: _Known, unknown: dict[str, None], depth: int) -> Iterator[Record]:
    rows = [row for row in value if isinstance(row, list | tuple)]
    if (
        value
        and len(rows) == len(value)
        and all(isinstance(cell, str | int | float | None) for row in rows for cell in row)
    ):
        cells = [[str("" if cell is None else cell) for cell in row] for row in rows]
        if all(_is_verse(cell) for row in cells for cell in row):
            yield from (Record("", known.author, known.title, joined_verse(row)) for row in cells)
            return
        records = records_of_rows(cells)
        if records:
            yield from records
            return
    strings = [part for part in value if isinstance(part, str)]
    if len(strings) == len(value) > 1 and not all(map(_is_poem, strings)):
        # Title, author and lines of one poem, or its lines alone; of several poems each would be one.
        yield from _of_string("\n".join(strings), known)
        return
    for part in value:
        yield from _records(part, known, unknown, depth + 1)


def _is_poem(text: str) -> bool:
    parsed = parse_line(text.replace("\n", ""))
    return len(segments(parsed.verse)) > 3 or bool(parsed.head and parsed.verse)


def _is_verse(text: str) -> bool:
    parts = segments(text)
    return (
        bool(parts)
        and all(3 <= len(part) <= 9 and len(han_only(part)) == len(part) for part in parts)
        and len(set(map(len, parts))) == 1
        and bool(parse_line(text).verse)
    )


def _of_object(entry: dict[str, Any], known: _Known, unknown: dict[str, None], depth: int) -> Iterator[Record]:
    columns = _columns(entry)
    if columns:
        yield from _of_list(columns, known, unknown, depth + 1)
        return
    by_title = {
        name: part for name, part in entry.items() if isinstance(part, str) and han_only(name) and _is_text(part)
    }
    if len(by_title) > 2 and 2 * len(by_title) > len(entry):
        yield from (Record("", known.author, one_line(name), _text(part)) for name, part in entry.items())
        return
    title, author = _title(entry), _author(entry)
    texts = [name for name in entry if role_of(name) == TEXT and entry[name] not in (None, "", [], {})]
    texts.sort(key=lambda name: _TEXTS.index(name) if name in _TEXTS else len(_TEXTS))
    lines = [str(part) for name, part in entry.items() if role_of(name) == LINE and isinstance(part, str)]
    inner = _Known(title or known.title, author or known.author)
    for name in texts:
        text = _text(entry[name])
        if text:
            split = entry.get("split")
            side = split if role_of("split") == SPLIT and split in ("train", "validation", "test") else ""
            yield Record(str(side), inner.author, inner.title, text)
            return
    if lines:
        yield Record("", inner.author, inner.title, joined_verse(lines))
        return
    nested = {name: part for name, part in entry.items() if isinstance(part, Mapping | list | tuple) and part}
    for name, part in nested.items():
        role = "" if _may_name(name) else role_of(name)
        if role and role != TEXT and not _holds_objects(part):
            continue
        yield from _records(
            part, inner if role and not han_only(name) else _named(name, part, inner), unknown, depth + 1
        )
    if nested and any(
        _may_name(name) or not role_of(name) or role_of(name) == TEXT or _holds_objects(part)
        for name, part in nested.items()
    ):
        return
    named = {name: part for name, part in entry.items() if isinstance(part, str) and _may_name(name)}
    texts_under = [name for name, part in named.items() if _is_text(part)]
    poems = named if 2 * len(texts_under) > len(named) else {name: named[name] for name in texts_under}
    for name, poem in poems.items():
        yield Record("", inner.author, title or one_line(name), _text(poem))
    if not poems:
        unknown.update(dict.fromkeys(entry))
        yield Record("", inner.author, inner.title, "")


def _may_name(name: str) -> bool:
    """Tell whether the name of a field may be a title: it is Chinese, and not the name of a field of its own."""
    return not name.isascii() and not is_exact(name)


def _holds_objects(part: Any) -> bool:
    values = part.values() if isinstance(part, Mapping) else part
    return any(isinstance(value, Mapping | list | tuple) for value in values)


def _named(name: str, part: Any, known: _Known) -> _Known:
    """Take the name of a field that is none of the known ones for a title, or an author of several poems."""
    if not han_only(name):
        return known
    if isinstance(part, Mapping) or not _holds_objects(part):
        return known if is_known_author(author_name(name)) and _holds_objects(part) else known._replace(title=name)
    return known._replace(author=author_name(name) or known.author) if is_known_author(author_name(name)) else known


def _columns(entry: Mapping[str, Any]) -> list[list[Any]] | None:
    """Return the rows, a header first, of an object whose fields are columns."""
    if isinstance(entry.get("data"), list) and isinstance(entry.get("columns"), list):
        return [entry["columns"], *entry["data"]]
    roles = {name: role_of(name) for name in entry}
    texts = [name for name, role in roles.items() if role == TEXT]
    named = [name for name, role in roles.items() if role in (TITLE, AUTHOR)]
    if not texts or not named:
        return None
    kept = [*named, texts[0]]
    columns = [list(part.values()) if isinstance(part, Mapping) else part for part in (entry[name] for name in kept)]
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return None
    rows = [
        ["".join(map(str, cell)) if isinstance(cell, list) else cell for cell in row]
        for row in zip(*columns, strict=True)
    ]
    return [list(kept), *map(list, rows)]


def _title(entry: Mapping[str, Any]) -> str:
    names = [name for name in entry if role_of(name) == TITLE and isinstance(entry[name], str) and entry[name].strip()]
    names.sort(key=lambda name: _TITLES.index(name.lower()) if name.lower() in _TITLES else len(_TITLES))
    if not names:
        return ""
    below = entry.get("subchapter")
    title = one_line(entry[names[0]])
    title = title[1:-1] if title.startswith("《") and title.endswith("》") and "》" not in title[:-1] else title
    return f"{title} {one_line(below)}" if isinstance(below, str) and below.strip() else title


def _author(entry: Mapping[str, Any]) -> str:
    for name, part in entry.items():
        if role_of(name) == AUTHOR:
            while isinstance(part, list) and part:
                part = part[0]
            if isinstance(part, Mapping):
                part = next((part[key] for key in ("name", "姓名", "名字") if isinstance(part.get(key), str)), "")
            if isinstance(part, str) and part.strip():
                return one_line(author_name(part) or part)
    return ""


def _is_text(text: str) -> bool:
    return len(segments(text)) > 1 and len(han_only(text)) > 5


def _text(value: Any) -> str:
    """Return a text field as one string; ``""`` if it is none but holds further poems."""
    if isinstance(value, str):
        lines = _BREAK.sub("\n", value).split("\n")
    elif isinstance(value, list | tuple) and not _holds_objects(value):
        lines = [part for line in value if isinstance(line, str) for part in _BREAK.sub("\n", line).split("\n")]
    elif isinstance(value, list) and all(
        isinstance(stanza, list) and all(isinstance(line, str) for line in stanza) for stanza in value
    ):
        lines = [line for stanza in value for line in stanza]
    else:
        return ""
    parts = []
    for line in lines:
        parsed = parse_line(line)
        parts.append(parsed.verse if parsed.verse and not parsed.head else line)
    return joined_verse(parts)
