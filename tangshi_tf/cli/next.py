"""`tangshi-tf next`: the likeliest next characters after a text."""

import click

from tangshi_tf.cli.catalogue import say
from tangshi_tf.cli.console import table
from tangshi_tf.cli.help import Command
from tangshi_tf.cli.options import model_option, model_path, threads_option
from tangshi_tf.cli.output import json_line, print_text
from tangshi_tf.cli.request import require_poems
from tangshi_tf.cli.starting import no_garbage, optimize_no_graphs, start_tensorflow
from tangshi_tf.corpus.words import segmenter
from tangshi_tf.storage.version_folder import version_settings, version_vocabulary
from tangshi_tf.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

__all__ = ["next_command"]


@click.command("next", cls=Command)
@click.argument("text", default="")
@click.option("--title", default="", help="What the poem is about, in a few characters; empty: anything.")
@click.option("--top", type=click.IntRange(1, 100_000), default=10, show_default=True, help="How many are listed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@model_option
@threads_option
def next_command(text: str, title: str, top: int, as_json: bool, model: str, threads: int) -> None:
    """List the likeliest next characters after TEXT, or words, with their probabilities.

    The probabilities are the model's own, before temperature and the like. Without TEXT they are those of the first
    character.

    \b
    tangshi-tf next 床前明月
    tangshi-tf next 白日依山尽， --title 登鹳雀楼 --top 20
    tangshi-tf next "It was" --model novel --json
    """
    f"{text}{title}".encode()  # a lone surrogate
    start_tensorflow(threads)
    from tangshi_tf.generation.next_tokens import next_tokens
    from tangshi_tf.saving.saved_model import load

    path = model_path(model)
    config, _ = version_settings(path)
    if not config.kind.verse:
        require_poems(title=title)
    optimize_no_graphs()
    with no_garbage():
        poet, vocabulary = load(path), version_vocabulary(path)
    pieces = segmenter(config.unit, config.segmenter)(text)
    typed = " ".join(pieces) if config.unit == "word" else text
    found = next_tokens(poet, vocabulary, typed, title=title, top=top)
    if as_json:
        likeliest = [{"token": vocabulary.tokens[token], "probability": share} for token, share in found]
        print_text(json_line({"text": text, "title": title, "next": likeliest}) + "\n")
        return
    printed = table(["next", "probability"], [[_name(vocabulary, token), f"{share:.2%}"] for token, share in found])
    print_text(printed + "\n")


def _name(vocabulary: Vocabulary, token: int) -> str:
    """Return what a token is called in a table, white space as Python writes it."""
    specials = {
        PAD: say("padding", "parts"),
        BOS: say("start", "parts"),
        EOS: say("end of poem", "parts"),
        UNK: say("unknown", "parts"),
        vocabulary.separator: say("end of title", "parts"),
    }
    text = vocabulary.tokens[token]
    return specials.get(token) or (repr(text) if text.isspace() else text)
