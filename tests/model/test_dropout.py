import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.model.dropout import NO_DROPOUT, Dropout

CONFIG = ModelConfig(dropout=0.4, recurrent_dropout=0.25)


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    drop = Dropout(CONFIG, seed=[0, 0], first_row=0)
    out = drop(tf.ones([6_000, 3, 8])).numpy()
    assert out.mean() == pytest.approx(1.0, abs=0.02)
    assert (out == 0).mean() == pytest.approx(0.4, abs=0.01)
    assert (out == out[:, :1]).all()  # at all steps of a row
    assert not np.array_equal(out, drop(tf.ones([6_000, 3, 8])))
    weights = drop.of_weights(tf.ones([200, 800])).numpy()
    assert weights.mean() == pytest.approx(1.0, abs=0.01)
    assert (weights == 0).mean() == pytest.approx(0.25, abs=0.005)


def test_no_step_repeats_a_mask_of_another() -> None:
    masks = [Dropout(CONFIG, [0, step], 0) for step in range(3)]
    drawn = [tuple(mask(tf.ones([4, 5, 6])).numpy().ravel()) for mask in masks for _ in range(3)]
    assert len(set(drawn)) == 9


def test_a_row_has_the_same_mask_wherever_it_is() -> None:
    whole = Dropout(CONFIG, [1, 2], 0)(tf.ones([6, 2, 5])).numpy()
    assert np.array_equal(Dropout(CONFIG, [1, 2], 4)(tf.ones([2, 2, 5])), whole[4:])


def test_nothing_is_dropped_at_a_rate_of_zero() -> None:
    x = tf.ones([2, 3, 4])
    for masks in (NO_DROPOUT, Dropout(ModelConfig(dropout=0.0, recurrent_dropout=0.0), [1, 2], 0)):
        assert masks(x) is x
        assert masks.of_weights(x) is x
