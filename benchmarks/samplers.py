"""Compare samplers by how varied their poems are and how much they repeat themselves, beside real poems.

    python benchmarks/samplers.py [--model saved_models/tangshi/1] [--split validation] [--form 七绝]
                                  [--json FILE]

For every poem of the split, one is written that begins with its first character. Distinct-n is the share of different
n-grams of characters among all, punctuation left out (Li et al. 2016); as it falls with the number of n-grams, every
sampler and the real poems are cut to the same number of characters, in the same order of poems. Self-repetition is the
share of characters that stood in the same poem before, among the first 20, a quatrain's worth; a loop is a pair of
characters that stands in the same poem three times or more. The perplexity is the model's own.
"""

import argparse
import math
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from record import keep

from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.evaluation.verse_report import distinct, self_repetition
from tangshi_tf.generation.batch import write
from tangshi_tf.saving.saved_model import load
from tangshi_tf.verse.forms import FORMS, form_of

Texts = Sequence[str]


def hanzi(poem: str) -> str:
    """Return the characters without punctuation."""
    return "".join(char for char in poem if char.isalnum())


def loops(poems: Texts) -> float:
    """Return the share of poems in which a pair of characters stands three times or more."""

    def loop(poem: str) -> bool:
        pairs = [poem[i : i + 2] for i in range(len(poem) - 1)]
        return any(pairs.count(pair) > 2 for pair in set(pairs))

    return sum(map(loop, poems)) / len(poems)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="saved_models/tangshi/1")
    parser.add_argument("--form", choices=FORMS, help="compare constrained poems of this form, and real ones")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--temperature", nargs="+", type=float, default=[0.0, 0.8, 1.0])
    parser.add_argument("--top-p", nargs="+", type=float, default=[0.85, 0.95])
    parser.add_argument("--repetition-penalty", nargs="+", type=float, default=[1.0, 2.5])
    parser.add_argument("--best-of", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    poet = load(options.model)
    real = [poem.text for poem in read_corpus().poems(options.split)]
    if options.form:
        real = [text for text in real if form_of(text) == options.form]
    begins = [text[0] for text in real]
    asked = product(options.temperature, options.top_p, options.repetition_penalty, options.best_of)
    asked_form = {"form": options.form} if options.form else {}
    list(write(poet, begins, 0, **asked_form))  # what a first call takes is not the sampler's
    found: dict[str, tuple[list[str], dict[str, Any]]] = {"real poems": (real, {})}
    for temperature, top_p, penalty, best_of in asked:
        if temperature == 0.0 and (top_p != options.top_p[0] or best_of > 1):
            continue  # greedy poems are all the same
        knobs: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "repetition_penalty": penalty}
        start = time.perf_counter()
        mark = " (default)" if knobs == dict(DEFAULT_SAMPLER) and best_of == 1 else ""
        label = f"{temperature} | {top_p} | {penalty} | {best_of}{mark}"
        records = list(write(poet, begins, 0, best_of=best_of, **knobs, **asked_form))
        nll = -sum(record["log_probability"] for record in records)
        seconds = time.perf_counter() - start
        characters = sum(len(hanzi(record["poem"])) for record in records)
        own = {**knobs, "best_of": best_of, "default": bool(mark)}
        own |= {"perplexity": math.exp(nll / sum(record["tokens"] for record in records))}
        own |= {"milliseconds": 1000 * seconds / len(begins), "nats": nll / characters}
        print(f"{label}: {own['milliseconds']:.1f} ms a poem, {own['nats']:.3f} nats a character", flush=True)
        found[label] = [record["poem"] for record in records], own
    texts = {label: [hanzi(poem) for poem in poems] for label, (poems, _) in found.items()}
    fewest = min(sum(map(len, poems)) for poems in texts.values())
    print(f"\n{len(begins):,} poems each, distinct-n over {fewest:,} characters\n")
    columns = "temperature, top-p, penalty, best of, distinct-1, -2, -3, self-repetition, loops, characters, perplexity"
    print("| " + columns.replace(", ", " | ") + " |")
    print("|" + "---|" * 4 + "---:|" * 7)
    rows = []
    for label, poems in texts.items():
        row = {**asked_form, **found[label][1]} | {f"distinct_{n}": distinct(poems, n, fewest) for n in (1, 2, 3)}
        row |= {"self_repetition": self_repetition(poems), "loops": loops(poems)}
        rows.append(row | {"characters": sum(map(len, poems)) / len(poems)})
        cells = [f"{row[f'distinct_{n}']:.3f}" for n in (1, 2, 3)]
        cells += [f"{row['self_repetition']:.1%}", f"{row['loops']:.1%}", f"{rows[-1]['characters']:.0f}"]
        cells.append(f"{row['perplexity']:.1f}" if "perplexity" in row else "")
        print(f"| {label if '|' in label else label + ' | | | '} | " + " | ".join(cells) + " |")
    keep(options.json, rows)


if __name__ == "__main__":
    main()
