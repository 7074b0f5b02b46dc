"""The hand-written gradients, against the NumPy cells by finite differences and against the Keras layers."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.model.recurrence import CELLS, unroll
from tests import reference

LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
B, T, D, U = 3, 7, 5, 4


@pytest.fixture(autouse=True, params=[U, U + 1], ids=["compiled", "plain"])
def compiled_units(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tangshi_tf.model.recurrence._COMPILED_UNITS", request.param)


def weights(name: str) -> list[np.ndarray]:
    random, gates = np.random.default_rng(0), CELLS[name].gates * U
    bias = (2, gates) if name == "gru" else (gates,)
    return [random.normal(size=shape) * 0.5 for shape in ((D, gates), (U, gates), bias)]


def inputs(name: str) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    random = np.random.default_rng(1)
    states = [random.normal(size=(B, U)) for _ in range(CELLS[name].states)]
    return random.normal(size=(B, T, D)), states, random.normal(size=(B, T, U))


def unrolled(name: str, given: Any) -> Any:
    x, kernel, recurrent, bias, *states = given
    products = tf.tensordot(tf.transpose(x, [1, 0, 2]), kernel, 1)
    h, _ = unroll(CELLS[name], products, recurrent, bias, states)
    assert h.dtype == recurrent.dtype
    return tf.cast(tf.transpose(h, [1, 0, 2]), tf.float64)


def gradients(name: str, dtype: Any = tf.float32) -> tuple[np.ndarray, list[np.ndarray]]:
    x, states, toward = inputs(name)
    given = [tf.constant(a, dtype) for a in (x, *weights(name), *states)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        h = unrolled(name, given)
        loss = tf.reduce_sum(h * toward)
    return h.numpy(), [g.numpy() for g in tape.gradient(loss, given)]


@pytest.mark.parametrize("name", CELLS)
def test_gradients_agree_with_finite_differences_of_the_numpy_cell(name: str) -> None:
    x, states, toward = inputs(name)
    given = [x, *weights(name), *states]

    def loss() -> float:
        state, total = tuple(given[4:]), 0.0
        for t in range(T):
            state = reference.CELLS[name](given[0][:, t], state, *given[1:4])
            total += float((state[0] * toward[:, t]).sum())
        return total

    _, found = gradients(name, tf.float64)
    random = np.random.default_rng(2)
    for array, gradient in zip(given, found, strict=True):
        for index in random.choice(array.size, min(12, array.size), replace=False):
            place = np.unravel_index(index, array.shape)
            kept, h = array[place], 1e-6
            array[place] = kept + h
            above = loss()
            array[place] = kept - h
            below = loss()
            array[place] = kept
            assert gradient[place] == pytest.approx((above - below) / (2 * h), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("name", CELLS)
def test_values_and_gradients_agree_with_the_keras_layer(name: str) -> None:
    x, states, toward = (tf.nest.map_structure(lambda a: tf.constant(a, tf.float32), a) for a in inputs(name))
    layer = LAYERS[name](U, return_sequences=True)
    layer.build(x.shape)
    layer.set_weights(weights(name))
    variables = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        expected = layer(x, initial_state=states)
        loss = tf.reduce_sum(expected * toward)
    expected_gradients = tape.gradient(loss, [x, *variables, *states])
    h, found = gradients(name)
    np.testing.assert_allclose(h, expected, rtol=1e-5, atol=1e-6)
    for a, b in zip(found, expected_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_bfloat16_matmuls_stay_near_float32(name: str) -> None:
    x, states, toward = inputs(name)
    kernel, recurrent, bias = weights(name)
    low = [tf.cast(tf.constant(a, tf.float32), tf.bfloat16) for a in (x, kernel, recurrent, bias)]
    with tf.GradientTape() as tape:
        tape.watch(low)
        loss = tf.reduce_sum(unrolled(name, [*low, *[tf.constant(s, tf.float32) for s in states]]) * toward)
    for found, expected in zip(tape.gradient(loss, low), gradients(name)[1][:4], strict=True):
        assert found.dtype == tf.bfloat16
        assert np.abs(tf.cast(found, tf.float32) - expected).max() < 0.05 * np.abs(expected).max()
    h = unrolled(name, [*low, *[tf.constant(s, tf.float32) for s in states]])
    np.testing.assert_allclose(h, gradients(name)[0], atol=0.05)


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_may_be_read_in_parts(name: str) -> None:
    x, states, _ = inputs(name)
    kernel, recurrent, bias = weights(name)
    products = tf.constant(np.tensordot(x.transpose(1, 0, 2), kernel, 1))
    whole, last = unroll(CELLS[name], products, tf.constant(recurrent), tf.constant(bias), states)
    head, between = unroll(CELLS[name], products[:1], tf.constant(recurrent), tf.constant(bias), states)
    tail, after = unroll(CELLS[name], products[1:], tf.constant(recurrent), tf.constant(bias), between)
    np.testing.assert_allclose(tf.concat([head, tail], axis=0), whole, rtol=1e-12)
    for a, b in zip(after, last, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_array_equal(last[0], whole[-1])
