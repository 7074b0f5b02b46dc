"""Damage to lines of text, and to JSON that stays JSON."""

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

__all__ = ["JSON_KINDS", "TEXT_KINDS"]

DEEP = 10_000  # brackets inside each other
# What json.dumps itself cannot write: by the string that stands for it.
UNWRITABLE = {'"@deep@"': "[" * DEEP + "]" * DEEP, '"@long@"': "9" * 5_000}
SEPARATORS = ("\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\r", "\ufeff", "\0")
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "x",
    "山\u2028水\u0085月\u2029",
    "\ud800",
    "7",
    0,
    1,
    -1,
    2**31,
    2**63,
    10**40,
    "@long@",
    0.5,
    -0.5,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    [],
    [[]],
    [1, "x"],
    {},
    {"x": 1},
    "@deep@",
)


def _lines(change: Callable[[list[str], random.Random], None]) -> Callable[[Path, random.Random], None]:
    def change_file(path: Path, source: random.Random) -> None:
        lines = path.read_bytes().decode().split("\n")
        change(lines, source)
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))

    return change_file


def _swap_lines(lines: list[str], source: random.Random) -> None:
    a, b = source.randrange(len(lines)), source.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]


def _swap_neighbours(lines: list[str], source: random.Random) -> None:
    a = source.randrange(max(1, len(lines) - 2))
    lines[a : a + 2] = reversed(lines[a : a + 2])


def _double_line(lines: list[str], source: random.Random) -> None:
    a = source.randrange(len(lines))
    lines.insert(a, lines[a])


def _drop_line(lines: list[str], source: random.Random) -> None:
    lines.pop(source.randrange(len(lines)))


def _separator(lines: list[str], source: random.Random) -> None:
    a = source.randrange(len(lines))
    place = source.randrange(len(lines[a]) + 1)
    lines[a] = lines[a][:place] + source.choice(SEPARATORS) + lines[a][place:]


def _carriage_returns(lines: list[str], source: random.Random) -> None:
    lines[:] = [line + "\r" for line in lines[:-1]] + lines[-1:]


def _cut_last_line(lines: list[str], source: random.Random) -> None:
    """The last line break is missing."""
    lines.pop()


def _surrogate(lines: list[str], source: random.Random) -> None:
    lines[source.randrange(len(lines))] += "\ud800"


def _byte_order_mark(lines: list[str], source: random.Random) -> None:
    lines[0] = "\ufeff" + lines[0]


def _swap_characters(lines: list[str], source: random.Random) -> None:
    a = source.randrange(len(lines))
    line = list(lines[a])
    source.shuffle(line)
    lines[a] = "".join(line)


TEXT_KINDS = {
    "lines swapped": _lines(_swap_lines),
    "neighbours swapped": _lines(_swap_neighbours),
    "line doubled": _lines(_double_line),
    "line dropped": _lines(_drop_line),
    "separator": _lines(_separator),
    "carriage returns": _lines(_carriage_returns),
    "last line cut": _lines(_cut_last_line),
    "surrogate": _lines(_surrogate),
    "byte order mark": _lines(_byte_order_mark),
    "characters shuffled": _lines(_swap_characters),
}

# JSON.


def _json(change: Callable[[Any, Any, random.Random], None]) -> Callable[[Path, random.Random], None]:
    """Return what changes one container, at one of its keys, in a JSON file or in a line of one."""

    def change_file(path: Path, source: random.Random) -> None:
        texts = path.read_text(encoding="utf-8").split("\n") if path.suffix == ".jsonl" else [path.read_text("utf-8")]
        line = source.randrange(max(1, len(texts) - 1))
        root = [json.loads(texts[line])]
        places = list(_places(root))
        container, key = source.choice(places)
        change(container, key, source)
        texts[line] = _dumped(root[0] if root else None)
        path.write_text("\n".join(texts), encoding="utf-8")

    return change_file


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii="\ud800" in repr(value) or "\\ud800" in repr(value), skipkeys=True)
    for name, written in UNWRITABLE.items():
        text = text.replace(name, written)
    return text


def _places(container: Any) -> Iterable[tuple[Any, Any]]:
    """Yield every container with every key of it."""
    for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
        yield container, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _other_value(container: Any, key: Any, source: random.Random) -> None:
    container[key] = source.choice(VALUES)


def _other_number(container: Any, key: Any, source: random.Random) -> None:
    """A value of the same type, if it is a number: what a schema of types lets through."""
    value = container[key]
    match value:
        case bool():
            container[key] = not value
        case int():
            container[key] = source.choice([value + 1, -value, value * 1_000, 2**31 - 1, 10**9, 0])
        case float():
            container[key] = source.choice([value + 1.0, -value, value * 1e6, 1e300, 0.0, 5e-324])
        case str():
            container[key] = source.choice([value[1:], value + "x", value[::-1], "x" * 100_000])
        case _:
            container[key] = None


def _remove_key(container: Any, key: Any, source: random.Random) -> None:
    del container[key]


def _rename_key(container: Any, key: Any, source: random.Random) -> None:
    if isinstance(container, dict):
        container[str(key) + source.choice(["x", " ", "\u2028"])] = container.pop(key)
    else:
        container.insert(0, container[key])


def _add_key(container: Any, key: Any, source: random.Random) -> None:
    inner = container[key]
    if isinstance(inner, dict):
        inner["x"] = source.choice(VALUES)
    elif isinstance(inner, list):
        inner.append(source.choice(VALUES))
    elif isinstance(container, dict):
        container["__class__"] = source.choice(VALUES)


def _wrap(container: Any, key: Any, source: random.Random) -> None:
    container[key] = [container[key]] if source.random() < 0.5 else {"value": container[key]}


JSON_KINDS = {
    "value": _json(_other_value),
    "value again": _json(_other_value),  # there are many to choose from
    "number": _json(_other_number),
    "key removed": _json(_remove_key),
    "key renamed": _json(_rename_key),
    "key added": _json(_add_key),
    "value wrapped": _json(_wrap),
}
