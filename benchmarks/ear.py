"""Train a model with and without each part of the ear, with and without titles, and compare them.

    python benchmarks/ear.py [--minutes 4] [--seeds 3] [--folder docs/results]
    python benchmarks/ear.py --speed

All have the same data, time and seeds. They have half the width of the default model, in batches of a quarter, so that
even one core sees every poem in four minutes; 24 runs take an hour and a half. FOLDER/data/ear.json gets the figures of
each run as soon as it has ended, and a run whose figures are there is not made again.

Prints a table: perplexity of the test poems without titles and with them, and what 1,000 free poems a run keep, as
`tangshi-tf evaluate --verse` judges them: how many have one of the four forms, and of those, how many rhyme and how
many keep the tones. The intervals, of 95 %, are those of the mean over the seeds for perplexities, of Wilson over all
poems for shares.

With --speed nothing is trained: models of the default sizes write poems of 64 tokens, many at a time and in turns, and
a table says how fast; for that, weights do not matter.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from record import RESULTS, keep, table

from tangshi_tf import ModelConfig, Poet, TrainingConfig, read_corpus
from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.titles import titles_of
from tangshi_tf.evaluation.perplexity import evaluate
from tangshi_tf.evaluation.verse_report import kept
from tangshi_tf.generation.batch import write
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.run import fit
from tangshi_tf.training.tasks import make_task
from tangshi_tf.verse.forms import OTHER, form_of
from tangshi_tf.vocabulary import EOS

SMALL = ModelConfig(units=320, embedding=128)
BATCH = 1_250  # tokens
POEMS = 1_000  # a run
SAMPLER: Mapping[str, Any] = DEFAULT_SAMPLER
ROWS, LENGTH, ROUNDS = 256, 64, 7  # of what is written for its speed
NAMES = {"none": "plain", "sounds": "sounds in the embedding", "verse": "verse beside the state", "full": "both"}


def train(model: ModelConfig, config: TrainingConfig, corpus: Corpus) -> dict[str, Any]:
    """Train one model and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        run = fit(corpus, Path(folder) / "run", model, config)
        assert run is not None
        trained, steps, best = run.load_model(), run.manifest["steps"], run.best
    test = corpus.poems("test")
    texts = [poem.text for poem in test]
    titled = evaluate(trained, texts, titles_of(test)).total.perplexity if model.titles else None
    poems = [record["poem"] for record in write(Poet(trained), [""] * POEMS, 0, **SAMPLER)]
    rules = [kept(poem, form_of(poem)) for poem in poems if form_of(poem) != OTHER]
    return {
        "ear": model.ear,
        "titles": model.titles,
        "seed": config.seed,
        "minutes": config.minutes,
        "parameters": trained.count_params(),
        "steps": steps,
        "validation_perplexity": best["validation_perplexity"],
        "test_perplexity": evaluate(trained, texts).total.perplexity,
        "titled_test_perplexity": titled,
        "poems": POEMS,
        "formed": len(rules),
        "rhyming": sum(own["rhyme"] for own in rules),
        "tones": sum(own["tones regulated"] for own in rules),
    }


def speeds(corpus: Corpus) -> str:
    """Return how fast untrained models of each kind write, as a Markdown table."""
    vocabulary = make_task(corpus, ModelConfig(), TrainingConfig()).vocabulary
    poets, seconds = {}, dict[str, list[float]]()
    for ear in NAMES:
        model = PoetryModel(replace(ModelConfig(), ear=ear), vocabulary)
        model.output_bias.assign([-1e9 if i == EOS else 0.0 for i in range(len(vocabulary))])  # no poem ends
        poets[ear], seconds[ear] = Poet(model), []
    for turn in range(ROUNDS + 1):  # the first one warms up
        for ear, poet in poets.items():
            start = time.perf_counter()
            answer = poet.generate([""] * ROWS, max_length=LENGTH, seed=list(range(ROWS)), **SAMPLER)
            assert (answer["length"].numpy() == LENGTH).all()
            seconds[ear] += [time.perf_counter() - start] * (turn > 0)
    lines = ["| ear | tokens/s | of the plain model's |", "|---|---:|---:|"]
    for ear, own in seconds.items():
        ratio = statistics.median(plain / mine for plain, mine in zip(seconds["none"], own, strict=True))
        lines.append(f"| {NAMES[ear]} | {ROWS * LENGTH / statistics.median(own):,.0f} | {ratio:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Make the runs whose figures are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    if options.speed:
        print(speeds(read_corpus()))
        return
    path = options.folder / "data" / "ear.json"
    records = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    known = {(record["ear"], record["titles"], record["seed"], record["minutes"]) for record in records}
    corpus = read_corpus()
    for seed, titles, ear in product(range(options.seeds), (False, True), NAMES):
        if (ear, titles, seed, options.minutes) in known:
            continue
        config = TrainingConfig(token_budget=BATCH, minutes=options.minutes, seed=seed)
        records.append(train(replace(SMALL, ear=ear, titles=titles), config, corpus))
        keep(path, records)
        print(records[-1], flush=True)
    print(table("ear", records))


if __name__ == "__main__":
    main()
