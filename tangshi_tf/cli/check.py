"""`tangshi-tf check`: judge poems by the rules of verse."""

import dataclasses
import json
import sys
from pathlib import Path

import click

from tangshi_tf.cli.catalogue import echo
from tangshi_tf.cli.console import left_out, table
from tangshi_tf.cli.help import Command
from tangshi_tf.cli.options import FORMATS, corpus_argument, typed
from tangshi_tf.errors import ConfigError
from tangshi_tf.verse.forms import LEVELS

__all__ = ["check"]


@click.command(cls=Command, epilog=f"{FORMATS}. Standard input is read if none is given.")
@corpus_argument
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="strict",
    show_default=True,
    help=(
        "loose: the even lines rhyme, and the tones follow one pattern at the even characters and line "
        "ends; regulated: as loose, but 特拗 and 大拗 are allowed; strict: as regulated, and no 孤平 or "
        "三平尾."
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on each line, with every level.")
def check(corpus: tuple[Path, ...], level: str, as_json: bool) -> None:
    """Judge poems by the rules of regulated verse.

    The tones are printed under each line: 平 is level, 仄 oblique, 通 either, ？ unknown.

    \b
    tangshi-tf check my-poems.txt
    tangshi-tf sample --count 3 | tangshi-tf check --level regulated
    """
    if as_json and typed("level"):
        raise ConfigError("--level and --json exclude each other: JSON has every level.")
    from tangshi_tf.corpus.poems import parse_poems, read_poems
    from tangshi_tf.verse.checker import judge
    from tangshi_tf.verse.display import counted, judgement, record, scanned

    if corpus:
        poems, dropped = read_poems(corpus)
    else:  # which Python has none of if it was closed
        poems, dropped = parse_poems(sys.stdin.buffer.read() if sys.stdin else b"", "standard input")
    if dropped:
        echo(left_out(dropped), err=True)
    verdicts = []
    for poem in poems:
        verdict = judge(poem.text)
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(poem) | record(verdict), ensure_ascii=False))
        else:
            click.echo(scanned(verdict, poem.title))
            echo(judgement(verdict, level) + "\n")
            verdicts.append(verdict)
    if len(verdicts) > 1:
        click.echo(table(["", "poems", *LEVELS], counted(verdicts)))
