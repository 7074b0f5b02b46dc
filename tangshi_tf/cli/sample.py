"""`tangshi-tf sample`: print poems or running text."""

import json
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tangshi_tf.cli.catalogue import echo, say
from tangshi_tf.cli.help import Command
from tangshi_tf.cli.options import (
    COUNT,
    FiniteRange,
    model_option,
    model_path,
    require_folder,
    require_printable,
    typed,
)
from tangshi_tf.cli.starting import no_garbage, optimize_no_graphs, start_tensorflow
from tangshi_tf.config import COLDEST, DEFAULT_SAMPLER, PROSE_SAMPLER, ModelConfig
from tangshi_tf.corpus.words import segmenter, spaced_parts
from tangshi_tf.errors import ConfigError
from tangshi_tf.storage.files import write_text

__all__ = ["sample"]

_VERSE = ("form", "rhyme", "opening", "acrostic")


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for.

    Attributes:
        begin: what the texts begin with.
        inputs: further inputs of `generate`.
        seed: of the first text.
        count: of texts.
        best_of: candidates for each.
        tones: whether tones are printed.
        novel: whether lines of the training poems are refused.
        as_json: whether JSON is printed.
        output: the file to write to, if any.
    """

    begin: str
    inputs: dict[str, Any]
    seed: int
    count: int
    best_of: int
    tones: bool
    novel: bool
    as_json: bool
    output: Path | None


@click.command(cls=Command)
@click.option("--begin", default="", help="What the poem begins with; if empty, the model writes the beginning too.")
@click.option("--title", default="", help="What the poem is about, in a few characters; empty: anything.")
@click.option(
    "--form",
    default="",
    metavar="FORM",
    help=(
        "五绝, 七绝, 五律, 七律 (wujue, qijue, wulv, qilv); 绝句, 律诗, 五言, 七言: one of two forms. "
        "Rhyme and tones keep the rules. Empty: free verse, unless --rhyme, --opening or --acrostic is "
        "given."
    ),
)
@click.option(
    "--rhyme",
    default="",
    metavar="GROUP",
    help="Level group of 平水韵, by any of its names: 先, 一先, yixian; empty: any group.",
)
@click.option(
    "--opening",
    default="",
    metavar="OPENING",
    help=(
        "仄起, 平起, 仄起入韵, 平起入韵 (zeqi, …, pingqiruyun); 入韵, 不入韵: one of two. Empty: drawn "
        "as often as real poems have it."
    ),
)
@click.option("--acrostic", default="", metavar="TEXT", help="The first characters of the lines.")
@click.option(
    "--init-state",
    type=click.Choice(["zero", "random"]),
    default="zero",
    show_default=True,
    help="Initial state.",
)
@click.option(
    "--temperature",
    type=FiniteRange(0),
    default=DEFAULT_SAMPLER["temperature"],
    show_default=True,
    help=f"0: greedy; lower: safer; higher: bolder. For prose the default is {PROSE_SAMPLER['temperature']}.",
)
@click.option(
    "--top-k", type=COUNT, default=0, show_default=True, help="Choose among the K likeliest tokens only; 0: all."
)
@click.option(
    "--top-p",
    type=FiniteRange(0, 1, min_open=True),
    default=DEFAULT_SAMPLER["top_p"],
    show_default=True,
    help=(
        f"Choose among the likeliest tokens whose probabilities add up to P. For prose the default is "
        f"{PROSE_SAMPLER['top_p']}."
    ),
)
@click.option(
    "--repetition-penalty",
    type=FiniteRange(0, min_open=True),
    default=DEFAULT_SAMPLER["repetition_penalty"],
    show_default=True,
    help=(
        "Divides the odds of a character, before the temperature, for each earlier occurrence in the "
        "same poem; 1: off, the default for prose. Punctuation is not counted."
    ),
)
@click.option(
    "--max-length",
    type=COUNT,
    default=0,
    show_default=True,
    help="Most tokens, begin included; 0: the begin and 200 more, or the length of the form.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**62),
    help="The same seed gives the same poem. N poems use seed, seed + 1, …; with --best-of M each poem uses M seeds.",
)
@click.option("--count", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Number of poems.")
@click.option(
    "--best-of",
    type=click.IntRange(1, 1_000),
    default=1,
    show_default=True,
    help="Write so many candidates for each poem and print the one with the highest log-probability a token.",
)
@click.option("--tones", is_flag=True, help="Print the tones under each line: 平, 仄, 通 for both.")
@click.option(
    "--novel",
    is_flag=True,
    help="Reject poems with a line, of 5 characters or more, of a training poem in the package.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on each line, with seed and log-probability."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write to this file instead of the terminal.",
)
@model_option
def sample(
    begin: str,
    seed: int | None,
    count: int,
    best_of: int,
    tones: bool,
    novel: bool,
    as_json: bool,
    output: Path | None,
    model: str,
    **inputs: Any,
) -> None:
    """Print poems; or, with a model of prose, print text while it is written.

    \b
    tangshi-tf sample --begin 山 --init-state random
    tangshi-tf sample --begin 明月 --count 5 --temperature 0.7 --seed 1
    tangshi-tf sample --begin 春 --best-of 16
    tangshi-tf sample --title 秋夜 --form 五绝
    tangshi-tf sample --form 七绝 --rhyme 先 --opening 仄起 --acrostic 春夏秋冬 --tones
    tangshi-tf sample --model novel --begin "It was" --max-length 500 --output novel.txt
    """
    # What can be refused before anything is loaded.
    "".join([begin, *(value for value in inputs.values() if isinstance(value, str))]).encode()  # a lone surrogate
    if best_of > 1:
        _require_variety(inputs)
    if output is not None:
        require_folder("--output", output)

    # The model.
    start_tensorflow()
    from tangshi_tf.saving.saved_model import load

    path = model_path(model)
    from tangshi_tf.storage.version_folder import version_settings

    config, _ = version_settings(path)
    if not config.kind.verse:
        _require_poems(**{name: inputs[name] for name in ("title", *_VERSE)}, tones=tones, novel=novel)
    optimize_no_graphs()
    with no_garbage():
        poet = load(path)

    # The texts.
    if seed is None:
        seed = secrets.randbelow(2**31)
        echo(f"seed: {seed}", err=True)
    inputs |= {name: value for name, value in config.kind.sampler.items() if not typed(name)}
    request = _Request(begin, inputs, seed, count, best_of, tones, novel, as_json, output)
    _PRINTERS[config.text](poet, path, config, request)


def _print_poems(poet: Any, path: Path, config: ModelConfig, request: _Request) -> None:
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


def _print_prose(poet: Any, path: Path, config: ModelConfig, request: _Request) -> None:
    """Print running text: one text as it is written, several when they are."""
    begin = request.begin.replace("\r\n", "\n").replace("\r", "\n")
    pieces = list(segmenter(config.unit, config.segmenter)(begin))
    if request.count == request.best_of == 1 and not request.as_json:
        _stream(poet, path, config.unit == "word", pieces, request)
        return
    begin = " ".join(pieces) if config.unit == "word" else begin
    _print(_written(poet, begin, request), lambda text: text["poem"], request)


_PRINTERS: Mapping[str, Callable[[Any, Path, ModelConfig, _Request], None]] = {
    "poems": _print_poems,
    "prose": _print_prose,
}
"""By kind of text, what writes and prints what was asked for."""


def _require_variety(inputs: Mapping[str, Any]) -> None:
    """Refuse settings that give the same poem for every seed."""
    greedy = inputs["temperature"] < COLDEST or inputs["top_k"] == 1
    # An opening that is drawn gives another poem for every seed.
    same_opening = inputs["opening"] or not any(inputs[name] for name in _VERSE)
    if greedy and inputs["init_state"] == "zero" and same_opening:
        raise ConfigError(
            f"A --temperature of at least {COLDEST} without --top-k 1, or --init-state random, is required for "
            "--best-of. Received: settings that give the same poem each time."
        )


def _require_poems(**asked: str | bool) -> None:
    for name, value in asked.items():
        if value:
            raise ConfigError(f"A model of poems is required for --{name}. Received: one of prose.")


def _written(poet: Any, begin: str, request: _Request) -> list[dict[str, Any]]:
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


def _print(texts: list[dict[str, Any]], laid_out: Callable[[dict[str, Any]], str], request: _Request) -> None:
    """Print texts to the terminal, or write them to a file."""
    lines = [json.dumps(text, ensure_ascii=False) if request.as_json else laid_out(text) for text in texts]
    printed = ("" if request.as_json else "\n").join(line + "\n" for line in lines)
    if request.output is None:
        require_printable(printed)
        click.echo(printed, nl=False)
    else:
        write_text(request.output, printed)


def _stream(poet: Any, path: Path, words: bool, pieces: list[str], request: _Request) -> None:
    """Print a text as it is written, or write it to a file behind a bar."""
    from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
    from tangshi_tf.generation.stream import Streamer
    from tangshi_tf.storage.version_folder import version_vocabulary

    vocabulary = version_vocabulary(path)
    knobs = {name: value for name, value in request.inputs.items() if name not in ("title", *_VERSE)}
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
