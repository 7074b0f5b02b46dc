"""Say messages in the user's language: one catalogue of English templates with their Chinese ones.

The package speaks English. What a command prints goes through `echo` or `say`, which look each line up in `zh.json`:

    "left out: constrained poems in {form}: {problem}": "略去：限定为{form}的诗：{problem:messages}"

A placeholder of the English template stands for any text. In the Chinese one `{form}` is that text as it is,
`{problem:messages}` its translation by that section of the catalogue, and `{…:list}` those of a list's items by the
section `items`. What has no entry stays English.

To add a message, write it in English where it is said and add its template to `zh.json`; a test says what is missing.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path

import click

__all__ = ["LANGUAGES", "echo", "find_language", "language", "say", "speaking", "translate"]

LANGUAGES = ("en", "zh")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BETWEEN_ITEMS = re.compile(r", (?![^(]*\))|(?<=\)) ")  # a comma outside brackets, or a space after them
_spoken: ContextVar[str] = ContextVar("spoken", default="en")


def find_language(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the language that --lang asks for, else the locale; it is needed before arguments are parsed."""
    asked = ""
    for place, word in enumerate(arguments):
        if word == "--":
            break
        if word == "--lang":
            asked = "".join(arguments[place + 1 : place + 2])
        elif word.startswith("--lang="):
            asked = word.removeprefix("--lang=")
    if asked.lower() in LANGUAGES:
        return asked.lower()
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if locale.startswith("zh") else "en"


@contextlib.contextmanager
def speaking(spoken: str) -> Iterator[None]:
    """Speak one of `LANGUAGES` inside a `with` block."""
    token = _spoken.set(spoken)
    try:
        yield
    finally:
        _spoken.reset(token)


def language() -> str:
    """Return the one of `LANGUAGES` that is spoken."""
    return _spoken.get()


def say(text: str, section: str = "messages") -> str:
    """Return a text in the language that is spoken, line by line."""
    return "\n".join(translate(line, language(), section) for line in text.split("\n"))


def echo(text: str, err: bool = False) -> None:
    """Print a text in the language that is spoken. Poems, JSON and what files hold go to `click.echo`."""
    click.echo(say(text), err=err)


def translate(text: str, language: str, section: str = "messages") -> str:
    """Return one line in a language; as it is if that is English or the section of the catalogue has no entry for it.

    Example:
        >>> translate("exported saved_models/mine/1", "zh")
        '已导出 saved_models/mine/1'
    """
    if language != "zh":
        return text
    entries = _catalogue()[section]
    if text in entries:
        return entries[text].format()
    for template, literals in _patterns(section):
        if all(literal in text for literal in literals):  # cheaper than to compile every template
            found = _compiled(template).fullmatch(text)
            if found:
                return entries[template].format(**{name: _Value(value) for name, value in found.groupdict().items()})
    return text


class _Value(str):
    """What a placeholder stands for."""

    __slots__ = ()

    def __format__(self, section: str) -> str:
        """Return the text, or its translation by a section; for `list`, those of its items by the section `items`."""
        if section == "list":
            return "、".join(translate(item, "zh", "items") for item in _BETWEEN_ITEMS.split(self))
        return translate(self, "zh", section) if section else str(self)


@cache
def _catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return the sections: Chinese templates by English ones."""
    sections: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("zh.json").read_text(encoding="utf-8"))
    return sections


@cache
def _patterns(section: str) -> list[tuple[str, list[str]]]:
    """Return the templates that have placeholders, with what stands between these, in the order they are tried in.

    Those that begin with literal text come first, since such a frame may hold a whole message; and then the longest.
    """
    templates = [(template, _PLACEHOLDER.split(template)[::2]) for template in _catalogue()[section] if "{" in template]
    return sorted(templates, key=lambda entry: (not entry[1][0], -len("".join(entry[1]))))


@cache
def _compiled(template: str) -> re.Pattern[str]:
    """Return a template as a regular expression."""
    parts = _PLACEHOLDER.split(template)
    return re.compile("".join(f"(?P<{part}>.*?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
