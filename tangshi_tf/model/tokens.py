"""Tokens as a model takes them: of any integer type, and of one shape."""

from typing import Any

import tensorflow as tf

from tangshi_tf.errors import TokenError

__all__ = ["as_tokens"]

_SHAPES = {1: "[B]", 2: "[B, T]"}


def as_tokens(tokens: Any, rank: int) -> Any:
    """Return tokens as int32.

    Args:
        tokens: integers; float32 is taken too, as the embedding of Keras does, since `keras.Input` is that by default.
        rank: 1 for one token a row, 2 for sequences.

    Raises:
        TokenError: if they have another type, or another number of dimensions.
    """
    tokens = tf.convert_to_tensor(tokens)
    if not (tokens.dtype.is_integer or tokens.dtype == tf.float32):
        raise TokenError(f"Tokens of an integer type are required. Received: {tokens.dtype.name}.")
    if tokens.shape.rank not in (rank, None):
        raise TokenError(f"Tokens of shape {_SHAPES[rank]} are required. Received: {tokens.shape}.")
    return tf.cast(tokens, tf.int32)
