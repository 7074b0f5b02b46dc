"""Write the texts that `tangshi-tf sample` was asked for, and print them or put them into a file."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from tangshi_tf.cli.catalogue import echo, say
from tangshi_tf.cli.output import json_line, print_text
from tangshi_tf.cli.request import Request
from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.words import segmenter, spaced_parts
from tangshi_tf.storage.files import write_text
from tangshi_tf.verse.columns import in_lines
from tangshi_tf.verse.forms import VERSE_INPUTS

__all__ = ["PRINTERS"]

_FEW = 10  # numbers that a note names


def _print_poems(poet: Any, path: Path, config: ModelConfig, request: Request) -> None:
    """Print poems, a sentence a line, with their tones if that was asked for."""
    from tangshi_tf.corpus.cleaning import fold
    from tangshi_tf.verse.checker import tone_marks
    from tangshi_tf.verse.pinyin import readings
    from tangshi_tf.verse.traditional import to_traditional

    several = len({title for _, title in request.texts}) > 1

    def laid_out(poem: dict[str, Any]) -> str:
        verse = in_lines(poem.get("traditional", poem["poem"]), poem.get("pinyin", ()), poem.get("tones", ""))
        return f"{poem['title']}\n{verse}" if several else verse

    poems = _written(poet, [begin for begin, _ in request.texts], request)
    if not request.as_json:
        _tell_cut(poems)
    for poem in poems:
        if request.tones:
            poem["tones"] = tone_marks(fold(poem["poem"].replace("\n", "")))
        if request.traditional:
            poem["traditional"] = to_traditional(poem["poem"])
        if request.pinyin:
            poem["pinyin"] = readings(poem["poem"].replace("\n", ""))
    _print(poems, laid_out, request)


def _print_prose(poet: Any, path: Path, config: ModelConfig, request: Request) -> None:
    """Print running text: one text as it is written, several when they are."""
    cut = segmenter(config.unit, config.segmenter)
    begins = [list(cut(begin.replace("\r\n", "\n").replace("\r", "\n"))) for begin, _ in request.texts]
    if len(begins) == request.best_of == 1 and not request.as_json:
        _stream(poet, path, config.unit == "word", begins[0], request)
        return
    space = " " if config.unit == "word" else ""
    _print(_written(poet, [space.join(pieces) for pieces in begins], request), lambda text: text["poem"], request)


PRINTERS: Mapping[str, Callable[[Any, Path, ModelConfig, Request], None]] = {
    "poems": _print_poems,
    "prose": _print_prose,
}
"""By kind of text, what writes and prints what was asked for."""


def _written(poet: Any, begins: list[str], request: Request) -> list[dict[str, Any]]:
    """Return the texts that were asked for, and tell on standard error what is to be noted on them."""
    from tangshi_tf.generation.batch import write

    fault = _copied() if request.novel else None
    titles = [title for _, title in request.texts]
    texts = []
    for text in write(poet, begins, request.seed, best_of=request.best_of, fault=fault, title=titles, **request.inputs):
        texts.append(text)
        if text["problem"] and not request.as_json:
            echo(f"Note on poem {len(texts)}: {text['problem']}", err=True)
    return texts


def _tell_cut(poems: list[dict[str, Any]]) -> None:
    """Tell on standard error which poems the limit of length has cut."""
    cut = [str(number) for number, poem in enumerate(poems, 1) if poem["cut"]]
    if cut:
        shown = ", ".join(cut[:_FEW]) + (", …" if len(cut) > _FEW else "")
        echo(
            f"Note: cut at the largest length, before the end: {len(cut)} of {len(poems)} (number {shown}). "
            "--max-length sets it.",
            err=True,
        )


def _print(texts: list[dict[str, Any]], laid_out: Callable[[dict[str, Any]], str], request: Request) -> None:
    """Print texts to the terminal, or write them to a file."""
    to_file = request.output is not None
    lines = [json_line(text, to_file=to_file) if request.as_json else laid_out(text) for text in texts]
    printed = ("" if request.as_json else "\n").join(line + "\n" for line in lines)
    if request.output is None:
        print_text(printed)
    else:
        write_text(request.output, printed)


def _stream(poet: Any, path: Path, words: bool, pieces: list[str], request: Request) -> None:
    """Print a text as it is written, or write it to a file behind a bar."""
    from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
    from tangshi_tf.generation.stream import Streamer
    from tangshi_tf.storage.version_folder import version_vocabulary

    vocabulary = version_vocabulary(path)
    knobs = {name: value for name, value in request.inputs.items() if name not in VERSE_INPUTS}
    tokens = Streamer(poet, vocabulary, ends=False).write(pieces, seed=request.seed, **knobs)
    parts = spaced_parts(tokens) if words else tokens
    if request.output is not None:
        with click.progressbar(
            parts, length=knobs["max_length"] or AUTOMATIC_LENGTH, label=say("writing"), file=sys.stderr
        ) as bar:
            write_text(request.output, "".join(bar) + "\n")
        return
    for part in parts:
        click.echo(part, nl=False)
    click.echo()


def _copied() -> Callable[[dict[str, Any]], str]:
    """Return what names the first line of a record's poem that stands in a training poem."""
    from tangshi_tf.corpus.poems import read_corpus
    from tangshi_tf.evaluation.copied_lines import TrainingLines

    lines = TrainingLines(read_corpus().texts("train"))

    def fault(record: dict[str, Any]) -> str:
        copied = lines.copied(record["poem"], record["begin"])
        return f"{copied[0]}, a line of the training poems" if copied else ""

    return fault
