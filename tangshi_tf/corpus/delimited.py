"""Tables: columns parted by commas, tabs, semicolons, strokes or the like, with a header or without."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.fields import (
    AUTHOR,
    LINE,
    OTHER,
    SPLIT,
    TEXT,
    TITLE,
    is_header,
    no_text,
    rank_of,
    role_of,
    roles_of,
)
from tangshi_tf.corpus.headings import author_name, is_known_author, without_brackets
from tangshi_tf.corpus.html_text import break_value
from tangshi_tf.corpus.marks import CLOSING, FIRST_MARK, segments
from tangshi_tf.corpus.records import Found, Record, one_line
from tangshi_tf.corpus.splitting import SPLITS
from tangshi_tf.corpus.verse_lines import joined_verse, marked, parse_line

__all__ = ["read_table", "records_of_rows"]

_DELIMITERS = ("\t", ",", ";", "|", "||", "::", "|||", "##", "@@", "$", "^", "~", "#", "\x1f", "\x01")
_CHINESE = ("，", "；", "、")  # in a text they are marks, so that only a header tells
_MARKDOWN_RULE = re.compile(r"^\s*\|?[\s:|-]*-[\s:|-]*\|?\s*$")
_ENDS = re.compile(rf"[。？！.?!．｡；;][{CLOSING}]*$")
_WIDE_MARK = re.compile("[，。？！；]")
_SAMPLE = 60  # rows by which the delimiter is found
_UNIT = "\x1f"  # stands for delimiters of several characters
_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("「", "」"))
_MOST = 0.8  # of the cells below a header alone in its row
_LEAST_TEXT = 16  # characters of a text without marks


def read_table(text: str) -> Found | None:
    """Read a table; None if the text is none.

    Raises:
        CorpusError: if it has a header with a title and an author, but none of its columns holds poems.
    """
    lines = text.strip("\n").split("\n")
    if any(map(_MARKDOWN_RULE.match, lines[1:2])) and lines[0].count("|"):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if "|" in line]
        rows = [row for row in rows if not all(re.fullmatch(":?-*:?", cell) for cell in row)]
        records = records_of_rows(rows)
        return Found("table", records) if records else None
    head = lines[0]
    for delimiter in (*_DELIMITERS, *_CHINESE):
        if delimiter in head and is_header(_first_row(lines, delimiter), delimiter):
            rows = list(_rows(lines, delimiter))
            if _share(rows[1:], lambda row: len(row) > 1) >= 0.5 or len(rows) == 1:  # else a title of two words
                return Found("table", records_of_rows(rows, delimiter) or [])
    if len(lines) > 1 and head.strip().isalnum() and role_of(head) == TEXT and _is_poem(lines[1].strip('"“”')):
        cells = [row[0] for row in _rows(lines[1:], ",")]
        if _share(cells, _is_poem) > _MOST:  # else a heading above poems with titles
            return Found("table", [Record("", "", "", joined_verse(cell.split("\n"))) for cell in cells])
    for delimiter in _DELIMITERS:
        sample = list(islice(_rows(lines, delimiter), _SAMPLE)) if _in_any(lines[:_SAMPLE], delimiter) else []
        if _is_table(sample, delimiter):
            records = records_of_rows(list(_rows(lines, delimiter)), delimiter)
            if records:
                return Found("table", records)
    for delimiter in _DELIMITERS:
        roles = [role_of(cell) for cell in _first_row(lines, delimiter)]
        if {TITLE, AUTHOR} <= set(roles) and len(lines) > 1:
            records_of_rows(list(_rows(lines, delimiter)))  # says what is missing
    return None


def _first_row(lines: Sequence[str], delimiter: str) -> list[str]:
    return next(_rows(lines[:1], delimiter), [])


def _in_any(lines: Sequence[str], sign: str) -> bool:
    return any(sign in line for line in lines)


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of a table that are not empty.

    A field in quotes may go on over several lines. A quote that no other one answers is a sign like any other: only its
    own line is read again without quoting.
    """
    sign = delimiter if len(delimiter) == 1 else _UNIT
    start = 0
    while start < len(lines):
        rest = (lines[place].replace(delimiter, sign) + "\n" for place in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=sign, skipinitialspace=True, strict=True)
        done = start
        try:
            for row in reader:
                done = start + reader.line_num
                yield from _stripped(row)
        except csv.Error:  # also of a field that is longer than any poem
            yield from _stripped(lines[done].split(delimiter))
            done += 1
        start = done


def _stripped(row: Sequence[str]) -> Iterator[list[str]]:
    """Yield a row without the quotes around its cells, if any of them says something."""
    cells = [_unquoted(cell) for cell in row]
    if any(cells):
        yield cells


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    for first, last in _QUOTES:
        if (
            len(cell) > 1
            and cell.startswith(first)
            and cell.endswith(last)
            and cell.count(first) + cell.count(last) in (2, 4)
        ):
            return cell[1:-1]
    return cell


def _is_table(rows: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Tell whether rows without a header have as many columns, and one of them poems."""
    if not rows:
        return False
    width, fitting = Counter(map(len, rows)).most_common(1)[0]
    if width < 2 or fitting < 0.9 * len(rows):
        return False
    columns = list(zip(*(row for row in rows if len(row) == width), strict=True))
    poems = _poem_columns(columns)
    if len(poems) == 1 and delimiter in ",;":  # which may be marks of verse themselves
        return _share(columns[poems[0]], lambda cell: delimiter in cell or _WIDE_MARK.search(cell)) > 0.5
    return len(poems) == 1


def _poem_columns(columns: Sequence[Sequence[str]]) -> list[int]:
    """Return the places of columns of poems: those with marks if there are any, as a title may be long too."""
    poems = [place for place, column in enumerate(columns) if _share(column, _is_poem) >= 0.5]
    marked = [place for place in poems if _share(columns[place], FIRST_MARK.search) >= 0.5]
    return marked or poems


def _share(column: Sequence[Any], test: Callable[[Any], Any]) -> float:
    return sum(map(bool, map(test, column))) / max(len(column), 1)


def _is_poem(cell: str) -> bool:
    if FIRST_MARK.search(cell):
        return bool(_ENDS.search(cell)) and len(segments(cell)) > 1 and len(han_only(cell)) > 7
    parsed = parse_line(cell)
    if parsed.verse and not parsed.head:
        return True
    return len(han_only(cell)) >= _LEAST_TEXT and len(han_only(cell)) == len(cell)


def records_of_rows(rows: Sequence[Sequence[str]], delimiter: str = ",") -> list[Record] | None:
    """Return the poems of rows, whose first may be a header; None if no column holds poems.

    A row with too many columns has delimiters in its text, which are put back.

    Raises:
        CorpusError: if there is a header, but none of the columns holds poems.
    """
    if not rows:
        return None
    header = is_header(rows[0], delimiter)
    roles = roles_of(rows[0]) if header else []
    if not header and {role_of(cell) for cell in rows[0]} & {TITLE, AUTHOR} and not any(map(_is_poem, rows[0])):
        roles = _with_text(roles_of(rows[0]), rows[1:])
        if TEXT not in roles:
            raise no_text("columns", rows[0])
        header = True
    body = rows[1:] if header else rows
    order = sorted(range(len(roles)), key=lambda place: rank_of(rows[0][place]))
    if not header:
        roles = _roles_by_content(body)
        if TEXT not in roles:
            return None
        place = roles.index(TEXT)
        unknown_names = len(body) > 1 and place < len(body[0]) and _is_name(body[0][place])
        if unknown_names and all(_is_poem(row[place]) for row in body[1:3] if place < len(row)):
            body = body[1:]
        order = list(range(len(roles)))
    places: dict[str, list[int]] = {}
    for place in order:
        places.setdefault(roles[place], []).append(place)
    return [_record(_fitted(row, len(roles), places, delimiter), places) for row in body]


def _is_name(cell: str) -> bool:
    return len(cell) < _LEAST_TEXT and not _is_poem(cell) and not FIRST_MARK.search(cell)


def _with_text(roles: list[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the roles of a header with unknown names, one of which may be that of the poems."""
    for place, role in enumerate(roles):
        if not role and _share([row[place] for row in rows if place < len(row)], _is_poem) > 0.5:
            return [*roles[:place], TEXT, *roles[place + 1 :]]
    return roles


def _roles_by_content(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the role of each column of a table without a header."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    columns = list(zip(*(row for row in rows if len(row) == width), strict=True))
    roles = [""] * width
    poems = _poem_columns(columns)
    if not poems:
        return roles
    text = max(poems, key=lambda place: _share(columns[place], _is_poem))
    roles[text] = TEXT
    left = [place for place in range(width) if place != text and any(columns[place])]
    for place in left:
        if not any(map(han_only, columns[place])) or _share(columns[place], lambda cell: role_of(cell) == OTHER) > 0.5:
            roles[place] = OTHER
    left = [place for place in left if not roles[place]]
    known = {place: _share(columns[place], lambda cell: is_known_author(author_name(cell))) for place in left}
    named = {place: _share(columns[place], author_name) for place in left}
    author = max(left, key=lambda place: (known[place], -len(set(columns[place]))), default=-1)
    if author >= 0 and known[author] < 0.3:
        author = next((place for place in left[1:] if named[place] > 0.8), -1)
    if author >= 0 and (len(left) > 1 or known[author] > 0.8):
        roles[author] = AUTHOR
        left.remove(author)
    titles = sorted(left, key=lambda place: (-len(set(columns[place])), place))
    if titles:
        roles[titles[0]] = TITLE
    return roles


def _fitted(row: Sequence[str], width: int, places: Mapping[str, Sequence[int]], delimiter: str) -> list[str]:
    """Return a row with as many cells as there are columns: marks of its text may part columns too."""
    cells = list(row) + [""] * (width - len(row))
    extra = len(cells) - width
    if extra and TEXT in places:
        place = places[TEXT][0]
        cells[place : place + extra + 1] = [_unquoted(delimiter.join(cells[place : place + extra + 1]))]
    return cells


def _record(cells: Sequence[str], places: Mapping[str, Sequence[int]]) -> Record:
    """Return the poem of a row.

    Args:
        cells: of all columns.
        places: of the columns of each role, the most telling first.
    """

    def first(role: str) -> str:
        return next((cells[place] for place in places.get(role, []) if cells[place]), "")

    lines = break_value(first(TEXT)).split("\n")
    if LINE in places:
        lines = [cells[place] for place in sorted(places[LINE]) if cells[place]]
    text = joined_verse(list(map(marked, lines)))
    split, author, title = first(SPLIT), first(AUTHOR), without_brackets(one_line(first(TITLE)))
    return Record(split if split in SPLITS else "", one_line(author_name(author) or author), title, text)
