"""The loss of a large vocabulary, with a hand-written gradient, for CPUs.

The logits of a batch are its largest array by far, `[tokens, V]`, and the usual chain (product, cast, bias, softmax,
loss, and all of it backwards) passes over several copies of it that no cache holds. Here a few rows at a time go
through the whole chain, loss and gradient at once, and their logits stay in the cache. The gradient of the softmax
cross-entropy by the logits is softmax(logits) - onehot(target) (Bridle 1990). All that is not a product is compiled by
XLA into two or three passes; as every piece has as many rows, once.
"""

from typing import Any

import tensorflow as tf

from tangshi_tf.vocabulary import PAD

__all__ = ["summed_nll"]

_ROWS = 256  # at a time: 6 MB of logits at V = 6,000; 512 are as fast, 1,024 slower


def summed_nll(x: Any, table: Any, bias: Any, targets: Any, dtype: Any = tf.float32) -> Any:
    """Return the summed negative log-likelihood of the targets under softmax(x tableᵀ + bias), in nats.

    Args:
        x: `[N, D]`.
        table: float32 `[V, D]`.
        bias: float32 `[V]`.
        targets: int32 `[N]`; a row whose target is PAD has no loss.
        dtype: of the matmuls; their results, the softmax and the sums are float32 (float64, if the table is).

    Returns:
        A scalar of the table's dtype.
    """

    @tf.custom_gradient
    def run(x: Any, table: Any, bias: Any) -> Any:
        total, d_x, d_table, d_bias = _forward_and_back(x, table, bias, targets, dtype)

        def gradient(d_total: Any) -> Any:
            return tf.cast(d_total * tf.cast(d_x, d_total.dtype), x.dtype), d_total * d_table, d_total * d_bias

        return total, gradient

    return run(x, table, bias)


def _forward_and_back(x: Any, table: Any, bias: Any, targets: Any, dtype: Any) -> Any:
    """Return the summed nll and its gradients by x, table and bias."""
    exact, count, width = table.dtype, tf.shape(x)[0], table.shape[1]
    pieces = (count + _ROWS - 1) // _ROWS
    missing = pieces * _ROWS - count
    rows = tf.reshape(tf.pad(tf.cast(x, dtype), [[0, missing], [0, 0]]), [pieces, _ROWS, width])
    targets = tf.reshape(tf.pad(targets, [[0, missing]], constant_values=PAD), [pieces, _ROWS])
    narrow_table = tf.cast(table, dtype)

    def piece(i: Any, total: Any, d_x: Any, d_table: Any, d_bias: Any) -> Any:
        logits = tf.ensure_shape(tf.matmul(rows[i], narrow_table, transpose_b=True), [_ROWS, table.shape[0]])
        nll, d_logits, by_bias = _cross_entropy(logits, bias, targets[i])
        return (
            i + 1,
            total + nll,
            d_x.write(i, tf.matmul(d_logits, narrow_table)),
            d_table + tf.cast(tf.matmul(d_logits, rows[i], transpose_a=True), exact),
            d_bias + by_bias,
        )

    start = (
        tf.constant(0),
        tf.zeros([], exact),
        tf.TensorArray(dtype, pieces, element_shape=[_ROWS, width]),
        tf.zeros_like(table),
        tf.zeros_like(bias),
    )
    _, total, d_x, d_table, d_bias = tf.while_loop(lambda i, *_: i < pieces, piece, start, parallel_iterations=2)
    return total, tf.reshape(d_x.stack(), [-1, width])[:count], d_table, d_bias


@tf.function(jit_compile=True)
def _cross_entropy(logits: Any, bias: Any, targets: Any) -> Any:
    """Return the summed nll of a piece and its gradients by the logits, in their dtype, and by the bias."""
    exact = tf.cast(logits, bias.dtype) + bias
    top = tf.reduce_max(exact, axis=1, keepdims=True)
    powers = tf.exp(exact - top)
    total = tf.reduce_sum(powers, axis=1, keepdims=True)
    there = targets[:, tf.newaxis] != PAD
    hit = tf.range(logits.shape[1])[tf.newaxis] == targets[:, tf.newaxis]
    nll = tf.math.log(total) + top - tf.reduce_sum(tf.where(hit, exact, 0.0), axis=1, keepdims=True)
    d_logits = tf.where(there, powers / total - tf.cast(hit, bias.dtype), 0.0)
    return (
        tf.reduce_sum(tf.where(there, nll, 0.0)),
        tf.cast(d_logits, logits.dtype),
        tf.reduce_sum(d_logits, axis=0),
    )
