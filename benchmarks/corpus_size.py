"""Measure how the time and the memory of an epoch grow with the corpus.

    python benchmarks/corpus_size.py [--poems 20000] [--times 1 2 5 10] [--json FILE]

Each size has a process of its own, which trains a small model for an epoch on so many poems of the shipped corpus, as
often repeated as it takes. The bytes a token are those that a corpus adds over the smallest one; the text itself, which
is shared by the repetitions, is not among them.
"""

import argparse
import itertools
import multiprocessing
import resource
import time
from pathlib import Path
from typing import Any

from record import keep


def epoch(poems: int, answer: Any) -> None:
    """Put the tokens, the seconds of an epoch and the bytes of memory into `answer`."""
    import keras
    import tensorflow as tf

    from tangshi_tf import ModelConfig, PoetryModel, TrainingConfig, Vocabulary, read_corpus
    from tangshi_tf.dataset import PoemBatches, encode_poems
    from tangshi_tf.training.trainer import Trainer

    texts = read_corpus().texts("train")
    vocabulary = Vocabulary.build(texts, 4)
    texts = list(itertools.islice(itertools.cycle(texts), poems))
    keras.utils.set_random_seed(0)
    model = PoetryModel(ModelConfig(units=64, embedding=32), vocabulary, "float32")
    batches = PoemBatches(encode_poems(vocabulary, texts), 5_000, 0)
    config = TrainingConfig(epochs=2)
    trainer = Trainer(model, tf.distribute.get_strategy(), batches, config, 2 * batches.steps(0))
    reports = trainer.run(lambda step: step == 5)
    next(reports)  # by now everything is compiled
    start = time.perf_counter()
    progress = next(reports)
    seconds = (time.perf_counter() - start) * progress.step / (progress.step - 5)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer.put((sum(len(text) + 1 for text in texts), seconds, memory))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poems", type=int, default=20_000, help="of the smallest corpus")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 5, 10])
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    processes = multiprocessing.get_context("spawn")
    rows = []
    for times in options.times:
        answer = processes.Queue()
        process = processes.Process(target=epoch, args=(options.poems * times, answer))
        process.start()
        rows.append(answer.get())
        process.join()
    print("| poems | tokens | seconds an epoch | microseconds a token | peak memory | bytes a token more |")
    print("|---:|---:|---:|---:|---:|---:|")
    kept = []
    for times, (tokens, seconds, memory) in zip(options.times, rows, strict=True):
        more = (memory - rows[0][2]) / (tokens - rows[0][0]) if tokens > rows[0][0] else None
        poems = options.poems * times
        kept.append({"poems": poems, "tokens": tokens, "seconds": seconds, "memory": memory, "bytes_more": more})
        print(
            f"| {poems:,} | {tokens:,} | {seconds:.1f} | {seconds / tokens * 1e6:.1f} "
            f"| {memory / 1e9:.3f} GB | {'' if more is None else f'{more:.1f}'} |"
        )
    keep(options.json, kept)


if __name__ == "__main__":
    main()
