"""Do titles steer? Score poems of the test split after their own title, after another's, and after none.

    python benchmarks/titles.py [--model saved_models/tangshi/1] [--poems 200 1432] [--json FILE]

The poems are the first with a title, and each title goes to one other poem too. Prints the nats a token that a title
brings, its own and another's, with 95 % intervals, and how many poems are likelier after their own title than after the
other.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from record import keep

from tangshi_tf import PoetryModel, read_corpus
from tangshi_tf.corpus.titles import titles_of
from tangshi_tf.errors import TangshiError
from tangshi_tf.evaluation.intervals import Mean, Rate
from tangshi_tf.evaluation.perplexity import evaluator


def others(titles: list[str]) -> list[str]:
    """Return for each title the one half way round, in their order; a title that half of them are stays as it is."""
    order, given = np.argsort(titles, kind="stable"), np.array(titles)
    given[order] = np.roll(given[order], len(titles) // 2)
    return [str(title) for title in given]


def compare(model: PoetryModel, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Print and return what the titles of poems bring."""
    texts, titles = [text for text, _ in pairs], [title for _, title in pairs]
    none, own, other = (
        evaluator(model, texts, given)()[:, 1] / [len(text) + 1 for text in texts]
        for given in (None, titles, others(titles))
    )
    gains = {name: Mean.of(list(none - nll)) for name, nll in (("its own title", own), ("another's", other))}
    for name, gain in gains.items():
        print(f"{name} brings {gain.value:.3f} ± {gain.margin:.3f} nats a token")
    steered = Rate(int((own < other).sum()), len(texts))
    low, high = steered.interval
    print(f"likelier after their own: {steered.hits} of {steered.count}, {steered.share:.1%} ({low:.1%} to {high:.1%})")
    mine, another = gains.values()
    return {
        "poems": steered.count,
        "likelier": steered.hits,
        "own": mine.value,
        "own_margin": mine.margin,
        "other": another.value,
        "other_margin": another.margin,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="saved_models/tangshi/1")
    parser.add_argument("--poems", type=int, nargs="+", default=[200], help="how many; several are compared in turn")
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    poems = read_corpus().poems("test")
    pairs = [(poem.text, title) for poem, title in zip(poems, titles_of(poems), strict=True) if title]
    try:
        model = PoetryModel.from_saved_model(options.model)
        rows = [compare(model, pairs[:count]) for count in options.poems]
    except TangshiError as error:
        sys.exit(f"Error: {error}")
    keep(options.json, rows)


if __name__ == "__main__":
    main()
