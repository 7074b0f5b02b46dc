"""`tangshi-tf check`: judge poems by the rules of verse."""

import dataclasses
import os
import re
import sys
from pathlib import Path

import click

from tangshi_tf.cli.catalogue import echo
from tangshi_tf.cli.console import left_out, table
from tangshi_tf.cli.help import Command, any_case
from tangshi_tf.cli.options import (
    CORPUS_WORDS,
    corpus_argument,
    format_option,
    max_size_option,
    tell_understood,
    typed,
)
from tangshi_tf.cli.output import json_line, print_text
from tangshi_tf.errors import ConfigError
from tangshi_tf.verse.forms import LEVELS

__all__ = ["check"]

_FILE = re.compile(r"[A-Za-z0-9\\]")  # what names of files have, and poems have not
_LEAST = 8  # characters of a poem


@click.command(cls=Command, epilog=f"{CORPUS_WORDS}. Standard input is read if none is given.")
@corpus_argument
@click.option(
    "--level",
    type=any_case(LEVELS),
    default="strict",
    show_default=True,
    help=(
        "loose: the even lines rhyme, and the tones follow one pattern at the even characters and line "
        "ends; regulated: as loose, but 特拗 and 大拗 are allowed; strict: as regulated, and no 孤平 or "
        "三平尾."
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on each line, with every level.")
@format_option()
@max_size_option
def check(corpus: tuple[Path, ...], level: str, as_json: bool, format_name: str, max_size: float) -> None:
    """Judge poems by the rules of regulated verse.

    A poem may also be typed in place of a file. The tones are printed under each line: 平 is level, 仄 oblique,
    通 either, ？ unknown.

    \b
    tangshi-tf check my-poems.txt
    tangshi-tf check 白日依山尽，黄河入海流。欲穷千里目，更上一层楼。
    tangshi-tf sample --count 3 | tangshi-tf check --level regulated
    """
    if as_json and typed("level"):
        raise ConfigError("--level and --json exclude each other: JSON has every level.")
    from tangshi_tf.corpus.poems import parse_poems, read_poems
    from tangshi_tf.verse.checker import judge
    from tangshi_tf.verse.display import counted, judgement, record, scanned

    poem = _typed_poem(corpus)
    if corpus and not poem:
        poems, dropped = read_poems(corpus, format_name, max_size, tell_understood)
    else:
        data = poem.encode() if poem else _standard_input(max_size)
        poems, dropped = parse_poems(data, "a typed poem" if poem else "standard input", format_name, tell_understood)
    if dropped:
        echo(left_out(dropped), err=True)
    verdicts = []
    for one in poems:
        verdict = judge(one.text)
        if as_json:
            print_text(json_line(dataclasses.asdict(one) | record(verdict)) + "\n")
        else:
            print_text(scanned(verdict, "　".join(filter(None, [one.title, one.author]))) + "\n")
            echo(judgement(verdict, level) + "\n")
            verdicts.append(verdict)
    if len(verdicts) > 1:
        click.echo(table(["", "poems", *LEVELS], counted(verdicts)))


def _typed_poem(corpus: tuple[Path, ...]) -> str:
    """Return the poem that was typed in place of files, ``""`` if they are names of files."""
    from tangshi_tf.corpus.cleaning import han_only
    from tangshi_tf.corpus.marks import segments

    text = " ".join(map(str, corpus))
    if _FILE.search(text) or len(segments(text)) < 2 or len(han_only(text)) < _LEAST:
        return ""
    return "" if any(map(os.path.exists, corpus)) else text


def _standard_input(max_size: float) -> bytes:
    """Return what standard input holds, unpacked; Python has none if it was closed."""
    from tangshi_tf.corpus.unpacking import unpack

    return unpack(sys.stdin.buffer, "standard input", max_size) if sys.stdin else b""
