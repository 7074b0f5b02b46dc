"""The loss of a large vocabulary: at once for GPUs, piece by piece with a hand-written gradient for CPUs.

The logits of a batch are its largest array by far, `[tokens, V]`. On a CPU the usual chain (product, cast, bias,
softmax, loss, and all of it backwards) passes over several copies of it that no cache holds. There a few rows at a time
go through the whole chain, loss and gradient at once, and their logits stay in the cache. The gradient of the softmax
cross-entropy by the logits is softmax(logits) - onehot(target) (Bridle 1990). All that is not a product is compiled by
XLA into two or three passes; as every piece has as many rows, once.
"""

from typing import Any

import tensorflow as tf

from tangshi_tf.vocabulary import PAD

__all__ = ["add_at", "all_logits", "summed_nll_at_once", "summed_nll_in_pieces", "token_nll"]

_ROWS = 256  # at a time: 6 MB of logits at V = 6,000; 512 are as fast, 1,024 slower


def token_nll(logits: Any, targets: Any) -> Any:
    """Return the negative log-likelihood of each target in nats, 0 where it is PAD.

    Args:
        logits: float32 `[..., V]`.
        targets: int32 `[...]`.

    Returns:
        float32 `[...]`.
    """
    nll = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return tf.where(targets == PAD, 0.0, nll)


def add_at(logits: Any, tokens: Any, by: Any) -> Any:
    """Return logits `[N, V]` with `by` `[N, K]` added at tokens int32 `[N, K]`; twice, if one comes twice in a row."""
    rows = tf.broadcast_to(tf.range(tf.shape(tokens)[0])[:, tf.newaxis], tf.shape(tokens))
    return tf.tensor_scatter_nd_add(logits, tf.stack([rows, tokens], axis=2), by)


def all_logits(x: Any, table: Any, bias: Any, tokens: Any = None, by: Any = None) -> Any:
    """Return logits x tableᵀ + bias, float32 `[N, V]`, with `by` added at tokens; the product is in the dtype of x."""
    logits = tf.matmul(x, tf.cast(table, x.dtype), transpose_b=True)
    logits = tf.cast(logits, tf.float32) + tf.cast(bias, tf.float32)
    return logits if tokens is None else add_at(logits, tokens, by)


def summed_nll_at_once(
    x: Any, table: Any, bias: Any, targets: Any, dtype: Any = tf.float32, tokens: Any = None, by: Any = None
) -> Any:
    """Do what `summed_nll_in_pieces` does, with the gradient that TensorFlow derives."""
    nll = token_nll(all_logits(tf.cast(x, dtype), table, bias, tokens, by), targets)
    return tf.reduce_sum(nll)


def summed_nll_in_pieces(
    x: Any, table: Any, bias: Any, targets: Any, dtype: Any = tf.float32, tokens: Any = None, by: Any = None
) -> Any:
    """Return the summed negative log-likelihood of the targets under softmax(x tableᵀ + bias), in nats.

    Args:
        x: `[N, D]`.
        table: float32 `[V, D]`.
        bias: float32 `[V]`.
        targets: int32 `[N]`; a row whose target is PAD has no loss.
        dtype: of the matmuls; their results, the softmax and the sums are float32 (float64, if the table is).
        tokens: int32 `[N, K]`, whose logits get a bonus before the softmax, as in `add_at`; none by default.
        by: the bonus, `[N, K]` in the table's dtype.

    Returns:
        A scalar of the table's dtype.
    """
    if tokens is None:
        tokens, by = tf.zeros([tf.size(targets), 0], tf.int32), tf.zeros([tf.size(targets), 0], table.dtype)

    @tf.custom_gradient
    def run(x: Any, table: Any, bias: Any, by: Any) -> Any:
        total, d_x, *slopes = _forward_and_back(x, table, bias, targets, dtype, tokens, by)

        def gradient(d_total: Any) -> Any:
            d_x_total = tf.cast(d_total * tf.cast(d_x, d_total.dtype), x.dtype)
            return d_x_total, *(d_total * slope for slope in slopes)

        return total, gradient

    return run(x, table, bias, by)


def _forward_and_back(x: Any, table: Any, bias: Any, targets: Any, dtype: Any, tokens: Any, by: Any) -> Any:
    """Return the summed nll and its gradients by x, table, bias and by."""
    exact, count, width = table.dtype, tf.shape(x)[0], table.shape[1]
    pieces = (count + _ROWS - 1) // _ROWS
    missing = pieces * _ROWS - count

    def cut(values: Any) -> Any:
        return tf.reshape(tf.pad(values, [[0, missing], [0, 0]]), [pieces, _ROWS, values.shape[1]])

    rows, tokens, by = cut(tf.cast(x, dtype)), cut(tokens), cut(by)
    targets = tf.reshape(tf.pad(targets, [[0, missing]], constant_values=PAD), [pieces, _ROWS])
    narrow_table = tf.cast(table, dtype)

    def piece(i: Any, total: Any, d_x: Any, d_table: Any, d_bias: Any, d_by: Any) -> Any:
        logits = tf.ensure_shape(tf.matmul(rows[i], narrow_table, transpose_b=True), [_ROWS, table.shape[0]])
        nll, d_logits, by_bias, d_bonus = _cross_entropy(logits, bias, targets[i], tokens[i], by[i])
        return (
            i + 1,
            total + nll,
            d_x.write(i, tf.matmul(d_logits, narrow_table)),
            d_table + tf.cast(tf.matmul(d_logits, rows[i], transpose_a=True), exact),
            d_bias + by_bias,
            d_by.write(i, d_bonus),
        )

    start = (
        tf.constant(0),
        tf.zeros([], exact),
        tf.TensorArray(dtype, pieces, element_shape=[_ROWS, width]),
        tf.zeros_like(table),
        tf.zeros_like(bias),
        tf.TensorArray(exact, pieces, element_shape=by.shape[1:]),
    )
    _, total, d_x, d_table, d_bias, d_by = tf.while_loop(lambda i, *_: i < pieces, piece, start, parallel_iterations=2)
    d_x, d_by = (tf.reshape(slope, [-1, slope.shape[2]])[:count] for slope in (d_x.stack(), d_by.stack()))
    return total, d_x, d_table, d_bias, d_by


@tf.function(jit_compile=True)
def _cross_entropy(logits: Any, bias: Any, targets: Any, tokens: Any, by: Any) -> Any:
    """Return the summed nll of a piece; its gradients by the logits, in their dtype, by the bias and by the bonus."""
    exact = add_at(tf.cast(logits, bias.dtype) + bias, tokens, by)
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
        tf.gather(d_logits, tokens, batch_dims=1),
    )
