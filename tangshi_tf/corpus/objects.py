"""Poems in JSON, JSON lines and XML: objects with fields, nested in any way."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.delimited import records_of_rows
from tangshi_tf.corpus.fields import (
    AUTHOR,
    LINE,
    TEXT,
    TITLE,
    is_exact,
    names_poem,
    no_text,
    rank_of,
    role_of,
    roles_of,
)
from tangshi_tf.corpus.headings import author_name, is_known_author, without_brackets
from tangshi_tf.corpus.html_text import break_value
from tangshi_tf.corpus.layouts import read_layout
from tangshi_tf.corpus.marks import segments
from tangshi_tf.corpus.records import Found, Record, one_line
from tangshi_tf.corpus.splitting import SPLITS
from tangshi_tf.corpus.values import parse_json, parse_xml
from tangshi_tf.corpus.verse_lines import joined_verse, marked, parse_line

__all__ = ["read_json", "read_xml"]

_DEEPEST = 40
_MOST = 0.6  # of the strings of a list, if each is a poem
_SPEAKERS = ("user", "assistant", "system")
_DOUBT_CHAT = "the messages of a chat were taken for poems"
_DOUBT_STRINGS = "each string of a list was taken for a poem"


def read_json(text: str) -> Found | None:
    """Read JSON, or several objects one after the other; None if the text is none.

    Raises:
        CorpusError: if it is damaged, or if it has objects but no field with a text that is known.
    """
    values = parse_json(text)
    return None if values is None else _found("json", "fields", values[0] if len(values) == 1 else values)


def read_xml(text: str) -> Found | None:
    """Read XML whose elements are named like the fields of JSON; None if the text is none.

    Raises:
        CorpusError: as `read_json` does.
    """
    value = parse_xml(text)
    return None if value is None else _found("xml", "elements", value)


def _found(format_name: str, parts: str, value: Any) -> Found:
    search = _Search()
    records = list(search.poems(value, _Known(), 0))
    if not any(record.text for record in records) and search.unknown:
        raise no_text(parts, search.unknown)
    return Found(format_name, records, tuple(search.doubts))


class _Known(NamedTuple):
    """What the objects around a poem say of it."""

    title: str = ""
    author: str = ""


class _Search:
    """Finds the poems of a value.

    Attributes:
        unknown: the names of the fields of objects without poems, each once.
        doubts: what may be otherwise, each once.
    """

    def __init__(self) -> None:
        """See the class."""
        self.unknown: dict[str, None] = {}
        self.doubts: dict[str, None] = {}

    def poems(self, value: Any, known: _Known, depth: int) -> Iterator[Record]:
        """Yield the poems of a value, at any depth."""
        if depth > _DEEPEST:
            yield Record("", "", known.title, "")
        elif isinstance(value, Mapping):
            yield from self._of_object({str(name): part for name, part in value.items()}, known, depth)
        elif isinstance(value, list | tuple):
            yield from self._of_list(value, known, depth)
        elif isinstance(value, str) and value.strip():
            yield from _of_string(value, known)
        else:
            yield Record("", "", "", "")

    def _of_list(self, value: Sequence[Any], known: _Known, depth: int) -> Iterator[Record]:
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
        strings = _strings(value)
        if len(strings) > 1:
            yield from self._of_strings(strings, known)
            return
        for part in value:
            yield from self.poems(part, known, depth + 1)

    def _of_strings(self, strings: Sequence[str], known: _Known) -> Iterator[Record]:
        """Yield the poems of strings: each is one, or one line of it, or titles stand between them."""
        whole = sum(map(_is_poem, strings))
        if not whole or (known.title and 2 * whole < len(strings)):
            yield from _of_string("\n".join(strings), known)
        elif 2 * sum(not parse_line(_joined(part)).verse for part in strings) >= whole:
            found = read_layout("\n".join(strings))
            self.doubts.update(dict.fromkeys(found.doubts))
            yield from (_completed(record, known) for record in found.records)
        else:
            if whole < _MOST * len(strings):
                self.doubts[_DOUBT_STRINGS] = None
            for part in strings:
                yield from _of_string(part, known)

    def _of_object(self, entry: dict[str, Any], known: _Known, depth: int) -> Iterator[Record]:
        columns = _columns(entry)
        if columns:
            yield from self._of_list(columns, known, depth + 1)
            return
        title, author = _title(entry), _author(entry)
        inner = _Known(title or known.title, author or known.author)
        texts = _names(entry, TEXT)
        by_title = [name for name, part in entry.items() if _heads(name) and isinstance(part, str) and _is_text(part)]
        unknown = sum(_heads(name) or not role_of(name) for name in entry)
        if 2 < len(by_title) > unknown / 2 and all(map(_heads, texts)):
            yield from self._of_parts(entry, "", inner, depth)
            return
        for name in texts:
            strings = [] if inner.title else _strings(entry[name])
            if len(strings) > 1 and sum(map(_is_poem, strings)) >= _MOST * len(strings):
                self.doubts[_DOUBT_STRINGS] = None
                yield from self._of_strings(strings, inner)
                return
            text = _text(entry[name])
            if text and entry.get("role") in _SPEAKERS:
                self.doubts[_DOUBT_CHAT] = None
            if text:
                split = entry.get("split")
                yield Record(split if split in SPLITS else "", inner.author, inner.title, text)
                return
        lines = [str(part) for name, part in entry.items() if role_of(name) == LINE and isinstance(part, str)]
        if lines:
            yield Record("", inner.author, inner.title, joined_verse(lines))
            return
        yield from self._of_parts(entry, title, inner, depth)

    def _of_parts(self, entry: dict[str, Any], title: str, inner: _Known, depth: int) -> Iterator[Record]:
        """Yield the poems inside an object that is none itself: in lists and objects, and in strings under titles."""
        found = titled = False
        for name, part in entry.items():
            if not isinstance(part, Mapping | list | tuple) or not part:
                continue
            role = "" if _may_name(name) else role_of(name)
            if role and role != TEXT and not _holds_objects(part):
                continue
            found = True
            titled = titled or (_may_name(name) and isinstance(part, Mapping))
            yield from self.poems(part, inner if role and not han_only(name) else _named(name, part, inner), depth + 1)
        if found and not titled:
            return
        strings = {name: part for name, part in entry.items() if isinstance(part, str)}
        texts = [name for name, part in strings.items() if _heads(name) and _is_text(part)]
        all_are = 2 * len(texts) >= sum(map(_heads, strings))  # then also one that is too short
        poems = {name: part for name, part in strings.items() if name in texts or (all_are and _heads(name))}
        for name, poem in poems.items():
            yield Record("", inner.author, title or one_line(name), _text(poem))
        if not poems and not found:
            self.unknown.update(dict.fromkeys(entry))
            yield Record("", inner.author, inner.title, "")


def _of_string(value: str, known: _Known) -> Iterator[Record]:
    text = break_value(value)
    records = read_layout(text).records
    if len(records) > 1 and not all(record.title for record in records):
        records = [Record("", "", "", joined_verse(text.split("\n")))]
    yield from (_completed(record, known) for record in records)


def _completed(record: Record, known: _Known) -> Record:
    return record._replace(title=record.title or known.title, author=record.author or known.author)


def _strings(value: Any) -> list[str]:
    """Return the strings of a list that holds nothing else; an empty list for anything else."""
    return list(value) if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value) else []


def _joined(text: str) -> str:
    return text.replace("\n", "")


def _is_poem(text: str) -> bool:
    parsed = parse_line(_joined(text))
    return len(segments(parsed.verse)) > 3 or bool(parsed.head and parsed.verse)


def _is_verse(text: str) -> bool:
    parts = segments(text)
    return (
        bool(parts)
        and all(3 <= len(part) <= 9 and len(han_only(part)) == len(part) for part in parts)
        and len(set(map(len, parts))) == 1
        and bool(parse_line(text).verse)
    )


def _may_name(name: str) -> bool:
    """Tell whether the name of a field may be a title: it is Chinese, and not the name of a field of its own."""
    return not name.isascii() and not is_exact(name)


def _heads(name: str) -> bool:
    """Tell whether the name of a field may be a title of the poem in it: 诗 is one too."""
    return not name.isascii() and (_may_name(name) or names_poem(name))


def _names(entry: Mapping[str, Any], role: str) -> list[str]:
    """Return the names of the fields of a role that say something, the most telling first."""
    names = [name for name, part in entry.items() if part not in (None, "", [], {})]
    own = [name for name, its in zip(names, roles_of(names), strict=True) if its == role]
    return sorted(own, key=rank_of)


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
    texts = _names(entry, TEXT)
    kept = [*_names(entry, TITLE), *_names(entry, AUTHOR), *texts[:1]]
    if not texts or len(kept) < 2:
        return None
    columns = [list(part.values()) if isinstance(part, Mapping) else part for part in (entry[name] for name in kept)]
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return None
    rows = [
        ["".join(map(str, cell)) if isinstance(cell, list) else cell for cell in row]
        for row in zip(*columns, strict=True)
    ]
    return [list(kept), *map(list, rows)]


def _title(entry: Mapping[str, Any]) -> str:
    names = [name for name in _names(entry, TITLE) if isinstance(entry[name], str) and entry[name].strip()]
    if not names:
        return ""
    below = entry.get("subchapter")
    title = without_brackets(one_line(entry[names[0]]))
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
        lines = break_value(value).split("\n")
    elif isinstance(value, list | tuple) and not _holds_objects(value):
        lines = [part for line in value if isinstance(line, str) for part in break_value(line).split("\n")]
    elif isinstance(value, list) and all(
        isinstance(stanza, list) and all(isinstance(line, str) for line in stanza) for stanza in value
    ):
        lines = [line for stanza in value for line in stanza]
    else:
        return ""
    return joined_verse(list(map(marked, lines)))
