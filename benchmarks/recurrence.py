"""Compare our recurrence on CPUs with the loop that the Keras layer runs: tokens/s and peak memory of a training step.

    python benchmarks/recurrence.py [--rows 100] [--steps 48] [--rounds 8]

The two take turns in one process for the speed; each has a process of its own for the memory. The model is the default
one with 5,613 tokens in its vocabulary, untrained; the time of a step does not depend on the values.
"""

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.model import PoetryModel
from tangshi_tf.training import build_optimizer, token_nll
from tangshi_tf.vocabulary import SPECIALS, Vocabulary

VOCABULARY = 5_613
LONG = 433  # steps of the longest poems in a usual batch


class KerasPoetryModel(PoetryModel):
    """The same model, whose layers run as Keras runs them."""

    def _unroll(self, layer: Any, x: Any, initial: Any) -> Any:
        return layer(x)


def make_step(cls: type[PoetryModel], precision: str) -> Callable[[Any], float]:
    """Return a function that trains on int32 `[B, T + 1]` once and returns its loss."""
    vocabulary = Vocabulary([chr(0x4E00 + i) for i in range(VOCABULARY - len(SPECIALS))])
    model = cls(ModelConfig(), vocabulary, precision)
    optimizer = build_optimizer(TrainingConfig(), 1_000)
    optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([2], tf.int32)])
    def step(ids: Any, seed: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(token_nll(model(ids[:, :-1], training=True, dropout_seed=seed), ids[:, 1:]))
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm([tf.convert_to_tensor(g) for g in gradients], 1.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return lambda ids: float(step(ids, [1, 2]))


def make_ids(rows: int, steps: int) -> Any:
    """Return random tokens `[rows, steps + 1]`."""
    return np.random.default_rng(0).integers(len(SPECIALS), VOCABULARY, (rows, steps + 1)).astype(np.int32)


def peak_memory(cls: type[PoetryModel], precision: str, answer: Any) -> None:
    """Put the GB that a process needs for steps on long poems into `answer`."""
    step = make_step(cls, precision)
    for _ in range(2):
        step(make_ids(11, LONG))
    answer.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()

    contestants = [(cls, p) for p in ("bfloat16", "float32") for cls in (PoetryModel, KerasPoetryModel)]
    spawn = multiprocessing.get_context("spawn")
    memory = {}
    for contestant in contestants:
        answer: Any = spawn.Queue()
        process = spawn.Process(target=peak_memory, args=(*contestant, answer))
        process.start()
        memory[contestant] = answer.get()
        process.join()

    ids = make_ids(options.rows, options.steps)
    steps = {contestant: make_step(*contestant) for contestant in contestants}
    seconds: dict[Any, list[float]] = {contestant: [] for contestant in contestants}
    for turn in range(options.rounds + 1):
        for contestant, step in steps.items():
            start = time.perf_counter()
            step(ids)
            if turn:  # the first one traces
                seconds[contestant].append(time.perf_counter() - start)
    print(f"TensorFlow {tf.__version__}, {options.rows} x {options.steps} tokens a step, median of {options.rounds}")
    print("| recurrence | precision | tokens/s | ratio to Keras | peak memory, 11 x 433 tokens |")
    print("|---|---|---:|---:|---:|")
    for cls, precision in contestants:
        own = statistics.median(seconds[cls, precision])
        pairs = zip(seconds[KerasPoetryModel, precision], seconds[cls, precision], strict=True)
        ratio = statistics.median(theirs / ours for theirs, ours in pairs)
        name = "ours" if cls is PoetryModel else "Keras layer"
        tokens = options.rows * options.steps / own
        print(f"| {name} | {precision} | {tokens:,.0f} | {ratio:.2f} | {memory[cls, precision]:.2f} GB |")


if __name__ == "__main__":
    main()
