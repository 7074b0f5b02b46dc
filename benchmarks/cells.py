"""Train the three cells and the presets of the course programs for the same time, and compare what each has learnt.

    python benchmarks/cells.py [--minutes 10] [--only lstm] [--folder docs/results]

The plain RNN, the LSTM and the GRU have the same number of parameters and, the learning rate aside, the same training
settings; the presets o1 and o4 have their own. One run each, with one seed. Each measures its speed for a moment and
then takes as many steps as fit into the time, so that its schedule ends with it; the clock stands while it is
validated. Prints a table, and writes the figures to FOLDER/data/cells.json and their picture to
FOLDER/learning-curves.svg, which asks for matplotlib, the extra `plot`.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
except ImportError:
    sys.exit("Error: matplotlib is required: pip install matplotlib.")

from record import RESULTS, keep, table

from tangshi_tf import ModelConfig, Poet, PoetryModel, TrainingConfig, Vocabulary, read_corpus
from tangshi_tf.config import DEFAULT_SAMPLER, PRESETS
from tangshi_tf.corpus.cleaning import character_table
from tangshi_tf.dataset import PoemBatches, encode_poems
from tangshi_tf.evaluation.perplexity import evaluate, evaluator
from tangshi_tf.training.hardware import bfloat16_pays
from tangshi_tf.training.trainer import Trainer

# The plain LSTM's 3.9 million parameters for each cell, with the dropout that so short a training asks for.
UNITS = {"rnn": 1333, "lstm": 640, "gru": 750}
RATES = {"rnn": 0.0005, "lstm": 0.003, "gru": 0.003}
# Tried for a minute or two: 0.003, 0.001, 0.0005 and 0.0003 for the plain RNN, which lost ground at 0.001; 0.003 and
# 0.0015 for the GRU; for the LSTM nothing but the default.
CONTESTANTS = {
    **{
        cell: (
            ModelConfig(cell=cell, units=units, dropout=0.2, recurrent_dropout=0.0, ear="none", titles=False),
            TrainingConfig(learning_rate=RATES[cell], weight_decay=0.02, cooccurrence=False),
        )
        for cell, units in UNITS.items()
    },
    **{name: PRESETS[name] for name in ("o1", "o4")},
}
PACE_STEPS = range(10, 70)  # the first steps warm up
VALIDATIONS = 20
PUBLISHED = {"o1": 6.31, "o4": 5.04}  # nats a token in training, at the end of their own programs


def contest(name: str, seconds: float, corpus: Any) -> dict[str, Any]:
    """Train one contestant and return its figures."""
    model_config, config = CONTESTANTS[name]
    texts = {split: [poem.text for poem in poems] for split, poems in corpus.splits.items()}
    shipped = {char for members in texts.values() for text in members for char in text}
    vocabulary = Vocabulary.build(texts["train"], config.min_count, character_table(), shipped)
    batches = PoemBatches(encode_poems(vocabulary, texts["train"]), config.token_budget, config.seed)
    strategy = tf.distribute.get_strategy()
    precision = "bfloat16" if bfloat16_pays() else "float32"

    def new_model() -> PoetryModel:
        keras.utils.set_random_seed(config.seed)
        return PoetryModel(model_config, vocabulary, precision)

    def steps_in(seconds: float) -> int:
        trial = Trainer(new_model(), strategy, batches, config, PACE_STEPS.stop)
        moments = [time.monotonic() for _ in trial.run(lambda step: True)]
        return max(1, round(seconds * len(PACE_STEPS) / (moments[-1] - moments[PACE_STEPS.start - 1])))

    steps = steps_in(seconds)
    model = new_model()
    validate = evaluator(model, texts["validation"])
    curve: list[tuple[float, float]] = []  # minutes of training, validation perplexity
    clock, resumed = 0.0, time.monotonic()
    for progress in Trainer(model, strategy, batches, config, steps).run():
        clock += time.monotonic() - resumed
        if clock >= seconds * (len(curve) + 1) / VALIDATIONS or progress.step == progress.steps:
            tokens, nll, *_ = validate().sum(axis=0)
            curve.append((clock / 60, float(np.exp(nll / tokens))))
            print(f"{name}: {curve[-1][0]:5.1f} min, validation perplexity {curve[-1][1]:7.2f}", flush=True)
        resumed = time.monotonic()
    judge = PoetryModel(model_config, vocabulary)
    judge.set_weights(model.get_weights())
    poet = Poet(judge)
    poem = poet.generate(["山"], seed=[1], **DEFAULT_SAMPLER)["poem"].numpy()[0].decode()
    return {
        "name": name,
        "cell": f"{model_config.layers} x {model_config.cell.upper()}({model_config.units})",
        "parameters": model.count_params(),
        "vocabulary": len(vocabulary),
        "precision": precision,
        "minutes": clock / 60,
        "epochs": steps / batches.steps(0),
        "tokens_per_second": progress.tokens_per_second,
        "training_nll": progress.loss,
        "published_nll": PUBLISHED.get(name),
        "validation_perplexity": evaluate(judge, texts["validation"]).total.perplexity,
        "test_perplexity": evaluate(judge, texts["test"]).total.perplexity,
        "poem": poem,
        "curve": curve,
    }


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the learning curves."""
    mpl.rcParams["svg.hashsalt"] = "tangshi-tf"  # the same figures make the same file
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for r in results:
        axes.plot(*zip(*r["curve"], strict=True), label=f"{r['name']}: {r['cell']}", marker=".")
    axes.set(yscale="log", xlabel="minutes of training", ylabel="validation perplexity")
    ticks = (75, 100, 150, 200, 300, 500, 800)
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Train, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of training each, validation left out")
    parser.add_argument("--only", choices=list(CONTESTANTS), nargs="+", default=list(CONTESTANTS))
    parser.add_argument("--folder", type=Path, default=RESULTS, help="of the figures and their picture")
    options = parser.parse_args()
    corpus = read_corpus()
    results = [contest(name, options.minutes * 60, corpus) for name in options.only]
    print(f"\nTensorFlow {tf.__version__}, {options.minutes:g} minutes of training each\n")
    print(table("cells", results))
    keep(options.folder / "data" / "cells.json", results)
    draw(results, options.folder / "learning-curves.svg")


if __name__ == "__main__":
    main()
