"""Compare a training step of ours with stock Keras and with PyTorch, and with what the machine can do at most.

    python benchmarks/training.py [--precision bfloat16 float32] [--rounds 3] [--json FILE]

The model is the default one, the batches are the first ones of a run on the shipped corpus. Every contestant has a
process of its own and they take turns, so that whatever else the machine does hits all alike. PyTorch is not among the
dependencies (`pip install torch`); without it the rest is compared.

The limit is the rate of matrix products in the same precision: on a large square, and on the step's own shapes; both
are measured between the rounds. A step's work is counted as its products alone, forwards and backwards.
"""

import argparse
import importlib.util
import math
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import keep

BATCHES = 24  # a turn
PIECE = 256  # tokens that meet the vocabulary at a time in ours
Batches = list[tuple[Any, Any]]
Step = Callable[[Batches], None]


def ours(precision: str, batches: Batches, vocabulary: Any, threads: int) -> Step:
    """Return what trains our model."""
    import tensorflow as tf

    from tangshi_tf import ModelConfig, PoetryModel, TrainingConfig
    from tangshi_tf.training.optimizer import build_optimizer

    model = PoetryModel(ModelConfig(ear="none", titles=False, recurrent_dropout=0.0), vocabulary, precision)
    optimizer = build_optimizer(TrainingConfig(), 1_000)
    optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)
    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = model.summed_nll(x, y, [0, 1])[0] / tf.cast(tf.size(y), tf.float32)
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)]
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    def run(batches: Batches) -> None:
        for x, y in batches:
            step(x, y)
        model.output_bias.numpy()

    return run


def stock_keras(precision: str, batches: Batches, vocabulary: Any, threads: int) -> Step:
    """Return what trains the same layers by `model.fit`."""
    import keras
    import tensorflow as tf

    from tangshi_tf import ModelConfig

    config, size = ModelConfig(ear="none", titles=False, recurrent_dropout=0.0), len(vocabulary)
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    embedding = keras.layers.Embedding(size, config.embedding)

    class Tied(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.bias = self.add_weight(shape=(size,), initializer="zeros")

        def call(self, x: Any) -> Any:
            return keras.ops.matmul(x, keras.ops.transpose(embedding.embeddings)) + self.bias

    tokens = keras.Input([None], dtype="int32")
    drop = {"rate": config.dropout, "noise_shape": (None, 1, None)}
    x = keras.layers.Dropout(**drop)(embedding(tokens))
    x = keras.layers.LSTM(config.units, return_sequences=True)(x)
    x = keras.layers.Dense(config.embedding)(keras.layers.Dropout(**drop)(x))
    model = keras.Model(tokens, keras.layers.Activation("linear", dtype="float32")(Tied()(x)))
    model.compile(
        keras.optimizers.AdamW(0.003, weight_decay=0.02, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    def run(batches: Batches) -> None:
        spec = tf.TensorSpec([None, None], tf.int32)
        dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=(spec, spec))
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
        model.fit(dataset.prefetch(2), epochs=1, verbose=0)

    return run


def pytorch(precision: str, batches: Batches, vocabulary: Any, threads: int) -> Step:
    """Return what trains the same model in PyTorch."""
    import torch
    from torch import nn

    from tangshi_tf import ModelConfig

    torch.set_num_threads(threads)
    config, size = ModelConfig(ear="none", titles=False, recurrent_dropout=0.0), len(vocabulary)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(size, config.embedding)
            self.lstm = nn.LSTM(config.embedding, config.units, batch_first=True)
            self.projection = nn.Linear(config.units, config.embedding)
            self.bias = nn.Parameter(torch.zeros(size))

        def dropout(self, x: Any) -> Any:
            return x * nn.functional.dropout(torch.ones_like(x[:, :1]), config.dropout)

        def forward(self, tokens: Any) -> Any:
            h, _ = self.lstm(self.dropout(self.embedding(tokens)))
            return nn.functional.linear(self.projection(self.dropout(h)), self.embedding.weight, self.bias)

    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), 0.003, weight_decay=0.02)
    tensors = {id(x): (torch.from_numpy(x).long(), torch.from_numpy(y).long()) for x, y in batches}

    def run(batches: Batches) -> None:
        for x, _ in batches:
            tokens, targets = tensors[id(x)]
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model(tokens)
            loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return run


def limit(precision: str, batches: Batches, vocabulary: Any, threads: int) -> Callable[[Batches], tuple[float, float]]:
    """Return what measures the rate of matrix products, in FLOP/s: of a large square, and of the step's own shapes."""
    import tensorflow as tf

    from tangshi_tf import ModelConfig

    dtype = tf.bfloat16 if precision == "bfloat16" else tf.float32

    def rate(rows: int, inner: int, columns: int, seconds: float = 0.3) -> float:
        a, b = tf.ones([rows, inner], dtype), tf.ones([inner, columns], dtype)
        tf.matmul(a, b)
        best, until = math.inf, time.perf_counter() + seconds
        while time.perf_counter() < until:
            start = time.perf_counter()
            tf.matmul(a, b)  # returns when the product is there, as eager operations on CPUs do
            best = min(best, time.perf_counter() - start)
        return 2 * rows * inner * columns / best

    def run(batches: Batches) -> tuple[float, float]:
        large = max(rate(n, n, n) for n in (1024, 2048, 3072))
        rows, steps = (round(statistics.mean(x.shape[i] for x, _ in batches)) for i in (0, 1))
        own = shapes(ModelConfig(ear="none", titles=False, recurrent_dropout=0.0), len(vocabulary), rows, steps)
        seconds = sum(count * 2 * m * k * n / rate(m, k, n, 0.1) for m, k, n, count in own)
        return large, sum(count * 2 * m * k * n for m, k, n, count in own) / seconds

    return run


def shapes(config: Any, size: int, rows: int, steps: int) -> list[tuple[int, int, int, int]]:
    """Return the products of a step as (rows, inner, columns, how many), forwards and by both factors backwards."""
    tokens, gates = rows * steps, 4 * config.units
    piece = min(PIECE, tokens)
    once = [
        (tokens, config.embedding, gates, 1),
        (tokens, config.units, config.embedding, 1),
        (piece, config.embedding, size, tokens // piece),
    ]
    products = [*once, *((m, n, k, c) for m, k, n, c in once), *((k, m, n, c) for m, k, n, c in once)]
    return [
        *products,
        (rows, config.units, gates, steps),
        (rows, gates, config.units, steps),
        (config.units, tokens, gates, 1),
    ]


def work(config: Any, size: int) -> float:
    """Return the FLOP of a token's products."""
    return 2.0 * sum(m * k * n * count for m, k, n, count in shapes(config, size, 1, 1))


CONTESTANTS = {"ours": ours, "stock Keras fit": stock_keras, "PyTorch": pytorch, "limit": limit}


def contest(name: str, precision: str, threads: int, pipe: Any) -> None:
    """Train whenever told to, in a process of its own; answer with seconds (or rates) and peak memory in GB."""
    batches, vocabulary = first_batches()
    run = CONTESTANTS[name](precision, batches, vocabulary, threads)
    run(batches)
    while pipe.recv():
        if name != "limit":
            run(batches[:4])  # whoever waited finds caches and memory cold
        start = time.perf_counter()
        rates = run(batches)
        seconds = time.perf_counter() - start
        pipe.send((rates or seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9))


def first_batches() -> tuple[Batches, Any]:
    """Return the first batches of a run on the shipped corpus as NumPy arrays, and its vocabulary."""
    from tangshi_tf import TrainingConfig, Vocabulary, read_corpus
    from tangshi_tf.dataset import PoemBatches, encode_poems

    config, texts = TrainingConfig(), read_corpus().texts("train")
    vocabulary = Vocabulary.build(texts, config.min_count)
    batches = PoemBatches(encode_poems(vocabulary, texts), config.token_budget, config.seed)
    dataset = batches.dataset(0, range(1), 1).take(BATCHES)
    return [(x.numpy(), y.numpy()) for x, y, _ in dataset], vocabulary


def main() -> None:
    """Print a table for each precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", nargs="+", choices=["bfloat16", "float32"], default=["bfloat16", "float32"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    processes = multiprocessing.get_context("spawn")
    batches, vocabulary = first_batches()
    tokens = sum(x.size for x, _ in batches)
    from tangshi_tf import ModelConfig

    kept: list[dict[str, Any]] = []
    flop = work(ModelConfig(ear="none", titles=False, recurrent_dropout=0.0), len(vocabulary)) * tokens
    print(f"{BATCHES} batches of {tokens / BATCHES:,.0f} tokens, median of {options.rounds} rounds")
    for precision in options.precision:
        players = [("ours", 0), ("stock Keras fit", 0), ("limit", 0)]
        if importlib.util.find_spec("torch"):
            players += [("PyTorch", 1), ("PyTorch", 2)]
        pipes: dict[tuple[str, int], Any] = {}
        answers: dict[tuple[str, int], list[Any]] = {}
        for player in players:
            pipes[player], theirs = processes.Pipe()
            process = processes.Process(target=contest, args=(player[0], precision, player[1], theirs), daemon=True)
            process.start()
            answers[player] = []
        for _ in range(options.rounds):
            for player in players:
                pipes[player].send(True)
                answers[player].append(pipes[player].recv())
        for player in players:
            pipes[player].send(False)
        rates = [rates for rates, _ in answers.pop(("limit", 0))]
        large, own = (statistics.median(pair[i] for pair in rates) for i in (0, 1))
        seconds = {player: [answer[0] for answer in given] for player, given in answers.items()}
        print(f"\n{precision}: products at {large / 1e9:,.0f} GFLOP/s on large squares,", end=" ")
        print(f"{own / 1e9:,.0f} on the step's own shapes\n")
        print("| contestant | tokens/s | ours is faster by | of the limit | of its own shapes' limit | peak memory |")
        print("|---|---:|---:|---:|---:|---:|")
        for (name, threads), times in seconds.items():
            median = statistics.median(times)
            pairs = zip(times, seconds["ours", 0], strict=True)
            ratio = statistics.median(other / our for other, our in pairs)
            label = f"{name}, {threads} thread{'s' * (threads > 1)}" if threads else name
            row = {
                "precision": precision,
                "program": label,
                "tokens_per_second": tokens / median,
                "ratio": ratio,
                "of_limit": flop / median / large,
                "of_own_limit": flop / median / own,
                "memory": answers[name, threads][-1][1],
                "limit": large / 1e9,
                "own_limit": own / 1e9,
            }
            kept.append(row)
            print(
                f"| {label} | {tokens / median:,.0f} | {ratio:.2f} | {row['of_limit']:.0%} "
                f"| {row['of_own_limit']:.0%} | {row['memory']:.2f} GB |"
            )
    keep(options.json, kept)


if __name__ == "__main__":
    main()
