from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.errors import TokenError
from tangshi_tf.model.tokens import as_integers, as_tokens


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, np.int16, np.float32])
def test_every_width_of_integers_is_taken(dtype: Any) -> None:
    tokens = as_tokens(np.array([[1, 2]], dtype), 2)
    assert tokens.dtype == tf.int32
    assert tokens.numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize("wrong", [[True], ["山"], np.array([1.0]), tf.constant([1.0], tf.bfloat16)])
def test_what_is_no_integer_is_refused(wrong: Any) -> None:
    with pytest.raises(TokenError, match=r"of an integer type are required\. Received: "):
        as_tokens(wrong, 1)


def test_ragged_rows_are_refused() -> None:
    with pytest.raises(TokenError, match="Received: a RaggedTensor"):
        as_tokens(tf.ragged.constant([[1, 5], [1]]), 2)


@pytest.mark.parametrize(("rank", "shape"), [(1, "[B]"), (2, "[B, T]")])
def test_another_shape_is_refused(rank: int, shape: str) -> None:
    wrong = tf.ones([2] * (3 - rank), tf.int32)
    with pytest.raises(TokenError) as caught:
        as_tokens(wrong, rank)
    assert str(caught.value) == f"Tokens of shape {shape} are required. Received: {wrong.shape}."


def test_a_graph_that_knows_no_shape_checks_it_when_it_runs() -> None:
    within = tf.function(lambda token: as_tokens(token, 1), input_signature=[tf.TensorSpec(None, tf.int64)])
    assert within(tf.constant([5, 6], tf.int64)).numpy().tolist() == [5, 6]
    for wrong in (5, [[5], [6]]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"tokens of shape \[B\] are required"):
            within(tf.constant(wrong, tf.int64))


def test_numbers_that_are_too_large_become_the_largest() -> None:
    assert as_integers(tf.constant([2**40, -(2**40), 7], tf.int64), tf.int32).numpy().tolist() == [
        2**31 - 1,
        -(2**31),
        7,
    ]
    assert as_integers(tf.constant([-1, 7]), tf.int64).numpy().tolist() == [-1, 7]
