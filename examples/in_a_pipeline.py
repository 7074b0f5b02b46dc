"""Use a model folder in a tf.data pipeline and in a module of your own, with TensorFlow and nothing else.

TF_CPP_MIN_LOG_LEVEL=3 python examples/in_a_pipeline.py [saved_models/tangshi/1]
"""

import sys
import tempfile
from typing import Any

import tensorflow as tf


class BestOf(tf.Module):
    """Writes several candidates for each begin and keeps the one that the poet finds likeliest, token for token."""

    def __init__(self, poet: Any, candidates: int = 4) -> None:
        """See the class."""
        super().__init__()
        self.poet = poet  # an attribute of a module is saved with it
        self.candidates = candidates

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "begin"), tf.TensorSpec([None], tf.int64, "seed")])
    def write_best(self, begin: Any, seed: Any) -> dict[str, Any]:
        """Return the best poem of each begin and its perplexity, each [B]."""
        n = self.candidates
        seeds = n * seed[:, tf.newaxis] + tf.range(n, dtype=tf.int64)  # [B, n]: no two candidates share a seed
        written = self.poet.generate(
            tf.repeat(begin, n),
            temperature=1.0,
            top_p=0.85,
            repetition_penalty=2.5,
            init_state="random",
            seed=tf.reshape(seeds, [-1]),
        )
        # The log-probability that comes with a poem is that from its own initial state; `score` reads all from zero.
        scores = self.poet.score(written["poem"])
        nll = tf.reshape(scores["nll"] / tf.cast(scores["tokens"], tf.float32), [-1, n])
        poems = tf.reshape(written["poem"], [-1, n])
        return {
            "poem": tf.gather(poems, tf.argmin(nll, axis=1), batch_dims=1),
            "perplexity": tf.exp(tf.reduce_min(nll, axis=1)),
        }


def pipeline(best: Any, begins: list[str], batch_size: int) -> Any:
    """Return a dataset of a dict for each begin; its place is its seed, so that the batches do not matter."""

    def write(seed: Any, begin: Any) -> dict[str, Any]:
        return {"begin": begin, **best.write_best(begin, seed)}

    places = tf.data.Dataset.from_tensor_slices(begins).enumerate()
    batches = places.batch(batch_size).map(write, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.unbatch().prefetch(tf.data.AUTOTUNE)


def show(title: str, dataset: Any) -> None:
    """Print the poems of a dataset on one line."""
    poems = [f"{row['poem'].decode()} ({row['perplexity']:.1f})" for row in dataset.as_numpy_iterator()]
    print(f"{title}:", *poems)


def main(folder: str) -> None:
    """Print the best poems from batches of two, from one batch, and from the module saved again."""
    begins = ["山", "月", "春风"]
    best = BestOf(tf.saved_model.load(folder))
    show("batches of two", pipeline(best, begins, 2))
    show("one batch", pipeline(best, begins, 3))

    with tempfile.TemporaryDirectory() as mine:
        tf.saved_model.save(best, mine, signatures={"serving_default": best.write_best})
        show("saved again", pipeline(tf.saved_model.load(mine), begins, 3))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "saved_models/tangshi/1")
