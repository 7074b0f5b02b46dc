"""Random numbers by row: every row of a batch has its own seed.

What a row draws depends on its seed alone, neither on the other rows nor on the size of the batch.
"""

from typing import Any

import tensorflow as tf

__all__ = ["row_choice", "row_normal", "row_uniform"]

# One seed feeds several independent streams of numbers, each in blocks.
_TOKENS, _STATE, _CHOICE = 1, 2, 3
_STREAMS = 8


def row_uniform(seed: Any, count: Any, block: Any = 0) -> Any:
    """Draw uniform numbers for choosing tokens: int64 seeds `[B]` to float32 `[B, count]` in [0, 1).

    A larger `count` keeps the numbers of a smaller one as its prefix; every `block` holds other numbers, so
    that a loop without a bound can draw them piece by piece.
    """
    return _draw(tf.random.stateless_uniform, seed, count, _TOKENS + _STREAMS * tf.cast(block, tf.int64))


def row_normal(seed: Any, count: Any) -> Any:
    """Draw standard normal numbers for initial states: int64 seeds `[B]` to float32 `[B, count]`."""
    return _draw(tf.random.stateless_normal, seed, count, tf.constant(_STATE, tf.int64))


def row_choice(seed: Any, chances: Any) -> Any:
    """Choose one of N options a row: int64 seeds `[B]` and chances float32 `[B, N]`, none below 0, to int32 `[B]`."""
    upto = tf.cumsum(chances, axis=1)
    point = _draw(tf.random.stateless_uniform, seed, 1, tf.constant(_CHOICE, tf.int64)) * upto[:, -1:]
    return tf.minimum(tf.reduce_sum(tf.cast(upto <= point, tf.int32), axis=1), tf.shape(chances)[1] - 1)


def _draw(distribution: Any, seed: Any, count: Any, stream: Any) -> Any:
    def of_one_row(row_seed: Any) -> Any:
        return distribution([count], tf.stack([row_seed, stream]), alg="philox")

    row = tf.TensorSpec([count if isinstance(count, int) else None], tf.float32)
    return tf.map_fn(of_one_row, tf.cast(seed, tf.int64), fn_output_signature=row)
