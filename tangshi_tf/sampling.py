"""Logits and one uniform number to the next token: greedy, temperature, top-k, top-p.

Also the random numbers themselves: every row of a batch has its own seed, so that what a row draws depends
on nothing but its seed, neither on the other rows nor on the size of the batch.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["choose", "row_normal", "row_uniform"]

# One seed feeds several independent streams of numbers, each in blocks.
_TOKENS, _STATE = 1, 2
_STREAMS = 8

_HALVINGS = 26  # of a range of some 40 nats: logits closer than 1e-6 count as equal
_COLDEST = 1e-10  # below this a division could overflow; no two logits differ so little
_LARGEST_UNIFORM = 1.0 - 2.0**-23  # times any float32 it stays below that number


def choose(logits: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
    """Choose the next token of every row.

    The logits are divided by the temperature; then only the `top_k` likeliest tokens are kept (Fan et al.
    2018); then, of what is left and renormalised, the smallest set of likeliest tokens whose probability
    reaches `top_p` (the nucleus, Holtzman et al. 2020). Tokens as likely as the last one kept are kept too.
    The token is the first whose cumulative probability exceeds the uniform number, so a token of probability
    0 is never chosen. A row's token depends on that row's inputs alone.

    Args:
        logits: float32 `[B, V]`; -inf forbids a token, at least one of a row is finite.
        uniform: float32 `[B]` in [0, 1).
        temperature: float32 `[B]`, at least 0; 0 takes the likeliest token whatever the other knobs say.
        top_k: int32 `[B]`, at least 0; 0 keeps every token.
        top_p: float32 `[B]` in (0, 1]; 1 keeps every token.

    Returns:
        int32 `[B]`.
    """
    greedy = temperature <= 0.0

    def likeliest() -> Any:
        return tf.argmax(logits, axis=-1, output_type=tf.int32)

    def drawn() -> Any:
        return _draw_token(logits, uniform, temperature, top_k, top_p)

    def mixed() -> Any:
        return tf.where(greedy, likeliest(), drawn())

    return tf.cond(tf.reduce_any(greedy), lambda: tf.cond(tf.reduce_all(greedy), likeliest, mixed), drawn)


def _draw_token(logits: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
    below = logits - tf.reduce_max(logits, axis=-1, keepdims=True)  # [B, V], at most 0
    weight = tf.exp(below / tf.maximum(temperature, _COLDEST)[:, tf.newaxis])  # [B, V], 1 for the likeliest
    finite = tf.where(tf.math.is_finite(below), below, tf.zeros_like(below))
    bottom = tf.reduce_min(finite, axis=-1) - 1.0  # [B], below every token that is not forbidden

    def kth() -> Any:
        def enough(threshold: Any) -> Any:
            kept = tf.cast(below > threshold[:, tf.newaxis], tf.int32)
            return tf.reduce_sum(kept, axis=-1) >= top_k

        return tf.where(top_k > 0, _bisect(enough, bottom), bottom)

    threshold = tf.cond(tf.reduce_any(top_k > 0), kth, lambda: bottom)

    def nucleus() -> Any:
        needed = top_p * _mass(weight, below, threshold)

        def enough(candidate: Any) -> Any:
            return _mass(weight, below, candidate) >= needed

        return tf.where(top_p < 1.0, _bisect(enough, threshold), threshold)

    threshold = tf.cond(tf.reduce_any(top_p < 1.0), nucleus, lambda: threshold)
    kept = tf.where(below > threshold[:, tf.newaxis], weight, 0.0)
    cumulative = tf.cumsum(kept, axis=-1)  # [B, V]
    point = tf.minimum(uniform, _LARGEST_UNIFORM) * cumulative[:, -1]
    return tf.searchsorted(cumulative, point[:, tf.newaxis], side="right")[:, 0]


def _mass(weight: Any, below: Any, threshold: Any) -> Any:
    return tf.reduce_sum(tf.where(below > threshold[:, tf.newaxis], weight, 0.0), axis=-1)


def _bisect(enough: Callable[[Any], Any], low: Any) -> Any:
    """Return the highest threshold `[B]` from `low` to 0 above which there still is enough.

    Far cheaper than sorting: a halving is one pass over `[B, V]`.
    """

    def halve(i: Any, low: Any, high: Any) -> Any:
        middle = (low + high) / 2.0
        ok = enough(middle)
        return i + 1, tf.where(ok, middle, low), tf.where(ok, high, middle)

    _, low, _ = tf.while_loop(lambda i, low, high: i < _HALVINGS, halve, (0, low, tf.zeros_like(low)))
    return low


def row_uniform(seed: Any, count: Any, block: Any = 0) -> Any:
    """Draw uniform numbers for choosing tokens: int64 seeds `[B]` to float32 `[B, count]` in [0, 1).

    A larger `count` keeps the numbers of a smaller one as its prefix; every `block` holds other numbers, so
    that a loop without a bound can draw them piece by piece.
    """
    return _draw(tf.random.stateless_uniform, seed, count, _TOKENS + _STREAMS * tf.cast(block, tf.int64))


def row_normal(seed: Any, count: Any) -> Any:
    """Draw standard normal numbers for initial states: int64 seeds `[B]` to float32 `[B, count]`."""
    return _draw(tf.random.stateless_normal, seed, count, tf.constant(_STATE, tf.int64))


def _draw(distribution: Any, seed: Any, count: Any, stream: Any) -> Any:
    def of_one_row(row_seed: Any) -> Any:
        return distribution([count], tf.stack([row_seed, stream]), alg="philox")

    row = tf.TensorSpec([count if isinstance(count, int) else None], tf.float32)
    return tf.map_fn(of_one_row, tf.cast(seed, tf.int64), fn_output_signature=row)
