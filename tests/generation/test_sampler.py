from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.generation.sampler import sampler
from tests import reference

SIZE = 40
KNOBS = [
    (temperature, top_k, top_p)
    for temperature in (0.0, 0.3, 1.0, 1.7)
    for top_k in (0, 1, 5, 100)
    for top_p in (0.05, 0.6, 0.95, 1.0)
]


def some_logits(rows: int, seed: int = 0) -> Any:
    return (3.0 * np.random.default_rng(seed).standard_normal([rows, SIZE])).astype(np.float32)


def choose_one_setting(logits: Any, uniform: Any, temperature: float, top_k: int, top_p: float) -> Any:
    rows = len(logits)
    choose = sampler(tf.fill([rows], temperature), tf.fill([rows], top_k), tf.fill([rows], top_p))
    return choose(tf.constant(logits), tf.constant(uniform, tf.float32)).numpy()


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), KNOBS)
def test_the_distribution_is_the_reference(temperature: float, top_k: int, top_p: float) -> None:
    logits, points = some_logits(1)[0], 64
    grid = (np.arange(points) + 0.5) / points
    uniform = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    chosen = choose_one_setting(np.tile(logits, [len(uniform), 1]), uniform, temperature, top_k, top_p)
    expected = reference.filtered(logits, temperature, top_k, top_p)
    np.testing.assert_allclose(np.bincount(chosen, minlength=SIZE) / len(uniform), expected, atol=2.2 / points)


def test_mixed_rows_are_the_reference() -> None:
    logits, random = some_logits(len(KNOBS)), np.random.default_rng(1)
    temperature, top_k, top_p = (np.array(values) for values in zip(*KNOBS, strict=True))
    for _ in range(6):
        uniform = random.random([len(KNOBS), 2]).astype(np.float32)
        choose = sampler(temperature.astype(np.float32), top_k.astype(np.int32), top_p.astype(np.float32))
        chosen = choose(tf.constant(logits), tf.constant(uniform))
        expected = [reference.choose(row, u, *knobs) for row, u, knobs in zip(logits, uniform, KNOBS, strict=True)]
        assert chosen.numpy().tolist() == expected


def test_a_row_does_not_depend_on_the_others() -> None:
    logits, uniform = some_logits(len(KNOBS)), np.random.default_rng(2).random([len(KNOBS), 2])
    temperature, top_k, top_p = (np.array(values) for values in zip(*KNOBS, strict=True))
    choose = sampler(temperature.astype(np.float32), top_k.astype(np.int32), top_p.astype(np.float32))
    together = choose(tf.constant(logits), tf.constant(uniform, tf.float32))
    some = range(0, len(KNOBS), 3)
    alone = [choose_one_setting(logits[[i, i]], uniform[[i, i]], *KNOBS[i])[0] for i in some]
    assert together.numpy()[::3].tolist() == alone


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), KNOBS)
def test_a_forbidden_token_is_never_chosen(temperature: float, top_k: int, top_p: float) -> None:
    logits = some_logits(4)
    logits[:, [0, 3, SIZE - 1]] = -np.inf
    logits[3, 4:] = -np.inf  # fewer tokens than top_k
    for uniform in (0.0, 0.5, 1.0 - 2.0**-23, 1.0):
        chosen = choose_one_setting(logits, np.full([4, 2], uniform), temperature, top_k, top_p)
        assert np.all(np.isfinite(logits[np.arange(4), chosen]))


def test_extreme_temperatures() -> None:
    logits = some_logits(3)
    for cold in (9e-4, 1e-38, 1e-45):
        assert np.array_equal(choose_one_setting(logits, np.full([3, 2], 0.7), cold, 0, 0.9), logits.argmax(-1))
    grid = np.repeat((np.arange(SIZE) + 0.5) / SIZE, 2).reshape(-1, 2)
    hot = choose_one_setting(np.tile(logits[0], [SIZE, 1]), grid, 1e30, 0, 1.0)
    assert hot.tolist() == list(range(SIZE))
    narrow = choose_one_setting(np.tile(logits[0], [SIZE, 1]), grid, 1e30, 2, 1.0)
    assert np.bincount(narrow)[np.argsort(logits[0])[-2:]].min() >= SIZE / 2 - 2
    assert set(narrow) == set(np.argsort(logits[0])[-2:])


def test_ties_at_the_last_place_are_all_kept() -> None:
    logits = np.tile(np.array([0.0, 1.0, 1.0, 1.0, -2.0], np.float32), [30, 1])
    uniform = np.repeat((np.arange(30) + 0.5) / 30, 2).reshape(-1, 2)
    assert set(choose_one_setting(logits, uniform, 1.0, 1, 1.0).tolist()) == {1, 2, 3}
    assert set(choose_one_setting(logits, uniform, 1.0, 0, 0.1).tolist()) == {1, 2, 3}


@pytest.mark.parametrize("size", [1, 63, 64, 65, 5613])
def test_a_vocabulary_of_any_size(size: int) -> None:
    random = np.random.default_rng(size)
    logits = (3.0 * random.standard_normal([50, size])).astype(np.float32)
    uniform = random.random([50, 2]).astype(np.float32)
    chosen = choose_one_setting(logits, uniform, 0.8, 0, 0.95)
    expected = [reference.choose(row, u, 0.8, 0, 0.95) for row, u in zip(logits, uniform, strict=True)]
    assert chosen.tolist() == expected
