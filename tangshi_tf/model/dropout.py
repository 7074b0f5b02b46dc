"""Dropout whose masks depend on a seed and the row's number alone."""

from typing import Any

import tensorflow as tf

from tangshi_tf.config import ModelConfig

__all__ = ["NO_DROPOUT", "Dropout", "NoDropout"]


class NoDropout:
    """Leaves everything as it is."""

    def __call__(self, x: Any) -> Any:
        """See `Dropout`."""
        return x

    def of_weights(self, w: Any) -> Any:
        """See `Dropout`."""
        return w


NO_DROPOUT = NoDropout()


class Dropout:
    """Inverted dropout whose masks are a function of a seed, the row's number and how many masks were drawn before.

    A row has the same mask at all its steps (Gal and Ghahramani 2016), and a matrix of recurrent weights one for the
    whole batch (Wan et al. 2013, Merity et al. 2018).

    Args:
        config: has the rates.
        seed: int `[2]`; the same seed drops the same values. None for a fresh one.
        first_row: the number of the first row in the batch that is spread over all replicas.
    """

    def __init__(self, config: ModelConfig, seed: Any, first_row: Any) -> None:
        """See the class."""
        self._rate, self._weight_rate, self._first_row = config.dropout, config.recurrent_dropout, first_row
        self._drawn = 0
        fresh = seed is None
        self._seed = tf.random.uniform([2], 0, 2**31 - 1, tf.int32) if fresh else tf.cast(seed, tf.int32)

    def __call__(self, x: Any) -> Any:
        """Drop values of `[B, T, D]`."""
        if self._rate == 0:
            return x
        rows, _, width = tf.unstack(tf.shape(x))
        # Numbers are drawn row after row, so those of the rows before this replica's are drawn and passed over.
        return _dropped(x, self._uniform([self._first_row + rows, 1, width])[self._first_row :], self._rate)

    def of_weights(self, w: Any) -> Any:
        """Drop values of a matrix."""
        return _dropped(w, self._uniform(w.shape), self._weight_rate) if self._weight_rate else w

    def _uniform(self, shape: Any) -> Any:
        self._drawn += 1
        return tf.random.stateless_uniform(
            shape, tf.random.fold_in(self._seed, self._drawn, alg="philox"), alg="philox"
        )


def _dropped(x: Any, uniform: Any, rate: float) -> Any:
    return tf.where(uniform >= rate, x / tf.cast(1 - rate, x.dtype), tf.zeros([], x.dtype))
