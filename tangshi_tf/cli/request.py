"""What `tangshi-tf sample` was asked for, and what of that is refused before a model is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tangshi_tf.config import COLDEST
from tangshi_tf.errors import ConfigError
from tangshi_tf.verse.forms import VERSE_INPUTS

__all__ = [
    "Request",
    "asked_texts",
    "begin_options",
    "is_same_each_time",
    "require_poems",
    "require_variety",
    "title_options",
]

_STANDARD_INPUT = Path("-")
_LINES = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        texts: begin and title of each text.
        inputs: further inputs of `generate`.
        seed: of the first text.
        best_of: candidates for each.
        tones: whether tones are printed.
        traditional: whether traditional characters are printed.
        pinyin: whether readings of today are printed.
        novel: whether lines of the training poems are refused.
        as_json: whether JSON is printed.
        output: the file to write to, if any.
    """

    texts: list[tuple[str, str]]
    inputs: dict[str, Any]
    seed: int
    best_of: int
    tones: bool
    traditional: bool
    pinyin: bool
    novel: bool
    as_json: bool
    output: Path | None


def begin_options(command: Any) -> Any:
    """Add --begin and --begin-file."""
    text = "What the poem begins with; if empty, the model writes the beginning too. Give it again for further poems."
    file = "Further beginnings, one on each line of this file; -: of standard input. Blank lines are skipped."
    command = click.option("--begin-file", type=_LINES, help=file)(command)
    return click.option("--begin", multiple=True, metavar="TEXT", help=text)(command)


def title_options(command: Any) -> Any:
    """Add --title and --title-file."""
    text = "What the poem is about, in a few characters; empty: anything. Give it again for further poems."
    file = "Further titles, one on each line of this file; -: of standard input. Blank lines are skipped."
    command = click.option("--title-file", type=_LINES, help=file)(command)
    return click.option("--title", multiple=True, metavar="TEXT", help=text)(command)


def asked_texts(
    begin: Sequence[str], begin_file: Path | None, title: Sequence[str], title_file: Path | None, count: int
) -> list[tuple[str, str]]:
    """Return begin and title of every text: `count` for the first pair, then those for the next.

    Raises:
        ConfigError: if there are several of both, but not as many, or a file has none.
        CorpusError: if a file cannot be decoded.
    """
    if begin_file == title_file == _STANDARD_INPUT:
        raise ConfigError("--begin-file - and --title-file - exclude each other: standard input is read once.")
    begins = [*begin, *(_lines("--begin-file", begin_file) if begin_file else ())] or [""]
    titles = [*title, *(_lines("--title-file", title_file) if title_file else ())] or [""]
    if 1 < len(begins) != len(titles) > 1:
        raise ConfigError(
            f"As many --begin as --title, or one of either, are required. Received: {len(begins)} and {len(titles)}."
        )
    size = max(len(begins), len(titles))
    pairs = zip(begins * (size // len(begins)), titles * (size // len(titles)), strict=True)
    return [pair for pair in pairs for _ in range(count)]


def _lines(option: str, path: Path) -> list[str]:
    """Return the lines of a file that are not blank."""
    from tangshi_tf.corpus.encodings import decode
    from tangshi_tf.corpus.unpacking import unpack

    with click.open_file(str(path), "rb") as file:
        data = unpack(file, str(path))
    text = decode(data, str(path))[0] if data else ""
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    if not lines:
        raise ConfigError(f"A line that is not blank is required in {option} {path}. Received: none.")
    return lines


def is_same_each_time(inputs: Mapping[str, Any]) -> bool:
    """Tell whether settings give the same poem for every seed."""
    greedy = inputs["temperature"] < COLDEST or inputs["top_k"] == 1
    # An opening that is drawn gives another poem for every seed.
    same_opening = inputs["opening"] or not any(inputs[name] for name in VERSE_INPUTS)
    return bool(greedy and inputs["init_state"] == "zero" and same_opening)


def require_variety(inputs: Mapping[str, Any]) -> None:
    """Refuse settings that give the same poem for every seed."""
    if is_same_each_time(inputs):
        raise ConfigError(
            f"A --temperature of at least {COLDEST} without --top-k 1, or --init-state random, is required for "
            "--best-of. Received: settings that give the same poem each time."
        )


def require_poems(**asked: Any) -> None:
    """Refuse, for a model of prose, what only poems have."""
    for name, value in asked.items():
        if value:
            raise ConfigError(f"A model of poems is required for --{name}. Received: one of prose.")
