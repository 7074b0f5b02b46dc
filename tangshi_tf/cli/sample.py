"""`tangshi-tf sample`."""

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

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
from tangshi_tf.config import COLDEST, DEFAULT_SAMPLER, PROSE_SAMPLER, version_settings
from tangshi_tf.corpus.words import segmenter, spaced_parts
from tangshi_tf.errors import ConfigError

__all__ = ["sample"]


@click.command()
@click.option("--begin", default="", help="What the poem begins with; empty lets the poet begin.")
@click.option("--title", default="", help="What the poem is about, in a few characters; empty: anything.")
@click.option(
    "--form",
    default="",
    metavar="FORM",
    help="五绝, 七绝, 五律, 七律 (wujue, qijue, wulv, qilv); 绝句, 律诗, 五言, 七言 leave a choice. Rhyme and tones "
    "keep the rules. Empty: free verse, unless one of the next three is given.",
)
@click.option("--rhyme", default="", metavar="GROUP", help="Level group of 平水韵: 先, 一先, yixian; empty: any.")
@click.option(
    "--opening",
    default="",
    metavar="OPENING",
    help="仄起, 平起, 仄起入韵, 平起入韵 (zeqi, …, pingqiruyun); 入韵, 不入韵 leave a choice. Empty: drawn as often as "
    "real poems have it.",
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
    help=f"0: greedy; lower: safer; higher: bolder. Of prose {PROSE_SAMPLER['temperature']} by default.",
)
@click.option(
    "--top-k", type=COUNT, default=0, show_default=True, help="Choose among the K likeliest tokens only; 0: all."
)
@click.option(
    "--top-p",
    type=FiniteRange(0, 1, min_open=True),
    default=DEFAULT_SAMPLER["top_p"],
    show_default=True,
    help=f"Choose among the likeliest tokens that make up P. Of prose {PROSE_SAMPLER['top_p']} by default.",
)
@click.option(
    "--repetition-penalty",
    type=FiniteRange(0, min_open=True),
    default=DEFAULT_SAMPLER["repetition_penalty"],
    show_default=True,
    help="Divides the odds of a character, before the temperature, for each earlier occurrence in the same poem; 1: "
    "off, as of prose by default. Punctuation is free.",
)
@click.option("--max-length", type=COUNT, default=0, show_default=True, help="Tokens, begin included; 0: automatic.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**62),
    help="Names the poem; N poems take seed, seed + 1, …; with --best-of M, M of them each.",
)
@click.option("--count", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Number of poems.")
@click.option(
    "--best-of",
    type=click.IntRange(1, 1_000),
    default=1,
    show_default=True,
    help="Write so many for each poem and print the one with the highest log-probability a token.",
)
@click.option("--tones", is_flag=True, help="Print the tones under each line: 平, 仄, 通 for both.")
@click.option("--novel", is_flag=True, help="Write no line of 5 characters or more of the shipped training poems.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with seed and log-probability.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write to this file instead of the terminal.",
)
@model_option
def sample(
    begin: str,
    title: str,
    form: str,
    rhyme: str,
    opening: str,
    acrostic: str,
    init_state: str,
    temperature: float,
    top_k: int,
    top_p: float,
    repetition_penalty: float,
    max_length: int,
    seed: int | None,
    count: int,
    best_of: int,
    tones: bool,
    novel: bool,
    as_json: bool,
    output: Path | None,
    model: str,
) -> None:
    """Print poems, or running text of a model that was trained on prose, as it is written.

    \b
    tangshi-tf sample --begin 山 --init-state random
    tangshi-tf sample --begin 明月 --count 5 --temperature 0.7 --seed 1
    tangshi-tf sample --begin 春 --best-of 16
    tangshi-tf sample --title 秋夜 --form 五绝
    tangshi-tf sample --form 七绝 --rhyme 先 --opening 仄起 --acrostic 春夏秋冬 --tones
    tangshi-tf sample --model novel --begin "It was" --max-length 500 --output novel.txt
    """
    verse = {"form": form, "rhyme": rhyme, "opening": opening, "acrostic": acrostic}
    "".join([begin, title, *verse.values()]).encode()  # a lone surrogate of a broken console is refused before loading
    same_opening = opening or not any(verse.values())  # one that is drawn gives another poem for every seed
    if best_of > 1 and (temperature < COLDEST or top_k == 1) and init_state == "zero" and same_opening:
        raise ConfigError(
            f"A --temperature of at least {COLDEST} without --top-k 1, or --init-state random, is required for "
            "--best-of. Received: settings that give the same poem each time."
        )
    if output is not None:
        require_folder("--output", output)
    start_tensorflow()
    from tangshi_tf.corpus.cleaning import fold
    from tangshi_tf.files import write_text
    from tangshi_tf.generation.batch import write
    from tangshi_tf.saving.saved_model import load
    from tangshi_tf.verse.checker import tone_marks

    path = model_path(model)
    config, _ = version_settings(path)
    prose = config.text == "prose"
    if prose:
        _require_poems(title=title, **verse, tones=tones, novel=novel)
        begin = begin.replace("\r\n", "\n").replace("\r", "\n")
        pieces = list(segmenter(config.unit, config.segmenter)(begin))
        begin = " ".join(pieces) if config.unit == "word" else begin
    optimize_no_graphs()
    with no_garbage():
        poet = load(path)
    if seed is None:
        seed = secrets.randbelow(2**31)
        click.echo(f"seed: {seed}", err=True)
    sampler = {"temperature": temperature, "top_p": top_p, "repetition_penalty": repetition_penalty}
    if prose:
        sampler |= {name: value for name, value in PROSE_SAMPLER.items() if not typed(name)}
    knobs: dict[str, Any] = {"init_state": init_state, **sampler, "top_k": top_k, "max_length": max_length}
    if prose and count == best_of == 1 and not as_json:
        _stream(poet, path, config.unit == "word", pieces, seed, knobs, output)
        return
    poems = write(poet, [begin] * count, seed, best_of, _copied() if novel else None, title=title, **verse, **knobs)
    lines: list[str] = []
    for poem in poems:
        if poem["problem"] and not as_json:
            click.echo(f"Note on poem {len(lines) + 1}: {poem['problem']}", err=True)
        if tones:
            poem["tones"] = tone_marks(fold(poem["poem"].replace("\n", "")))
        laid_out = poem["poem"] if prose else _verse(poem["poem"], poem.get("tones", ""))
        lines.append(json.dumps(poem, ensure_ascii=False) if as_json else laid_out)
    text = ("" if as_json else "\n").join(line + "\n" for line in lines)
    if output is None:
        require_printable(text)
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def _require_poems(**asked: str | bool) -> None:
    for name, value in asked.items():
        if value:
            raise ConfigError(f"A model of poems is required for --{name}. Received: one of prose.")


def _stream(
    poet: Any, path: Path, words: bool, pieces: list[str], seed: int, knobs: dict[str, Any], output: Path | None
) -> None:
    """Print a text as it is written, or write it to a file behind a bar."""
    from tangshi_tf.files import write_text
    from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
    from tangshi_tf.generation.stream import stream
    from tangshi_tf.vocabulary import Vocabulary

    vocabulary = Vocabulary.load(path / "assets.extra" / "vocabulary.txt")
    tokens = stream(poet, vocabulary, pieces, seed, **knobs)
    parts = spaced_parts(tokens) if words else tokens
    if output is not None:
        with click.progressbar(
            parts, length=knobs["max_length"] or AUTOMATIC_LENGTH, label="writing", file=sys.stderr
        ) as bar:
            write_text(output, "".join(bar) + "\n")
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
