"""Logits to the next token: greedy, temperature, top-k, top-p."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tangshi_tf.config import COLDEST
from tangshi_tf.model.step import PADDED_TO as _BLOCK
from tangshi_tf.model.step import padded_size

__all__ = ["sampler"]

_HALVINGS = 26  # of a range of at most 105 nats: closer than 2e-6 counts as equal
_LIGHTEST = -105.0  # nats: exp of less is 0 in float32
_LARGEST_UNIFORM = 1.0 - 2.0**-23  # times any float32 it stays below that number


def sampler(temperature: Any, top_k: Any, top_p: Any) -> Callable[[Any, Any], Any]:
    """Return a function that chooses the next token of every row: `choose(logits, uniform)`.

    The logits are divided by the temperature; then only the `top_k` likeliest tokens are kept (Fan et al.
    2018); then, of what is left and renormalised, the smallest set of likeliest tokens whose probability
    reaches `top_p` (the nucleus, Holtzman et al. 2020). Tokens as likely as the last one kept are kept too.

    First a token is drawn from all of them: the first one whose cumulative probability exceeds the first uniform
    number. If it is one of those kept, it stands. Else, and where both top-k and top-p are on, the second number draws
    among those kept. The result is distributed as if all were drawn from those kept, and few rows have to look for
    them. A token of probability 0 is never chosen, and a row's token depends on that row's inputs alone.

    Args:
        temperature: float32 `[B]`, at least 0; below 0.001 takes the likeliest token whatever the other knobs say.
        top_k: int32 `[B]`, at least 0; 0 keeps every token.
        top_p: float32 `[B]` in (0, 1]; 1 keeps every token.

    Returns:
        `choose`. It takes logits float32 `[B, V]`, V known, where -inf forbids a token and at least one of a row is
        finite, and uniform numbers float32 `[B, 2]` in [0, 1); it returns tokens int32 `[B]`. With one row, sums may
        have other bits than with several.
    """
    greedy = temperature < COLDEST
    some_greedy, all_greedy = tf.reduce_any(greedy), tf.reduce_all(greedy)
    temperature = tf.where(greedy, 1.0, temperature)
    some_narrow = tf.reduce_any((top_k > 0) | (top_p < 1.0))

    def choose(logits: Any, uniform: Any) -> Any:
        def likeliest() -> Any:
            return tf.argmax(logits, axis=-1, output_type=tf.int32)

        def drawn() -> Any:
            probability = tf.nn.softmax(logits / temperature[:, tf.newaxis])
            token = _invert(probability, uniform[:, 0])

            def narrowed() -> Any:
                return _narrow(token, probability, logits, uniform[:, 1], temperature, top_k, top_p, greedy)

            return tf.cond(some_narrow, narrowed, lambda: token)

        def mixed() -> Any:
            token = drawn()
            return tf.cond(some_greedy, lambda: tf.where(greedy, likeliest(), token), lambda: token)

        return tf.cond(all_greedy, likeliest, mixed)

    return choose


def _narrow(
    token: Any, probability: Any, logits: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any, greedy: Any
) -> Any:
    """Return the tokens, with others for those that are not among the ones kept, unless the row is greedy."""
    some_k, some_p = top_k > 0, top_p < 1.0
    likelier = logits > tf.gather(logits, token[:, tf.newaxis], batch_dims=1)

    def few() -> Any:
        return ~some_k | (tf.reduce_sum(tf.cast(likelier, tf.int32), axis=-1) < top_k)

    # What top_p is a share of is not known here where top_k takes some away.
    stands = (~some_p | (_sum_where(likelier, probability) < top_p)) & ~(some_k & some_p)
    stands = greedy | (stands & tf.cond(tf.reduce_any(some_k), few, lambda: ~some_k))

    def draw_again() -> Any:
        rows = tf.where(~stands)
        rows = tf.concat([rows, rows[:1]], axis=0)  # at least two
        mine = [tf.gather(value, rows[:, 0]) for value in (logits, uniform, temperature, top_k, top_p)]
        return tf.tensor_scatter_nd_update(token, rows, _draw_among_kept(*mine))

    return tf.cond(tf.reduce_all(stands), lambda: token, draw_again)


def _invert(weight: Any, uniform: Any) -> Any:
    """Return the first index `[B]` whose cumulative weight, over `[B, V]`, exceeds that share of all."""
    size = weight.shape[-1]
    if missing := padded_size(size) - size:
        weight = tf.pad(weight, [[0, 0], [0, missing]])
    blocks = tf.reshape(weight, [-1, (size + missing) // _BLOCK, _BLOCK])
    upto = tf.cumsum(tf.reduce_sum(blocks, axis=-1), axis=-1)  # [B, V / 64]: adding up all of [B, V] is dear
    point = tf.minimum(uniform, _LARGEST_UNIFORM) * upto[:, -1]
    block = tf.searchsorted(upto, point[:, tf.newaxis], side="right")  # [B, 1]
    last = tf.gather(upto, block, batch_dims=1)
    before = tf.where(block > 0, tf.gather(upto, tf.maximum(block - 1, 0), batch_dims=1), 0.0)
    within = tf.cumsum(tf.gather(blocks, block[:, 0], batch_dims=1), axis=-1)  # [B, 64]
    share = tf.clip_by_value((point[:, tf.newaxis] - before) / (last - before), 0.0, _LARGEST_UNIFORM)
    return (block * _BLOCK + tf.searchsorted(within, share * within[:, -1:], side="right"))[:, 0]


def _draw_among_kept(logits: Any, uniform: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
    below = logits - tf.reduce_max(logits, axis=-1, keepdims=True)  # [B, V], at most 0
    weight = tf.exp(below / temperature[:, tf.newaxis])  # 1 for the likeliest
    finite = tf.where(tf.math.is_finite(below), below, tf.zeros_like(below))
    bottom = tf.reduce_min(finite, axis=-1) - 1.0  # [B], below every token that is not forbidden
    bottom = tf.maximum(bottom, _LIGHTEST * temperature)  # or weighs nothing

    def enough_tokens(threshold: Any) -> Any:
        kept = tf.cast(below > threshold[:, tf.newaxis], tf.int32)
        return tf.reduce_sum(kept, axis=-1) >= top_k

    def kth() -> Any:
        return tf.where(top_k > 0, _bisect(enough_tokens, bottom), bottom)

    threshold = tf.cond(tf.reduce_any(top_k > 0), kth, lambda: bottom)
    needed = top_p * _sum_where(below > threshold[:, tf.newaxis], weight)

    def enough_mass(candidate: Any) -> Any:
        return _sum_where(below > candidate[:, tf.newaxis], weight) >= needed

    threshold = tf.where(top_p < 1.0, _bisect(enough_mass, threshold), threshold)
    return _invert(tf.where(below > threshold[:, tf.newaxis], weight, 0.0), uniform)


def _sum_where(condition: Any, weight: Any) -> Any:
    return tf.reduce_sum(tf.where(condition, weight, 0.0), axis=-1)


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
