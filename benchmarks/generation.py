"""Compare how fast poems are written: our SavedModel, loops over single steps, whole prefixes again, and the machine.

    tangshi-tf fit --ear none --no-titles --max-steps 1 --name plain
    python benchmarks/generation.py [--model saved_models/plain/1] [--batches 1 16 256] [--rounds 3]
                                    [--json FILE]

The model has no ear, as the PyTorch one has none; for its speed, what it learnt does not matter.

Every poem has 64 tokens, as a 七律 has: the end token is made impossible. Ours is `generate` of a loaded SavedModel,
strings to strings, log-probabilities included. The others get ids and return ids: a Python loop over the SavedModel's
own step, the Keras model reading the whole prefix again for each token as the course program O1 does, and a step loop
in PyTorch with the same weights, in inference mode, with one thread and with two (`pip install torch`; without it the
rest is compared). Every contestant has a process of its own and they take turns. All write the same greedy poem, which
is checked.

The limit of one poem is reading the weights once for each token, at the best rate at which NumPy or PyTorch add up an
array of that size; the limit of many is the multiplications, at the best rate of large square products, in float32.
"""

import argparse
import importlib.util
import math
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import keep

LENGTH = 64
SECONDS = 1.0  # a turn
SAMPLERS = {
    "greedy": {"temperature": 0.0, "top_p": 1.0},
    "temperature": {"temperature": 0.8, "top_p": 1.0},
    "top-p": {"temperature": 0.8, "top_p": 0.95},
}
BOS, SPECIALS = 1, 4

Write = Callable[[int, str], Any]  # rows and sampler to texts, or to ids without the first token


def ours(folder: str, threads: int) -> Write:
    """Return what writes whole poems in the graph."""
    import tensorflow as tf

    poet = tf.saved_model.load(folder)

    def write(rows: int, sampler: str) -> Any:
        seed = tf.range(rows, dtype=tf.int64)
        return poet.generate([""] * rows, seed=seed, max_length=LENGTH, **SAMPLERS[sampler])["poem"].numpy()

    return write


def python_loop(folder: str, threads: int) -> Write:
    """Return what calls the SavedModel for each token."""
    import tensorflow as tf

    poet = tf.saved_model.load(folder)

    def write(rows: int, sampler: str) -> Any:
        if sampler == "top-p":
            return None
        token, state = tf.fill([rows], BOS), poet.get_initial_state(rows)
        tokens: list[Any] = []
        while len(tokens) < LENGTH:
            if sampler == "greedy":
                token, state = poet.get_next_token(token, state)
            else:
                logits, state = poet.step(token, state)
                token = tf.random.categorical(logits / SAMPLERS[sampler]["temperature"], 1, tf.int32)[:, 0]
            tokens.append(token)
        return tf.stack(tokens, axis=1).numpy()

    return write


def whole_prefix(folder: str, threads: int) -> Write:
    """Return what reads the whole prefix again for each token."""
    import tensorflow as tf

    from tangshi_tf import PoetryModel

    model = PoetryModel.from_saved_model(folder)
    read = tf.function(lambda tokens: model(tokens)[:, -1], input_signature=[tf.TensorSpec([None, None], tf.int32)])

    def write(rows: int, sampler: str) -> Any:
        if sampler == "top-p" or rows > 16:
            return None
        tokens = tf.fill([rows, 1], BOS)
        for _ in range(LENGTH):
            logits = read(tokens)
            if sampler == "greedy":
                token = tf.argmax(logits, axis=-1, output_type=tf.int32)[:, tf.newaxis]
            else:
                token = tf.random.categorical(logits / SAMPLERS[sampler]["temperature"], 1, tf.int32)
            tokens = tf.concat([tokens, token], axis=1)
        return tokens[:, 1:].numpy()

    return write


def pytorch(folder: str, threads: int) -> Write:
    """Return what steps with the same weights in PyTorch."""
    import torch

    from tangshi_tf import PoetryModel

    torch.set_num_threads(threads)
    model = PoetryModel.from_saved_model(folder)
    weights = {weight.path.split("/", 1)[1]: torch.from_numpy(weight.numpy()) for weight in model.weights}
    bias, table, kernel, recurrent, gates, projection, offset = (
        next(value for name, value in weights.items() if name.endswith(end))
        for end in (
            "output_bias",
            "embeddings",
            "lstm_cell/kernel",
            "lstm_cell/recurrent_kernel",
            "lstm_cell/bias",
            "projection/kernel",
            "projection/bias",
        )
    )
    cell = torch.nn.LSTMCell(model.config.embedding, model.config.units)
    to_embedding = torch.nn.Linear(model.config.units, model.config.embedding)
    with torch.no_grad():
        for parameter, value in [
            (cell.weight_ih, kernel.T),
            (cell.weight_hh, recurrent.T),
            (cell.bias_ih, gates),
            (cell.bias_hh, torch.zeros_like(gates)),
            (to_embedding.weight, projection.T),
            (to_embedding.bias, offset),
        ]:
            parameter.copy_(value)

    def choose(logits: Any, sampler: str) -> Any:
        if sampler == "greedy":
            return logits.argmax(-1)
        probability = torch.softmax(logits / SAMPLERS[sampler]["temperature"], -1)
        if sampler == "temperature":
            return torch.multinomial(probability, 1)[:, 0]
        falling, order = probability.sort(-1, descending=True)
        falling[falling.cumsum(-1) - falling >= SAMPLERS[sampler]["top_p"]] = 0.0
        return order.gather(-1, torch.multinomial(falling, 1))[:, 0]

    @torch.inference_mode()
    def write(rows: int, sampler: str) -> Any:
        token = torch.full([rows], BOS)
        tokens: list[Any] = []
        h = c = torch.zeros([rows, model.config.units])
        while len(tokens) < LENGTH:
            h, c = cell(table[token], (h, c))
            token = choose(torch.nn.functional.linear(to_embedding(h), table, bias), sampler)
            tokens.append(token)
        return torch.stack(tokens, dim=1).numpy()

    return write


CONTESTANTS = {
    "ours": ours,
    "Python loop over steps": python_loop,
    "whole prefix again": whole_prefix,
    "PyTorch": pytorch,
}


def contest(name: str, folder: str, threads: int, pipe: Any) -> None:
    """Write whenever told to, in a process of its own; answer with the seconds a batch takes."""
    write = CONTESTANTS[name](folder, threads)
    while task := pipe.recv():
        first, times = write(*task), []
        if first is None:
            pipe.send((None, None))
            continue
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            start = time.perf_counter()
            write(*task)
            times.append(time.perf_counter() - start)
        pipe.send((statistics.median(times), first[0]))


def bandwidth(size: int) -> float:
    """Return at how many bytes a second an array of that many bytes is read at best."""
    array = np.ones(size // 4, np.float32)
    seconds = [fastest(lambda: np.sum(array))]
    if importlib.util.find_spec("torch"):
        import torch

        seconds.append(fastest(torch.from_numpy(array).sum))
    return size / min(seconds)


def products() -> float:
    """Return the FLOP/s of large square products in float32 at best."""
    import tensorflow as tf

    def rate(n: int) -> float:
        a = tf.ones([n, n])
        return 2 * n**3 / fastest(lambda: tf.matmul(a, a))

    return max(rate(n) for n in (1024, 2048, 3072))


def fastest(run: Callable[[], Any], seconds: float = 0.5) -> float:
    """Return the least seconds that something takes."""
    best, until = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def endless(model: str, folder: str) -> tuple[str, Any]:
    """Export a model whose poems do not end; return its folder and the model."""
    from tangshi_tf import PoetryModel
    from tangshi_tf.saving.saved_model import export_model

    copy = PoetryModel.from_saved_model(model)
    if (copy.config.cell, copy.config.layers, copy.config.tied, copy.config.ear) != ("lstm", 1, True, "none"):
        sys.exit("Error: A model of one LSTM layer with tied output and no ear is required, as the PyTorch one is.")
    bias = copy.output_bias.numpy()
    bias[:SPECIALS] = -1e4  # the other loops do not know special tokens
    copy.output_bias.assign(bias)
    return str(export_model(copy, folder)), copy


def main() -> None:
    """Print a table for each batch size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="saved_models/plain/1")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        version, model = endless(options.model, folder)
        keep(options.json, compare(version, model, options.batches, options.rounds))


def compare(folder: str, model: Any, batches: list[int], rounds: int) -> list[dict[str, Any]]:
    """Let the contestants take turns, print, and return what was printed."""
    kept: list[dict[str, Any]] = []
    config, size = model.config, len(model.vocabulary)
    # What a token multiplies with, an embedding apart, which is looked up.
    weights = (config.embedding + config.units) * 4 * config.units + config.units * config.embedding
    weights += config.embedding * size
    players = [("ours", 0), ("Python loop over steps", 0), ("whole prefix again", 0)]
    if importlib.util.find_spec("torch"):
        players += [("PyTorch", 1), ("PyTorch", 2)]
    processes = multiprocessing.get_context("spawn")
    pipes: dict[tuple[str, int], Any] = {}
    for player in players:
        pipes[player], theirs = processes.Pipe()
        processes.Process(target=contest, args=(player[0], folder, player[1], theirs), daemon=True).start()
    for rows in batches:
        for sampler in SAMPLERS:
            seconds: dict[tuple[str, int], list[float]] = {player: [] for player in players}
            limits, greedy = [], dict[str, str]()
            for _ in range(rounds):
                limits.append(bandwidth(4 * weights) if rows == 1 else products())
                for player in players:
                    pipes[player].send((rows, sampler))
                    took, first = pipes[player].recv()
                    if took is None:
                        seconds.pop(player, None)
                        continue
                    seconds[player].append(took)
                    if sampler == "greedy":
                        poem = first.decode() if isinstance(first, bytes) else model.vocabulary.decode(first)
                        greedy.setdefault(poem, player[0])
            limit = statistics.median(limits)
            fastest_batch = 4 * weights * LENGTH / limit if rows == 1 else 2 * weights * LENGTH * rows / limit
            if len(greedy) > 1:
                sys.exit(f"Error: The same greedy poem is required of all. Received: {greedy}.")
            kind = f"{limit / 1e9:,.0f} " + ("GB/s of reading" if rows == 1 else "GFLOP/s of products")
            print(f"\nbatch {rows}, {sampler}; limit by {kind}\n")
            print("| contestant | tokens/s | ms a poem | ours is faster by | of the limit |")
            print("|---|---:|---:|---:|---:|")
            for (name, threads), times in seconds.items():
                median = statistics.median(times)
                ratio = statistics.median(b / a for a, b in zip(seconds["ours", 0], times, strict=True))
                label = f"{name}, {threads} thread{'s' * (threads > 1)}" if threads else name
                kept.append(
                    {
                        "batch": rows,
                        "sampler": sampler,
                        "program": label,
                        "tokens_per_second": rows * LENGTH / median,
                        "ms_a_poem": 1e3 * median / rows,
                        "of_limit": fastest_batch / median,
                        "ratio": ratio,
                        "limit": limit / 1e9,
                    }
                )
                print(
                    f"| {label} | {rows * LENGTH / median:,.0f} | {1e3 * median / rows:,.2f} | {ratio:.2f} "
                    f"| {fastest_batch / median:.0%} |",
                    flush=True,
                )
    for pipe in pipes.values():
        pipe.send(None)
    return kept


if __name__ == "__main__":
    main()
