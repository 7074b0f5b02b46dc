"""The cells rnn, lstm and gru over whole sequences: by Keras for GPUs, with hand-written gradients for CPUs.

TensorFlow has no fused recurrent kernel for CPUs, and the loop that Keras falls back to keeps a copy of the cast
weights for every time step and multiplies out their gradient step by step. Here the products with the input are
one matmul before the loop, and the gradient of the recurrent matrix is one matmul after it (backpropagation through
time, Werbos 1990). Matmuls run in the dtype of the weights, and in it is kept what the way back needs: moving that is
as much work as the matmuls. The state and all arithmetic between are float32 (float64 for float64 weights). On GPUs the
Keras layers choose cuDNN, over the same variables.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

__all__ = ["CELLS", "unroll", "unroll_by_hand", "unroll_by_keras"]

_COMPILED_UNITS = 256  # below that the arithmetic of a step is soon done
_State = tuple[Any, ...]


class _Step(NamedTuple):
    """What one step backwards yields, float32 `[B, gates]`, `[B, gates]` and the parts of dL/d(state before)."""

    d_input: Any
    d_recurrent: Any
    d_state: _State


class _Cell(Protocol):
    """One time step forwards and backwards, without its matmuls; all tensors float32."""

    gates: int  # width of the products, in units
    states: int  # number of state tensors, h first
    kept: int  # width of what the step backwards needs, in units
    one_sum: bool  # whether only the sum of both products matters, so that their gradients are one

    def forward(self, x: Any, r: Any, state: _State) -> tuple[_State, Any]:
        """Take the products with the input and with h, `[B, gates]`; return the state and what backward needs."""

    def backward(self, kept: Any, state: _State, d_state: _State) -> _Step:
        """Take what forward kept, the state before the step, and dL/d(state after)."""


class _RNN:
    gates, states, kept, one_sum = 1, 1, 1, True

    def forward(self, x: Any, r: Any, state: _State) -> tuple[_State, Any]:
        h = tf.tanh(x + r)
        return (h,), h

    def backward(self, kept: Any, state: _State, d_state: _State) -> _Step:
        d = d_state[0] * (1.0 - kept * kept)
        return _Step(d, d, (tf.zeros_like(d),))


class _LSTM:
    gates, states, kept, one_sum = 4, 2, 5, True

    def forward(self, x: Any, r: Any, state: _State) -> tuple[_State, Any]:
        i, f, g, o = tf.split(x + r, 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * state[1] + i * g
        squashed = tf.tanh(c)
        return (o * squashed, c), tf.concat([i, f, g, o, squashed], axis=-1)

    def backward(self, kept: Any, state: _State, d_state: _State) -> _Step:
        i, f, g, o, squashed = tf.split(kept, 5, axis=-1)
        dh, dc = d_state
        dc = dc + dh * o * (1.0 - squashed * squashed)
        d = tf.concat(
            [
                dc * g * i * (1.0 - i),
                dc * state[1] * f * (1.0 - f),
                dc * i * (1.0 - g * g),
                dh * squashed * o * (1.0 - o),
            ],
            axis=-1,
        )
        return _Step(d, d, (tf.zeros_like(dh), dc * f))


class _GRU:
    gates, states, kept, one_sum = 3, 1, 4, False

    def forward(self, x: Any, r: Any, state: _State) -> tuple[_State, Any]:
        x_z, x_r, x_g = tf.split(x, 3, axis=-1)
        r_z, r_r, r_g = tf.split(r, 3, axis=-1)
        update, reset = tf.sigmoid(x_z + r_z), tf.sigmoid(x_r + r_r)
        g = tf.tanh(x_g + reset * r_g)
        return (g + update * (state[0] - g),), tf.concat([update, reset, g, r_g], axis=-1)

    def backward(self, kept: Any, state: _State, d_state: _State) -> _Step:
        update, reset, g, r_g = tf.split(kept, 4, axis=-1)
        (dh,) = d_state
        d_g = dh * (1.0 - update) * (1.0 - g * g)
        d_update = dh * (state[0] - g) * update * (1.0 - update)
        d_reset = d_g * r_g * reset * (1.0 - reset)
        return _Step(
            tf.concat([d_update, d_reset, d_g], axis=-1),
            tf.concat([d_update, d_reset, d_g * reset], axis=-1),
            (dh * update,),
        )


CELLS: dict[str, _Cell] = {"rnn": _RNN(), "lstm": _LSTM(), "gru": _GRU()}


def unroll_by_keras(
    layer: Any, cell: _Cell, recurrent: Any, x: Any, initial: Sequence[Any] | None, trained: bool = True
) -> Any:
    """Do what `unroll_by_hand` does through the layer itself, which takes cuDNN where there is one."""
    initial = initial and [tf.cast(entry, x.dtype) for entry in initial]
    weights, rest = (
        [recurrent if w is layer.cell.recurrent_kernel else w.value for w in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    )
    (h, *last), _ = layer.stateless_call(weights, rest, x, initial_state=initial)
    return h, [tf.stop_gradient(entry) for entry in last]


def unroll_by_hand(
    layer: Any, cell: _Cell, recurrent: Any, x: Any, initial: Sequence[Any] | None, trained: bool = True
) -> Any:
    """Run a layer over whole sequences.

    Args:
        layer: of Keras, whose weights are taken.
        cell: of the layer, out of `CELLS`.
        recurrent: the recurrent matrix, `[units, gates]`, perhaps with dropout.
        x: `[B, T, D]`, in the dtype to compute in.
        initial: the state before the first step, `[B, units]` each; zeros if None.
        trained: see `unroll`.

    Returns:
        The output `[B, T, units]` in the dtype of x, and the last state, through which no gradient goes back.
    """
    kernel, recurrent = tf.cast(layer.cell.kernel, x.dtype), tf.cast(recurrent, x.dtype)
    rows, steps, width = tf.unstack(tf.shape(x))
    by_time = tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, width])
    products = tf.reshape(tf.matmul(by_time, kernel), [steps, rows, cell.gates * layer.units])
    initial = initial or [tf.zeros([rows, layer.units])] * cell.states
    h, last = unroll(cell, products, recurrent, tf.convert_to_tensor(layer.cell.bias), initial, trained)
    return tf.cast(tf.transpose(h, [1, 0, 2]), x.dtype), last


def unroll(cell: _Cell, x: Any, recurrent: Any, bias: Any, initial: Sequence[Any], trained: bool = True) -> Any:
    """Run a cell over whole sequences.

    Args:
        cell: out of `CELLS`.
        x: `[T, B, gates]`, the input times the input matrix.
        recurrent: `[units, gates]`; its dtype is that of the matmuls.
        bias: `[gates]`, added to the sum of both products; for the GRU, whose products are not just summed,
            `[2, gates]`, one for each.
        initial: the state before the first step, `[B, units]` each, h first.
        trained: whether the gradient is the one written by hand, which no SavedModel can hold. Otherwise TensorFlow
            derives it, more slowly.

    Returns:
        h after every step, `[T, B, units]` in the dtype of the recurrent matrix; and the state after the last one, as
        `initial`, through which no gradient goes back.
    """

    @tf.custom_gradient
    def run(x: Any, recurrent: Any, bias: Any, *initial: Any) -> Any:
        h, last, kept, others = _forward(cell, x, recurrent, bias, initial)

        def gradient(d_h: Any, *_: Any) -> Any:
            before = tf.concat([tf.cast(initial[0], h.dtype)[tf.newaxis], h[:-1]], axis=0)
            return _backward(cell, d_h, x.dtype, recurrent, bias, before, kept, others)

        return (h, *last), gradient

    exact = _exact(recurrent)
    initial = [tf.cast(entry, exact) for entry in initial]
    if not trained:
        h, last, *_ = _forward(cell, x, recurrent, bias, initial)
        return h, tuple(tf.stop_gradient(entry) for entry in last)
    h, *last = run(x, recurrent, bias, *initial)
    return h, tuple(last)


def _forward(cell: _Cell, x: Any, recurrent: Any, bias: Any, initial: Sequence[Any]) -> Any:
    """Return h after each step, stacked over T; the last state; in arrays, what each step kept, and its c before."""
    steps, rows = tf.shape(x)[0], x.shape[1]
    units, dtype, exact = recurrent.shape[0], recurrent.dtype, _exact(recurrent)

    def array(width: int) -> Any:
        return tf.TensorArray(dtype, steps, element_shape=[rows, width], clear_after_read=False)

    def step(x: Any, r: Any, bias: Any, state: _State) -> Any:
        x, r, biases = tf.cast(x, exact), tf.cast(r, exact), tf.cast(bias, exact)
        x, r = (x + biases, r) if cell.one_sum else (x + biases[0], r + biases[1])
        after, kept = cell.forward(x, r, state)
        return after, [tf.cast(value, dtype) for value in (after[0], kept, *state[1:])]

    step = _compiled(step, units)

    def body(t: Any, h: Any, state: _State, *arrays: Any) -> Any:
        state, narrow = step(x[t], tf.matmul(h, recurrent), bias, state)
        return t + 1, narrow[0], state, *(a.write(t, value) for a, value in zip(arrays, narrow, strict=True))

    arrays = [array(units), array(cell.kept * units), *(array(units) for _ in initial[1:])]
    start = (0, tf.cast(initial[0], dtype), tuple(initial), *arrays)
    _, _, last, outputs, kept, *before = tf.while_loop(lambda t, *_: t < steps, body, start)
    return outputs.stack(), last, kept, before


def _backward(
    cell: _Cell, d_h: Any, x_dtype: Any, recurrent: Any, bias: Any, h: Any, kept: Any, others: Sequence[Any]
) -> Any:
    """Return the gradients of x, the recurrent matrix, the bias and the initial state; h is that before each step."""
    steps, rows = tf.shape(h)[0], h.shape[1]
    units, gates = recurrent.shape
    dtype, exact = recurrent.dtype, _exact(recurrent)
    transposed = tf.transpose(recurrent)

    def step(kept: Any, state: _State, d_h: Any, d_product: Any, d_state: _State, d_bias: Any) -> Any:
        from_h = tf.cast(d_h, exact) + tf.cast(d_product, exact)
        state = tuple(tf.cast(entry, exact) for entry in state)
        gradients = cell.backward(tf.cast(kept, exact), state, (d_state[0] + from_h, *d_state[1:]))
        both = (gradients.d_input,) if cell.one_sum else (gradients.d_input, gradients.d_recurrent)
        d_bias = [total + tf.reduce_sum(d, axis=0) for total, d in zip(d_bias, both, strict=True)]
        return gradients.d_state, d_bias, [tf.cast(d, dtype) for d in both]

    step = _compiled(step, units)

    def body(t: Any, d_product: Any, d_state: _State, d_bias: Any, *arrays: Any) -> Any:
        state = (h[t], *(a.read(t) for a in others))
        d_state, d_bias, both = step(kept.read(t), state, d_h[t], d_product, d_state, d_bias)
        written = (a.write(t, d) for a, d in zip(arrays, both, strict=True))
        return t - 1, tf.matmul(both[-1], transposed), d_state, d_bias, *written

    zeros = tf.zeros(tf.shape(h)[1:], exact)
    products = 1 if cell.one_sum else 2
    start = (
        steps - 1,
        tf.cast(zeros, dtype),
        (zeros,) * cell.states,
        [tf.zeros([gates], exact)] * products,
        *(tf.TensorArray(dtype, steps, element_shape=[rows, gates]) for _ in range(products)),
    )
    _, d_product, d_initial, d_bias, *arrays = tf.while_loop(lambda t, *_: t >= 0, body, start)
    d_input, d_recurrent = [a.stack() for a in arrays] if products == 2 else [arrays[0].stack()] * 2
    return (
        tf.cast(d_input, x_dtype),
        tf.matmul(tf.reshape(h, [-1, units]), tf.reshape(d_recurrent, [-1, gates]), transpose_a=True),
        tf.cast(tf.reshape(tf.stack(d_bias), tf.shape(bias)), bias.dtype),
        d_initial[0] + tf.cast(d_product, exact),
        *d_initial[1:],
    )


def _compiled(step: Callable[..., Any], units: int) -> Callable[..., Any]:
    """Let XLA compile what lies between two products, once for each number of rows, where that pays in a short run."""
    return tf.function(step, jit_compile=True) if units >= _COMPILED_UNITS else step


def _exact(weights: Any) -> Any:
    return tf.float64 if weights.dtype == tf.float64 else tf.float32
