import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.model.random import row_choice, row_normal, row_uniform


def test_uniform_numbers_depend_on_the_seed_alone() -> None:
    together = row_uniform([5, 6, 2**40, -3], 100).numpy()
    assert np.array_equal(together[1], row_uniform([6], 100).numpy()[0])
    assert np.array_equal(together[:, :37], row_uniform([5, 6, 2**40, -3], 37).numpy())
    assert not np.any(together == row_uniform([5, 6, 2**40, -3], 100, block=1).numpy())
    assert len(np.unique(together)) > 390


def test_random_numbers_are_distributed_as_they_should_be() -> None:
    uniform, normal = row_uniform(range(300), 100).numpy(), row_normal(range(300), 100).numpy()
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0
    # 30,000 numbers: four standard errors of the mean and of the standard deviation.
    assert abs(uniform.mean() - 0.5) < 0.007
    assert abs(normal.mean()) < 0.024
    assert abs(normal.std() - 1.0) < 0.017


def test_normal_numbers_depend_on_the_seed_alone_and_are_not_the_uniform_ones() -> None:
    together = row_normal([5, 6, 2**40], 50).numpy()
    assert np.array_equal(together[1], row_normal([6], 50).numpy()[0])
    assert len(np.unique(together)) == together.size
    half = row_uniform(range(100), 1).numpy()[:, 0] < 0.5
    assert 25 < (half == (row_normal(range(100), 1).numpy()[:, 0] < 0)).sum() < 75  # one says nothing of the other


def test_a_choice_is_as_frequent_as_its_chance() -> None:
    chances = tf.constant([[1.0, 0.0, 2.0, 1.0]] * 500)
    chosen = row_choice(tf.range(500, dtype=tf.int64), chances).numpy()
    shares = np.bincount(chosen, minlength=4) / 500
    assert shares[1] == 0
    assert shares == pytest.approx([0.25, 0.0, 0.5, 0.25], abs=0.06)
    assert row_choice([7], chances[:1]).numpy().tolist() == [chosen[7]]
    assert row_choice(range(50), tf.constant([[0.0, 0.0, 3.0]] * 50)).numpy().tolist() == [2] * 50


@pytest.mark.parametrize("block", range(8))
def test_no_block_of_numbers_is_that_of_the_choice_or_of_the_state(block: int) -> None:
    seeds, size = range(50), 1_000
    uniform = row_uniform(seeds, 1, block).numpy()[:, 0]
    chosen = row_choice(seeds, np.ones([50, size], np.float32)).numpy()
    assert (np.floor(uniform * size) == chosen).sum() < 5
    below = uniform < 0.5
    assert 8 < (below == (row_normal(seeds, 1).numpy()[:, 0] < 0)).sum() < 42
