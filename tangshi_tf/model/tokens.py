"""Tokens as a model takes them: of any integer type, and of one shape."""

from typing import Any

import tensorflow as tf

from tangshi_tf.errors import TokenError

__all__ = ["as_integers", "as_tokens"]

_SHAPES = {1: "[B]", 2: "[B, T]"}


def as_tokens(tokens: Any, rank: int) -> Any:
    """Return tokens as int32.

    Within a graph, the shape of `[B]` may be known only when it runs; then it is checked then.

    Args:
        tokens: integers; float32 is taken too, as the embedding of Keras does, since `keras.Input` is that by default.
        rank: 1 for one token a row, 2 for sequences.

    Raises:
        TokenError: if they have another type, or another number of dimensions.
    """
    if isinstance(tokens, tf.RaggedTensor):
        raise TokenError("Tokens with PAD behind the shorter rows are required (to_tensor). Received: a RaggedTensor.")
    tokens = tf.convert_to_tensor(tokens)
    if not (tokens.dtype.is_integer or tokens.dtype == tf.float32):
        raise TokenError(f"Tokens of an integer type are required. Received: {tokens.dtype.name}.")
    if tokens.shape.rank is None and rank == 1:
        message = ["tokens of shape [B] are required; the shape received:", tf.shape(tokens)]
        with tf.control_dependencies([tf.debugging.Assert(tf.rank(tokens) == 1, message)]):
            tokens = tf.reshape(tokens, [-1])
    if tokens.shape.rank != rank:
        raise TokenError(f"Tokens of shape {_SHAPES[rank]} are required. Received: {tokens.shape}.")
    return as_integers(tokens, tf.int32)


def as_integers(values: Any, dtype: Any) -> Any:
    """Return numbers in another dtype; those that are too large for it become the largest, which is no token."""
    narrows = values.dtype.size > dtype.size
    return tf.cast(tf.clip_by_value(values, dtype.min, dtype.max) if narrows else values, dtype)
