"""Poems whose parts are labelled, line by line: 标题：…, 作者：…, 内容：…; YAML and the like have them too."""

import json
import re
from collections.abc import Iterator, Mapping

from tangshi_tf.corpus.fields import AUTHOR, LINE, OTHER, TEXT, TITLE, role_of, roles_of
from tangshi_tf.corpus.headings import author_name, without_brackets
from tangshi_tf.corpus.html_text import break_value
from tangshi_tf.corpus.records import Found, Record, one_line
from tangshi_tf.corpus.verse_lines import RULE, joined_verse

__all__ = ["read_labels"]

_HAN_NAME = "[\u4e00-\u9fff](?:[ \u3000]*[\u4e00-\u9fff]){0,4}"
_LABEL = re.compile(
    rf"^\s*(?:[-*•]\s+)?(?:[\"'“]?([A-Za-z_]{{2,14}}|{_HAN_NAME})[\"'”]?\s*(?:[:：]|\s=\s?|=)|"
    r"[【\[]([A-Za-z_]{2,14}|[\u4e00-\u9fff]{1,5})[】\]][:：]?)\s*(.*)$"
)
_INSIDE = re.compile(r"[\s,，;；|]+([A-Za-z_]{2,14}|[\u4e00-\u9fff]{2,4})\s*[:：=]\s*")
_RULE = re.compile(rf"{RULE.pattern}|\[\[?[A-Za-z_.]+\]?\]|\{{|\}}")
_BLOCK = re.compile(r"[|>][+-]?\d*")
_ITEM = re.compile(r"^\s*(?:[-*•]\s+)?[\"'“]?(.*?)[\"'”]?\s*[,，]?$")
_LEAST = 8  # one line of so many has a label, at least


def read_labels(text: str) -> Found | None:
    """Read labelled poems; None if the text has no labels for a text, or for title and author."""
    lines = [line for line in text.split("\n") if line.strip() and not _RULE.fullmatch(line.strip())]
    names = [name for line in lines if (name := _labelled(line)[0])]
    roles = dict(zip(dict.fromkeys(names), roles_of(list(dict.fromkeys(names))), strict=True))
    labelled = [roles[name] for name in names]
    main = set(labelled) & {TITLE, AUTHOR, TEXT}
    if len(main) < 2 or len(labelled) * _LEAST < len(lines):
        return None
    return Found("labels", list(_records(lines, roles)))


def _labelled(line: str) -> tuple[str, str]:
    """Return the label of a line, ``""`` without one, and what stands behind it."""
    found = _LABEL.match(line)
    name = found[1] or found[2] if found else ""
    return (name, found[3].strip()) if found and role_of(name) else ("", line.strip())


def _parts(line: str, roles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the roles and the values of the labelled parts of a line, of which it may have several."""
    name, value = _labelled(line)
    role = roles.get(name, role_of(name))
    if role in (TITLE, AUTHOR):
        for inside in _INSIDE.finditer(value):
            if role_of(inside[1]):
                yield role, value[: inside.start()]
                yield from _parts(f"{inside[1]}：{value[inside.end() :]}", roles)
                return
    yield role, value


def _records(lines: list[str], roles: Mapping[str, str]) -> Iterator[Record]:
    """Yield the poems; `roles` are those of the labels."""
    named = TEXT in roles.values()
    poem: dict[str, list[str]] = {}
    last = ""
    for line in lines:
        for role, value in _parts(line, roles):
            if not role:
                last = _continued(poem, last, named)
                if poem:
                    poem.setdefault(last, []).append(_value(value))
                continue
            if role in poem and role in (TITLE, AUTHOR, TEXT):
                yield _record(poem)
                poem = {}
            last = TEXT if role == LINE else role
            poem.setdefault(last, []).append(_value(value))
    if poem:
        yield _record(poem)


def _continued(poem: Mapping[str, list[str]], last: str, named: bool) -> str:
    """Return the role of a line without a label, below one of this role.

    The line below an empty label is its value. One below a note goes on with it, if the verse has a label of its own or
    stands above. Any other is verse.
    """
    is_empty = last in poem and not any(poem[last])
    is_note = last == OTHER and (named or any(poem.get(TEXT, [])))
    return last if is_empty or is_note else TEXT


def _value(text: str) -> str:
    if _BLOCK.fullmatch(text):
        return ""
    if text.startswith("[") and text.rstrip(",").endswith("]"):
        try:
            inside = json.loads(text.rstrip(","))
        except ValueError:
            inside = [part.strip(" \"'") for part in text.rstrip(",")[1:-1].split(", ")]
        return "\n".join(map(str, inside))
    found = _ITEM.match(text)
    return found[1].strip() if found and (text[:1] in "\"'“-" or text[-1:] in "\"'") else text


def _record(poem: dict[str, list[str]]) -> Record:
    title, author = (one_line(" ".join(poem.get(role, []))) for role in (TITLE, AUTHOR))
    lines = [line.strip() for value in poem.get(TEXT, []) for line in break_value(value).split("\n")]
    lines = [line for line in lines if line not in ("]", "[", "}", "{", '"""', "'''", "],", "},")]
    return Record("", author_name(author) or author, without_brackets(title), joined_verse(lines))
