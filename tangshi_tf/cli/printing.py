"""Write the texts that `tangshi-tf sample` was asked for, and print them or put them into a file."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from tangshi_tf.cli.catalogue import echo, say
from tangshi_tf.cli.options import require_printable
from tangshi_tf.cli.request import VERSE, Request
from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.words import segmenter, spaced_parts
from tangshi_tf.storage.files import write_text

__all__ = ["PRINTERS"]


def _print_poems(poet: Any, path: Path, config: ModelConfig, request: Request) -> None:
    """Print poems, a sentence a line, with their tones if that was asked for."""
    from tangshi_tf.corpus.cleaning import fold
    from tangshi_tf.verse.checker import tone_marks

    def laid_out(poem: dict[str, Any]) -> str:
        return _verse(poem["poem"], poem.get("tones", ""))

    poems = _written(poet, request.begin, request)
    for poem in poems:
        if request.tones:
            poem["tones"] = tone_marks(fold(poem["poem"].replace("\n", "")))
    _print(poems, laid_out, request)


def _print_prose(poet: Any, path: Path, config: ModelConfig, request: Request) -> None:
    """Print running text: one text as it is written, several when they are."""
    begin = request.begin.replace("\r\n", "\n").replace("\r", "\n")
    pieces = list(segmenter(config.unit, config.segmenter)(begin))
    if request.count == request.best_of == 1 and not request.as_json:
        _stream(poet, path, config.unit == "word", pieces, request)
        return
    begin = " ".join(pieces) if config.unit == "word" else begin
    _print(_written(poet, begin, request), lambda text: text["poem"], request)


PRINTERS: Mapping[str, Callable[[Any, Path, ModelConfig, Request], None]] = {
    "poems": _print_poems,
    "prose": _print_prose,
}
"""By kind of text, what writes and prints what was asked for."""


def _written(poet: Any, begin: str, request: Request) -> list[dict[str, Any]]:
    """Return the texts that were asked for, and tell on standard error what is to be noted on them."""
    from tangshi_tf.generation.batch import write

    fault = _copied() if request.novel else None
    texts = []
    for text in write(
        poet, [begin] * request.count, request.seed, best_of=request.best_of, fault=fault, **request.inputs
    ):
        texts.append(text)
        if text["problem"] and not request.as_json:
            echo(f"Note on poem {len(texts)}: {text['problem']}", err=True)
    return texts


def _print(texts: list[dict[str, Any]], laid_out: Callable[[dict[str, Any]], str], request: Request) -> None:
    """Print texts to the terminal, or write them to a file."""
    lines = [json.dumps(text, ensure_ascii=False) if request.as_json else laid_out(text) for text in texts]
    printed = ("" if request.as_json else "\n").join(line + "\n" for line in lines)
    if request.output is None:
        require_printable(printed)
        click.echo(printed, nl=False)
    else:
        write_text(request.output, printed)


def _stream(poet: Any, path: Path, words: bool, pieces: list[str], request: Request) -> None:
    """Print a text as it is written, or write it to a file behind a bar."""
    from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
    from tangshi_tf.generation.stream import Streamer
    from tangshi_tf.storage.version_folder import version_vocabulary

    vocabulary = version_vocabulary(path)
    knobs = {name: value for name, value in request.inputs.items() if name not in ("title", *VERSE)}
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


def _verse(poem: str, tones: str = "") -> str:
    """Set a poem one sentence a line, its tones, if there are any, under each."""
    for stop in "。？！":
        poem = poem.replace(stop, stop + "\n")
    lines = poem.rstrip("\n").split("\n")
    if not tones:
        return "\n".join(lines)
    marks = iter(tones)
    return "\n".join(part for line in lines for part in (line, "".join(next(marks) for _ in line).rstrip("　")))
