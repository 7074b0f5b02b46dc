"""One step, with the weights as they are and with those of a loop, beside the NumPy cells."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.step import PADDED_TO, LoopWeights, StepWeights, padded_size, take_step
from tests import reference
from tests.conftest import ModelMaker

ARRANGEMENTS = [
    ("rnn", 1, True, "none"),
    ("lstm", 2, False, "none"),
    ("gru", 1, True, "sounds"),
    ("gru", 2, False, "verse"),
    ("lstm", 1, True, "full"),
]


def quatrain(model: PoetryModel) -> Any:
    """Return two texts, one of which is verse with a rhyme."""
    texts = ["白日依山尽，黄河入海流。欲穷千里目，更上一层", "楼，床。风龘风花，，鸟声知多少。流流流楼楼春"]
    return np.array([model.vocabulary.encode(text) for text in texts], np.int32)


@pytest.mark.parametrize(("cell", "layers", "tied", "ear"), ARRANGEMENTS)
def test_both_kinds_of_weights_give_what_numpy_gives(
    make_model: ModelMaker, cell: str, layers: int, tied: bool, ear: str
) -> None:
    model = make_model(cell, layers, tied=tied, ear=ear)
    size = len(model.vocabulary)
    tokens = quatrain(model)
    state = looped = model.get_initial_state(2, "random", seed=3)
    expected = reference.logits(model, tokens, [entry.numpy() for entry in tf.nest.flatten(state)])
    plain, loop = StepWeights(model), LoopWeights(model)
    for t, token in enumerate(tokens.T):
        logits, state = take_step(plain, token, state)
        filled, looped = take_step(loop, token, looped)
        assert filled.shape == (2, padded_size(size))
        assert np.isneginf(filled[:, size:]).all()
        np.testing.assert_allclose(logits, expected[:, t], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(filled[:, :size], expected[:, t], rtol=1e-4, atol=1e-4)
        tf.nest.assert_same_structure(state, looped)
        for a, b in zip(tf.nest.flatten(state), tf.nest.flatten(looped), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_loop_has_full_rows_of_logits() -> None:
    assert [padded_size(size) for size in (1, PADDED_TO, PADDED_TO + 1)] == [PADDED_TO, PADDED_TO, 2 * PADDED_TO]


def test_a_row_does_not_know_the_others(make_model: ModelMaker) -> None:
    model = make_model("gru", 2, ear="full")
    weights, tokens = LoopWeights(model), quatrain(model)
    both, alone = model.get_initial_state(2), model.get_initial_state(1)
    for token in tokens.T:
        logits, both = take_step(weights, token, both)
        own, alone = take_step(weights, token[:1], alone)
        size = len(model.vocabulary)
        np.testing.assert_allclose(own[0, :size], logits[0, :size], rtol=1e-5, atol=1e-5)
