"""The three recurrences over whole sequences, with hand-written gradients, for CPUs.

TensorFlow has no fused recurrent kernel for CPUs, and the loop that Keras falls back to keeps a copy of the cast
weights for every time step and multiplies out their gradient step by step. Here the products with the input are
one matmul before the loop, and the gradient of the recurrent matrix is one matmul after it (backpropagation through
time, Werbos 1990). Matmuls run in the dtype of the weights, everything else in float32. On GPUs the model uses
the Keras layers, which choose cuDNN, over the same variables.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

__all__ = ["CELLS", "unroll"]

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

    def forward(self, x: Any, r: Any, state: _State) -> tuple[_State, Any]:
        """Take the products with the input and with h, `[B, gates]`; return the state and what backward needs."""

    def backward(self, kept: Any, state: _State, d_state: _State) -> _Step:
        """Take what forward kept, the state before the step, and dL/d(state after)."""


class _RNN:
    gates, states, kept = 1, 1, 1

    def forward(self, x: Any, r: Any, state: _State) -> tuple[_State, Any]:
        h = tf.tanh(x + r)
        return (h,), h

    def backward(self, kept: Any, state: _State, d_state: _State) -> _Step:
        d = d_state[0] * (1.0 - kept * kept)
        return _Step(d, d, (tf.zeros_like(d),))


class _LSTM:
    gates, states, kept = 4, 2, 5

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
    gates, states, kept = 3, 1, 4

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


def unroll(cell: _Cell, x: Any, recurrent: Any, bias: Any, initial: Sequence[Any]) -> Any:
    """Run a cell over whole sequences.

    Args:
        cell: out of `CELLS`.
        x: `[T, B, gates]`, the input times the input matrix, bias added.
        recurrent: `[units, gates]`; its dtype is that of the matmuls.
        bias: `[gates]`, added to the product with h (GRU; zeros for the others).
        initial: the state before the first step, `[B, units]` each, h first.

    Returns:
        h after every step, float32 `[T, B, units]`.
    """

    @tf.custom_gradient
    def run(x: Any, recurrent: Any, bias: Any, *initial: Any) -> Any:
        h, kept, states = _forward(cell, x, recurrent, bias, initial)

        def gradient(d_h: Any) -> Any:
            return _backward(cell, d_h, x, recurrent, bias, kept, states)

        return h, gradient

    return run(x, recurrent, bias, *[tf.cast(entry, tf.float32) for entry in initial])


def _forward(cell: _Cell, x: Any, recurrent: Any, bias: Any, initial: Sequence[Any]) -> Any:
    """Return h after each step, what each step kept, and every state before each step, all stacked over T."""
    steps, rows = tf.shape(x)[0], x.shape[1]
    units = recurrent.shape[0]
    bias = tf.cast(bias, tf.float32)

    def array(width: int) -> Any:
        return tf.TensorArray(tf.float32, steps, element_shape=[rows, width])

    def body(t: Any, state: _State, outputs: Any, kept: Any, before: Any) -> Any:
        r = tf.cast(tf.matmul(tf.cast(state[0], recurrent.dtype), recurrent), tf.float32) + bias
        before = tuple(a.write(t, s) for a, s in zip(before, state, strict=True))
        state, keep = cell.forward(tf.cast(x[t], tf.float32), r, state)
        return t + 1, state, outputs.write(t, state[0]), kept.write(t, keep), before

    _, _, outputs, kept, before = tf.while_loop(
        lambda t, *_: t < steps,
        body,
        (
            0,
            tuple(initial),
            array(units),
            array(cell.kept * units),
            tuple(array(units) for _ in range(cell.states)),
        ),
    )
    return outputs.stack(), kept.stack(), tuple(a.stack() for a in before)


def _backward(cell: _Cell, d_h: Any, x: Any, recurrent: Any, bias: Any, kept: Any, states: Sequence[Any]) -> Any:
    """Return the gradients of x, the recurrent matrix, its bias and the initial state."""
    steps, rows = tf.shape(x)[0], x.shape[1]
    gates = recurrent.shape[1]
    transposed = tf.transpose(recurrent)

    def array() -> Any:
        return tf.TensorArray(tf.float32, steps, element_shape=[rows, gates])

    def body(t: Any, d_state: _State, d_inputs: Any, d_recurrents: Any) -> Any:
        d_state = (d_state[0] + d_h[t], *d_state[1:])
        step = cell.backward(kept[t], tuple(s[t] for s in states), d_state)
        through = tf.cast(tf.matmul(tf.cast(step.d_recurrent, recurrent.dtype), transposed), tf.float32)
        d_state = (step.d_state[0] + through, *step.d_state[1:])
        return t - 1, d_state, d_inputs.write(t, step.d_input), d_recurrents.write(t, step.d_recurrent)

    zeros = tuple(tf.zeros_like(s[0]) for s in states)
    _, d_initial, d_inputs, d_recurrents = tf.while_loop(
        lambda t, *_: t >= 0, body, (steps - 1, zeros, array(), array())
    )
    d_r = d_recurrents.stack()
    d_flat = tf.cast(tf.reshape(d_r, [-1, gates]), recurrent.dtype)
    h_flat = tf.cast(tf.reshape(states[0], [-1, recurrent.shape[0]]), recurrent.dtype)
    return (
        tf.cast(d_inputs.stack(), x.dtype),
        tf.matmul(h_flat, d_flat, transpose_a=True),
        tf.cast(tf.reduce_sum(d_r, [0, 1]), bias.dtype),
        *d_initial,
    )
