"""`tangshi-tf sample`: print poems or running text."""

import secrets
from pathlib import Path
from typing import Any

import click

from tangshi_tf.cli.catalogue import echo
from tangshi_tf.cli.help import Command, any_case
from tangshi_tf.cli.options import (
    COUNT,
    FiniteRange,
    model_option,
    model_path,
    require_extra,
    require_folder,
    threads_option,
    typed,
)
from tangshi_tf.cli.printing import PRINTERS
from tangshi_tf.cli.request import (
    Request,
    asked_texts,
    begin_options,
    is_same_each_time,
    require_poems,
    require_variety,
    title_options,
)
from tangshi_tf.cli.starting import no_garbage, optimize_no_graphs, start_tensorflow
from tangshi_tf.config import DEFAULT_SAMPLER, PROSE_SAMPLER
from tangshi_tf.verse.forms import VERSE_INPUTS

__all__ = ["sample"]


@click.command(cls=Command)
@begin_options
@title_options
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
    help="Level group of 平水韵, by any of its names: 先, 先韵, 一先, yixian; empty: any group.",
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
    type=any_case(["zero", "random"]),
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
@click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    default=1,
    show_default=True,
    help="Number of poems for each begin or title.",
)
@click.option(
    "--best-of",
    type=click.IntRange(1, 1_000),
    default=1,
    show_default=True,
    help="Write so many candidates for each poem and print the one with the highest log-probability a token.",
)
@click.option("--tones", is_flag=True, help="Print the tones under each line: 平, 仄, 通 for both.")
@click.option("--traditional", is_flag=True, help="Print traditional characters.")
@click.option("--pinyin", is_flag=True, help="Print how each character is read today above it (needs pypinyin).")
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
@threads_option
def sample(
    begin: tuple[str, ...],
    begin_file: Path | None,
    title: tuple[str, ...],
    title_file: Path | None,
    seed: int | None,
    count: int,
    best_of: int,
    tones: bool,
    traditional: bool,
    pinyin: bool,
    novel: bool,
    as_json: bool,
    output: Path | None,
    model: str,
    threads: int,
    **inputs: Any,
) -> None:
    """Print poems; or, with a model of prose, print text while it is written.

    \b
    tangshi-tf sample --begin 山 --init-state random
    tangshi-tf sample --begin 明月 --count 5 --temperature 0.7 --seed 1
    tangshi-tf sample --begin 日 --begin 月 --title 秋夜
    tangshi-tf sample --begin 春 --best-of 16
    tangshi-tf sample --title 秋夜 --form 五绝 --traditional --pinyin
    tangshi-tf sample --form 七绝 --rhyme 先 --opening 仄起 --acrostic 春夏秋冬 --tones
    tangshi-tf sample --model novel --begin "It was" --max-length 500 --output novel.txt
    """
    # What can be refused before anything is loaded.
    "".join([*begin, *title, *(value for value in inputs.values() if isinstance(value, str))]).encode()  # surrogates
    texts = asked_texts(begin, begin_file, title, title_file, count)
    if best_of > 1:
        require_variety(inputs)
    if output is not None:
        require_folder("--output", output)
    if pinyin:
        require_extra("pypinyin")

    # The model.
    start_tensorflow(threads)
    from tangshi_tf.saving.saved_model import load

    path = model_path(model)
    from tangshi_tf.storage.version_folder import version_settings

    config, _ = version_settings(path)
    if not config.kind.verse:
        asked = {name: inputs[name] for name in VERSE_INPUTS}
        asked |= {"tones": tones, "traditional": traditional, "pinyin": pinyin, "novel": novel}
        require_poems(title=any(own for _, own in texts), **asked)
    optimize_no_graphs()
    with no_garbage():
        poet = load(path)

    # The texts.
    if seed is None:
        seed = secrets.randbelow(2**31)
        echo(f"seed: {seed}", err=True)
    inputs |= {name: value for name, value in config.kind.sampler.items() if not typed(name)}
    if count > 1 and is_same_each_time(inputs):
        echo(
            "Note: these settings take the likeliest token each time: all texts with the same begin are equal. "
            "--init-state random or a higher --temperature gives others.",
            err=True,
        )
    request = Request(texts, inputs, seed, best_of, tones, traditional, pinyin, novel, as_json, output)
    PRINTERS[config.text](poet, path, config, request)
