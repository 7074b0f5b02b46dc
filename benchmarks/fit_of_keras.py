"""Compare `fit` of Keras on `poem_dataset` with our own `fit`: validation nll after the same epochs and settings.

    python benchmarks/fit_of_keras.py --poems 2000 --epochs 3

Both train the same model from the same first weights with the same optimizer and schedule, ours with `tangshi_tf.fit`.
Batches and dropout masks are others, so the figures differ by chance too: several seeds tell how much.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tangshi_tf import Corpus, ModelConfig, PoetryModel, TrainingConfig, evaluate, fit, poem_dataset, read_corpus
from tangshi_tf.training.optimizer import build_optimizer
from tangshi_tf.training.tasks import make_task


def by_keras(corpus: Corpus, model_config: ModelConfig, training_config: TrainingConfig) -> PoetryModel:
    """Train with `model.fit`."""
    task = make_task(corpus, model_config, training_config)
    dataset = poem_dataset(corpus.poems("train"), task.vocabulary, seed=training_config.seed)
    keras.utils.set_random_seed(training_config.seed)
    model = PoetryModel(model_config, task.vocabulary)
    model.initialize_from(task.batches().counts(len(task.vocabulary)), task.embeddings())
    optimizer = build_optimizer(training_config, training_config.epochs * int(dataset.cardinality()))
    optimizer.global_clipnorm = training_config.clip_norm
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(dataset, epochs=training_config.epochs, shuffle=False, verbose=2)
    return model


def by_us(corpus: Corpus, model_config: ModelConfig, training_config: TrainingConfig) -> PoetryModel:
    """Train with `tangshi_tf.fit`, and take the last weights."""
    with tempfile.TemporaryDirectory() as folder:
        run = fit(corpus, Path(folder) / "run", model_config, training_config)
        assert run is not None
        assert run.best["epoch"] == training_config.epochs, "the last epoch is not the best; train for fewer"
        return run.load_model()


def main() -> None:
    """Print the figures of every seed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poems", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--ear", default="full")
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    shipped = read_corpus()
    splits = {"train": shipped.poems("train")[: asked.poems], "validation": shipped.poems("validation"), "test": []}
    corpus = Corpus(splits, {})
    config = ModelConfig(cell=asked.cell, units=asked.units, embedding=64, ear=asked.ear)
    records: list[dict[str, Any]] = []
    for seed in range(asked.seeds):
        training = TrainingConfig(epochs=asked.epochs, precision="float32", seed=seed)
        record: dict[str, Any] = {"seed": seed}
        for name, train in (("ours", by_us), ("keras", by_keras)):
            start = time.monotonic()
            model = train(corpus, config, training)
            record[f"{name}_seconds"] = round(time.monotonic() - start, 1)
            score = evaluate(model, corpus.texts("validation")).total
            record[name] = round(score.nll / score.tokens, 4)
        record["ratio"] = round(record["keras"] / record["ours"], 4)
        records.append(record)
        print(json.dumps(record), flush=True)
    print("mean ratio", round(float(np.mean([record["ratio"] for record in records])), 4))


if __name__ == "__main__":
    main()
