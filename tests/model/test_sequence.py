"""Whole sequences, beside the step that goes token by token."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.model.dropout import Dropout
from tangshi_tf.model.sequence import logits_of, output_of, read_sequence
from tangshi_tf.model.step import StepWeights, take_step
from tangshi_tf.vocabulary import PAD
from tests.conftest import ModelMaker

TEXT = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
KINDS = [("lstm", 2, True, "full"), ("gru", 1, False, "verse"), ("rnn", 2, True, "none")]


def tokens_of(model: Any) -> Any:
    ids = model.vocabulary.encode(TEXT)
    return np.array([ids, ids[12:] + ids[:12]], np.int32)


@pytest.mark.parametrize(("cell", "layers", "tied", "ear"), KINDS)
def test_a_sequence_is_its_steps(make_model: ModelMaker, cell: str, layers: int, tied: bool, ear: str) -> None:
    model = make_model(cell, layers, tied=tied, ear=ear)
    tokens, begin = tokens_of(model), model.get_initial_state(2, "random", seed=1)
    read, weights, state = read_sequence(model, tokens, begin), StepWeights(model), begin
    logits = logits_of(model, read).numpy()
    for t, token in enumerate(tokens.T):
        of_step, state = take_step(weights, token, state)
        np.testing.assert_allclose(logits[:, t], of_step, rtol=1e-4, atol=1e-4)
    floats = tf.nest.flatten(state)[: len(read.after)]
    for after, expected in zip(read.after, floats, strict=True):
        np.testing.assert_allclose(after, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ear", ["full", "none"])
def test_without_a_state_it_begins_at_zero(make_model: ModelMaker, ear: str) -> None:
    model = make_model("lstm", ear=ear)
    tokens = tokens_of(model)
    read, same = read_sequence(model, tokens), read_sequence(model, tokens, model.get_initial_state(2))
    np.testing.assert_allclose(read.x, same.x, rtol=1e-6, atol=1e-6)
    assert (read.bonus is None) == (ear == "none")
    assert len(read.bonus_at) == (0 if ear == "none" else 2)


def test_the_output_is_a_product_and_the_bonus_of_single_tokens(make_model: ModelMaker) -> None:
    """x tableᵀ + bias, and beside it what rhymes have had: the two together are the logits."""
    model = make_model("lstm", ear="full")
    read = read_sequence(model, tokens_of(model))
    x, table, bias = output_of(model, read, tf.float32)
    logits = x.numpy() @ table.numpy().T + bias.numpy()
    rhymes, by = (np.asarray(part) for part in read.bonus_at)
    assert (rhymes != PAD).any()
    for row, (own, bonus) in enumerate(zip(rhymes, by, strict=True)):
        for token, value in zip(own, bonus, strict=True):
            logits[row, token] += value
    np.testing.assert_allclose(logits.reshape(2, len(TEXT), -1), logits_of(model, read), rtol=1e-4, atol=1e-4)


def test_dropout_is_that_of_its_masks(make_model: ModelMaker) -> None:
    model = make_model("gru", ear="none")
    config = type(model.config)(cell="gru", dropout=0.5, recurrent_dropout=0.5)
    tokens = tokens_of(model)
    plain = read_sequence(model, tokens).x.numpy()
    one, again, other = (read_sequence(model, tokens, None, Dropout(config, [0, s], 0)).x.numpy() for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, plain)
    assert ((one == 0).all(axis=1) != (one == 0).any(axis=1)).sum() == 0  # dropped at all steps or at none
    assert 0.2 < (one == 0).mean() < 0.8
