"""Train on prose with several sequence lengths, and with the three cells: what does each learn, what does it take?

    python benchmarks/sequence_length.py [TEXT] [--lengths 8 16 ...] [--cells rnn gru] [--units 256] [--epochs 3]
                                         [--folder docs/results]

Each contestant has a process of its own, in which it reads the text as often as the others do. By default the text is
the drama of the checkout. The perplexity is that of the validation text, read from end to end with the state carried
on; beside it stands what the same model makes of the same text if the state is reset to zeros before every chunk of the
length that it was trained with, the token before the chunk being all that is known. Prints a table, and writes
the figures to FOLDER/data/sequence-length.json and their picture to FOLDER/sequence-length.svg, which asks for
matplotlib, the extra `plot`.
"""

import argparse
import multiprocessing
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

try:
    from matplotlib.figure import Figure
except ImportError:
    sys.exit("Error: matplotlib is required: pip install matplotlib.")

from record import RESULTS, keep, table

TEXT = Path(__file__).resolve().parents[1] / "data" / "drama.txt.xz"
RATES = {"rnn": 0.0005, "lstm": 0.005, "gru": 0.003}  # the plain RNN loses ground at more
_ROWS = 64  # of chunks that are judged at a time


def contestant(text: Path, cell: str, length: int, units: int, epochs: int, answer: Any) -> None:
    """Train one contestant and put its figures into `answer`."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tangshi_tf.config import PROSE
    from tangshi_tf.corpus.prose import read_prose
    from tangshi_tf.evaluation.perplexity import perplexity
    from tangshi_tf.model.loss import token_nll
    from tangshi_tf.model.poetry_model import PoetryModel
    from tangshi_tf.training.hardware import bfloat16_pays, usage
    from tangshi_tf.training.tasks import make_task
    from tangshi_tf.training.trainer import Trainer, total_steps
    from tangshi_tf.vocabulary import BOS

    model_config = replace(PROSE[0], cell=cell, units=units, layers=1, embedding=256)
    config = replace(PROSE[1], epochs=epochs, sequence_length=length, learning_rate=RATES[cell])
    prose = read_prose([text])
    lessons = make_task(prose, model_config, config)
    keras.utils.set_random_seed(config.seed)
    model = PoetryModel(model_config, lessons.vocabulary, "bfloat16" if bfloat16_pays() else "float32")
    batches = lessons.batches()
    model.initialize_from(batches.counts(len(lessons.vocabulary)))
    trainer = Trainer(model, tf.distribute.get_strategy(), batches, config, total_steps(batches, config))
    start = time.perf_counter()
    for progress in trainer.run(lambda step: step % 100 == 0):
        print(f"{cell} {length}: {progress.step:,} of {progress.steps:,}", end="\r", file=sys.stderr)
    seconds = time.perf_counter() - start
    memory = usage()["peak_memory"]
    carried = perplexity(*lessons.validation(model)())

    ids = prose.ids(lessons.vocabulary, "validation")
    count = len(ids) // length
    y = ids[: count * length].reshape(count, length)
    x = np.concatenate([[BOS], ids[: count * length - 1]]).reshape(count, length).astype(np.int32)
    nll = sum(
        float(tf.reduce_sum(token_nll(model(x[i : i + _ROWS]), y[i : i + _ROWS]))) for i in range(0, count, _ROWS)
    )
    answer.put(
        {
            "cell": cell,
            "length": length,
            "units": units,
            "epochs": epochs,
            "steps": progress.steps,
            "parameters": model.count_params(),
            "carried": carried,
            "reset": perplexity(nll, y.size),
            "minutes": seconds / 60,
            "memory": memory,
        }
    )


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw perplexity over sequence length: carried, and reset before every chunk."""
    lstm = [result for result in results if result["cell"] == "lstm"]
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, style in (("carried", "o-"), ("reset", "s--")):
        label = "state carried on" if name == "carried" else "state reset before every chunk"
        axes.plot([result["length"] for result in lstm], [result[name] for result in lstm], style, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks([result["length"] for result in lstm], [str(result["length"]) for result in lstm])
    axes.set_xlabel("sequence length")
    axes.set_ylabel("validation perplexity")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print a table, write figures and picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, nargs="?", default=TEXT)
    parser.add_argument("--lengths", type=int, nargs="+", default=[8, 16, 32, 64, 128])
    parser.add_argument("--cells", nargs="*", default=["rnn", "gru"], help="beside the LSTM, at length 64")
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    processes = multiprocessing.get_context("spawn")
    results = []
    for cell, length in [*(("lstm", length) for length in options.lengths), *((cell, 64) for cell in options.cells)]:
        answer = processes.Queue()
        process = processes.Process(
            target=contestant, args=(options.text, cell, length, options.units, options.epochs, answer)
        )
        process.start()
        results.append(answer.get())
        process.join()
    print(table("sequence-length", results))
    keep(options.folder / "data" / "sequence-length.json", results)
    draw(results, options.folder / "sequence-length.svg")


if __name__ == "__main__":
    main()
