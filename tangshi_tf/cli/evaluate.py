"""`tangshi-tf evaluate`: perplexity, or verse of the model beside real verse."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tangshi_tf.cli.catalogue import echo, say
from tangshi_tf.cli.console import captioned, left_out, table
from tangshi_tf.cli.help import Command, any_case
from tangshi_tf.cli.options import (
    CORPUS_HELP,
    corpus_argument,
    format_option,
    max_size_option,
    model_option,
    model_path,
    read_running_text,
    require_corpus,
    require_extra,
    require_folder,
    tell_understood,
    threads_option,
    typed,
)
from tangshi_tf.cli.output import json_line, print_text
from tangshi_tf.cli.starting import start_tensorflow
from tangshi_tf.errors import ConfigError
from tangshi_tf.storage.files import write_bytes
from tangshi_tf.storage.version_folder import version_settings
from tangshi_tf.verse.forms import FORMS
from tangshi_tf.vocabulary import UNK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tangshi_tf.corpus.poems import Poem
    from tangshi_tf.corpus.prose import Prose
    from tangshi_tf.evaluation.perplexity import Score


__all__ = ["evaluate"]


@click.command(cls=Command, epilog=CORPUS_HELP)
@corpus_argument
@click.option(
    "--split",
    type=any_case(["test", "validation", "train", "all"]),
    default="test",
    show_default=True,
    help="Part of the shipped corpus; a given corpus is taken whole.",
)
@click.option("--titles", is_flag=True, help="Give the model the title of each poem.")
@click.option(
    "--verse",
    is_flag=True,
    help=(
        "Compare poems that the model writes with real poems, by the rules of verse, instead of "
        "printing the perplexity."
    ),
)
@click.option(
    "--count",
    type=click.IntRange(1, 10_000),
    default=200,
    show_default=True,
    help="With --verse: number of poems in each form; without a form, four times as many.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**62), default=0, show_default=True, help="With --verse: seed of the first poem."
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="With --verse: draw the comparison as an SVG file (needs the extra plot).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@format_option()
@max_size_option
@model_option
@threads_option
def evaluate(
    corpus: tuple[Path, ...],
    split: str,
    titles: bool,
    verse: bool,
    count: int,
    seed: int,
    plot: Path | None,
    as_json: bool,
    format_name: str,
    max_size: float,
    model: str,
    threads: int,
) -> None:
    """Print the perplexity of poems by form and over characters alone, or compare poems of the model with real poems.

    For a model of prose, print the perplexity of a text; the whole text counts unless you give --split.

    \b
    tangshi-tf evaluate
    tangshi-tf evaluate my-poems.txt --model mine --json
    tangshi-tf evaluate --titles
    tangshi-tf evaluate --verse
    tangshi-tf evaluate my-novel.txt --model novel --split test
    """
    # What can be refused before anything is loaded.
    if titles and verse:
        raise ConfigError("--titles and --verse exclude each other.")
    for name in ("count", "seed", "plot"):
        if typed(name) and not verse:
            raise ConfigError(f"--verse is required for --{name}. Received: --{name} alone.")
    if plot is not None:
        require_extra("matplotlib")
        require_folder("--plot", plot)

    # The model, and how it is judged.
    start_tensorflow(threads)
    path = model_path(model)
    config, training = version_settings(path)
    if not config.kind.verse:
        for name, option in (("titles", "titles"), ("verse", "verse"), ("format_name", "format")):
            if typed(name):
                raise ConfigError(f"A model of poems is required for --{option}. Received: one of prose.")
        text = read_running_text(corpus, config, training, max_size)
        _evaluate_prose(path, text, split if typed("split") else "all", as_json)
        return
    require_corpus(corpus, format_name="format", max_size="max-size")
    if corpus and typed("split"):
        raise ConfigError("A CORPUS and --split exclude each other: a given corpus is taken whole.")
    split = "all" if corpus else split
    poems = _read_poems(corpus, split, format_name, max_size)
    if verse:
        _compare_verse(poems, split, path, count, seed, plot, as_json)
    else:
        _evaluate_poems(poems, split, path, titles, as_json)


def _read_poems(corpus: tuple[Path, ...], split: str, format_name: str, max_size: float) -> "list[Poem]":
    """Read the corpus that was given, or a split of the shipped one."""
    from tangshi_tf.corpus.poems import read_corpus, read_poems

    if not corpus:
        return read_corpus().poems(split)
    poems, dropped = read_poems(corpus, format_name, max_size, tell_understood)
    if dropped:
        echo(left_out(dropped), err=True)
    return poems


def _evaluate_poems(poems: "Sequence[Poem]", split: str, path: Path, titles: bool, as_json: bool) -> None:
    """Print the perplexity of poems, by form."""
    from tangshi_tf.corpus.titles import titles_of
    from tangshi_tf.evaluation.perplexity import evaluate as score
    from tangshi_tf.model.poetry_model import PoetryModel

    texts = [poem.text for poem in poems]
    result = score(PoetryModel.from_saved_model(path), texts, titles_of(poems) if titles else None)
    if as_json:
        report = _score_record(result.total) | {
            "split": split,
            "titles": titles,
            "by_form": {form: _score_record(part) for form, part in result.by_form.items()},
        }
        print_text(json_line(report) + "\n")
        return
    rows = [
        [name, f"{part.poems:,}", f"{part.tokens:,}", f"{part.perplexity:.2f}", f"{part.hanzi_perplexity:.2f}"]
        for name, part in [("全部", result.total), *result.by_form.items()]
        if part.poems
    ]
    click.echo(table(["", "poems", "tokens", "perplexity", "characters alone"], rows))


def _evaluate_prose(path: Path, text: "Prose", split: str, as_json: bool) -> None:
    """Print how surprised a model is by a text, read from end to end."""
    from tangshi_tf.evaluation.perplexity import perplexity, stream_evaluator
    from tangshi_tf.model.poetry_model import PoetryModel

    model = PoetryModel.from_saved_model(path)
    stream = text.ids(model.vocabulary, split)
    nll, tokens = stream_evaluator(model, stream)()
    characters = sum(len(token) * count for token, count in text.counts(split).items())
    report = {
        "split": split,
        "tokens": tokens,
        "unknown": int((stream == UNK).sum()),
        "nll": nll,
        "nll_per_token": nll / tokens if tokens else None,
        "perplexity": perplexity(nll, tokens) if tokens else None,
        "nll_per_character": nll / characters if tokens else None,
    }
    if as_json:
        print_text(json_line(report) + "\n")
        return
    figures = [f"{tokens:,}", f"{report['unknown']:,}", f"{report['perplexity']:.2f}"]
    figures += [f"{report['nll_per_token']:.4f}", f"{report['nll_per_character']:.4f}"]
    click.echo(table(["tokens", "unknown", "perplexity", "nats a token", "nats a character"], [figures], words=0))


def _compare_verse(
    poems: "Sequence[Poem]", split: str, model: Path, count: int, seed: int, plot: Path | None, as_json: bool
) -> None:
    """Write poems, and print what distinguishes them from those given."""
    from tangshi_tf.corpus.poems import read_corpus
    from tangshi_tf.evaluation import report_tables, verse_report
    from tangshi_tf.saving.saved_model import load

    poet = load(model)
    refused = verse_report.refused_forms(poet)
    for form, problem in refused.items():
        echo(f"left out: constrained poems in {form}: {problem}", err=True)
    seeds = verse_report.plan(count, seed, [form for form in FORMS if form not in refused])
    with click.progressbar(seeds.items(), label=say("writing"), file=sys.stderr) as bar:
        written = verse_report.carry_out(poet, bar)
    found = verse_report.compare([poem.text for poem in poems], written, read_corpus().texts("train"))
    if plot is not None:
        picture = io.BytesIO()
        report_tables.draw(found, picture)
        write_bytes(plot, picture.getbuffer())
    record = {"split": split, "count": count, "seed": seed, **report_tables.to_dict(found)}
    tables = map(captioned, report_tables.tables(found))
    print_text((json_line(record) if as_json else "\n\n".join(tables)) + "\n")


def _score_record(score: "Score") -> dict[str, Any]:
    if not score.poems:
        return {"count": 0, "perplexity": None}
    return {
        "count": score.poems,
        "perplexity": score.perplexity,
        "nll": score.nll,
        "nll_per_token": score.nll / score.tokens,
        "tokens": score.tokens,
        "hanzi_perplexity": score.hanzi_perplexity,
    }
