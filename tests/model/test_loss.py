from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.model.loss import summed_nll_at_once, summed_nll_in_pieces, token_nll
from tangshi_tf.vocabulary import PAD

TOKENS = np.array([3, 7, 3])  # with a bonus in every row, one of them twice


def example(count: int, dtype: str = "float64") -> tuple[Any, ...]:
    source = np.random.default_rng(0)
    x, table, bias, by = (source.normal(size=size).astype(dtype) for size in ((count, 5), (11, 5), (11,), (count, 3)))
    return x, table, bias, by, source.integers(PAD, 11, count).astype(np.int32)


def reference(arrays: list[Any], targets: Any) -> tuple[Any, ...]:
    """The summed nll and its gradients by x, table, bias and by, in NumPy."""
    x, table, bias, by = (array.astype(float) for array in arrays)
    logits = x @ table.T + bias
    for i, token in enumerate(TOKENS):
        logits[:, token] += by[:, i]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    there = targets != PAD
    nll = -np.log(p[rows, targets])[there].sum()
    p[rows, targets] -= 1
    p[~there] = 0
    return float(nll), p @ table, p.T @ x, p.sum(axis=0), p[:, TOKENS]


def with_gradients(
    arrays: list[Any], targets: Any, dtype: Any, summed_nll: Any = summed_nll_in_pieces
) -> tuple[Any, list[Any]]:
    tokens = np.tile(TOKENS.astype(np.int32), (len(targets), 1))

    @tf.function
    def both(x: Any, table: Any, bias: Any, by: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, table, bias, by])
            total = 3.0 * summed_nll(x, table, bias, targets, dtype, tokens, by)
        return total, tape.gradient(total, [x, table, bias, by])

    return both(*(tf.constant(a) for a in arrays))


@pytest.mark.parametrize("count", [1, 255, 256, 700])
@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float64, 1e-12), (tf.float32, 1e-4), (tf.bfloat16, 0.05)])
def test_loss_and_gradients_are_those_of_numpy(count: int, dtype: Any, tolerance: float) -> None:
    *arrays, targets = example(count, "float64" if dtype == tf.float64 else "float32")
    total, gradients = with_gradients(arrays, targets, dtype)
    expected, *slopes = reference(arrays, targets)
    assert float(total) == pytest.approx(3 * expected, rel=tolerance)
    for found, slope in zip(gradients, slopes, strict=True):
        assert np.linalg.norm(found - 3 * slope) <= tolerance * np.linalg.norm(3 * slope)


def test_gradients_are_finite_differences() -> None:
    *inputs, targets = example(9)
    _, gradients = with_gradients(inputs, targets, tf.float64)
    for which, gradient in enumerate(gradients):
        for place in np.ndindex(inputs[which].shape):
            ends = []
            for shift in (1e-6, -1e-6):
                moved = inputs[which].copy()
                moved[place] += shift
                arrays = [moved if i == which else array for i, array in enumerate(inputs)]
                ends.append(3 * reference(arrays, targets)[0])
            assert gradient.numpy()[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-7)


def test_no_rows_have_no_loss() -> None:
    *arrays, targets = example(0)
    total, gradients = with_gradients(arrays, targets, tf.float64)
    assert float(total) == 0
    assert all(float(tf.reduce_sum(abs(gradient))) == 0 for gradient in gradients)


@pytest.mark.parametrize("summed_nll", [summed_nll_at_once, summed_nll_in_pieces])
def test_there_need_not_be_a_bonus(summed_nll: Any) -> None:
    *arrays, by, targets = example(9, "float32")
    plain = summed_nll(*map(tf.constant, arrays), targets)
    assert float(plain) == pytest.approx(reference([*arrays, 0 * by], targets)[0], rel=1e-5)


def test_the_loss_of_gpus_is_that_of_cpus() -> None:
    *arrays, targets = example(300, "float32")
    totals, gradients = zip(
        *(with_gradients(arrays, targets, tf.float32, loss) for loss in (summed_nll_at_once, summed_nll_in_pieces)),
        strict=True,
    )
    assert float(totals[0]) == pytest.approx(float(totals[1]), rel=1e-5)
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_padding_has_no_weight() -> None:
    logits = tf.random.stateless_normal([2, 3, 5], [0, 0])
    targets = tf.constant([[1, 2, 3], [4, PAD, PAD]])
    nll = token_nll(logits, targets).numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(nll[0], [-np.log(probabilities[0, t, t + 1]) for t in range(3)], rtol=1e-5)
    assert nll[1, 1:].tolist() == [0, 0]
