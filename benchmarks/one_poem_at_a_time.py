"""Compare our training with a program that reads one poem at a time, as the course program O1 does, at its sizes.

    python benchmarks/one_poem_at_a_time.py [--poems 300] [--rounds 3] [--json FILE]

Both train a two-layer LSTM(128) with embedding 100, RMSprop at 0.01 and clipping at 1 on the same poems of the shipped
corpus, a hundred poems between two updates; the course program goes through them one by one and adds up the losses. It
is written in PyTorch, which is not among the dependencies (`pip install torch`), and has one thread or two.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from record import keep

from tangshi_tf import PoetryModel, Vocabulary, read_corpus
from tangshi_tf.config import PRESETS
from tangshi_tf.dataset import PoemBatches, encode_poems
from tangshi_tf.training.trainer import Trainer

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit("Error: PyTorch is required: pip install torch.")

UPDATE = 100  # poems


def ours(texts: list[str], vocabulary: Vocabulary) -> Callable[[], None]:
    """Return what trains on the poems once."""
    model_config, config = PRESETS["o1"]
    model = PoetryModel(model_config, vocabulary)
    tokens = sum(len(text) + 1 for text in texts)
    batches = PoemBatches(encode_poems(vocabulary, texts), tokens * UPDATE // len(texts), seed=0)
    trainer = Trainer(model, tf.distribute.get_strategy(), batches, config, 1_000 * batches.steps(0))
    reports = trainer.run(lambda step: False)
    return lambda: void(next(reports))


def one_at_a_time(texts: list[str], vocabulary: Vocabulary, threads: int) -> Callable[[], None]:
    """Return what trains on the poems once, each by itself."""
    config = PRESETS["o1"][0]
    embedding = nn.Embedding(len(vocabulary), config.embedding)
    lstm = nn.LSTM(config.embedding, config.units, config.layers)
    output = nn.Linear(config.units, len(vocabulary))
    parameters = [*embedding.parameters(), *lstm.parameters(), *output.parameters()]
    optimizer = torch.optim.RMSprop(parameters, 0.01)
    poems = [torch.tensor(row) for row in encode_poems(vocabulary, texts).to_list()]

    def once() -> None:
        torch.set_num_threads(threads)
        for first in range(0, len(poems), UPDATE):
            optimizer.zero_grad()
            loss = torch.zeros([])
            for poem in poems[first : first + UPDATE]:
                h, _ = lstm(embedding(poem[:-1]))
                loss = loss + nn.functional.cross_entropy(output(h), poem[1:])
            (loss / UPDATE).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return once


def void(_: object) -> None:
    """Return nothing."""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poems", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    texts = [text for text in read_corpus().texts("train") if len(text) <= 80][: options.poems]
    vocabulary = Vocabulary.build(read_corpus().texts("train"), 1)
    tokens = sum(len(text) + 1 for text in texts)
    contestants = {
        "ours, float32": ours(texts, vocabulary),
        "one poem at a time, 1 thread": one_at_a_time(texts, vocabulary, 1),
        "one poem at a time, 2 threads": one_at_a_time(texts, vocabulary, 2),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(options.rounds + 1):
        for name, once in contestants.items():
            start = time.perf_counter()
            once()
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - start)
    print(f"TensorFlow {tf.__version__}, PyTorch {torch.__version__}, {len(texts)} poems, {tokens:,} tokens")
    print("| program | tokens/s | ours is faster by |\n|---|---:|---:|")
    rows = []
    for name, times in seconds.items():
        ratio = statistics.median(t / o for t, o in zip(times, seconds["ours, float32"], strict=True))
        rows.append({"program": name, "tokens_per_second": tokens / statistics.median(times), "ratio": ratio})
        print(f"| {name} | {rows[-1]['tokens_per_second']:,.0f} | {ratio:.1f} |")
    keep(options.json, rows)


if __name__ == "__main__":
    main()
