from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.transfer import transfer
from tangshi_tf.vocabulary import UNK, Vocabulary

BASE = Vocabulary("山水风月，。", {"風": "风"}, rare="春花秋鸟", titled=True)
LONGER = BASE.extended({"春": 5, "花": 2, "秋": 1, "風": 9, "山": 1}, min_count=2)


def make(vocabulary: Vocabulary, cell: str, tied: bool, ear: str, seed: int) -> PoetryModel:
    model = PoetryModel(ModelConfig(cell=cell, tied=tied, ear=ear, units=8, embedding=6), vocabulary)
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(random.normal(size=variable.shape))
    return model


def test_a_vocabulary_is_extended_by_what_it_reads_as_unknown() -> None:
    assert LONGER.tokens == (*BASE.tokens, "春", "花")
    assert LONGER.rare == ("秋", "鸟")
    assert LONGER.variants == BASE.variants
    assert LONGER.separator == BASE.separator
    assert BASE.extended({}, 1).dumps() == BASE.dumps()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("ear", ["full", "none"])
def test_the_model_predicts_what_its_base_predicts(cell: str, tied: bool, ear: str) -> None:
    base, model = make(BASE, cell, tied, ear, 0), make(LONGER, cell, tied, ear, 1)
    transfer(base, model)
    x = tf.constant([[1, 5, 6, 9, 7], [1, 8, UNK, 5, 10]])
    ours, theirs = model(x).numpy(), base(x).numpy()
    np.testing.assert_allclose(ours[..., : len(BASE)], theirs, rtol=1e-5, atol=1e-5)
    new = ours[..., len(BASE) :]
    if ear == "none":  # a new character then is one of the four that were unknown
        np.testing.assert_allclose(new, np.repeat(theirs[..., [UNK]] - np.log(4), 2, -1), rtol=1e-4, atol=1e-5)
        unheard = tf.constant([[1, 5, len(BASE), 9, 7], [1, 8, len(BASE) + 1, 5, 10]])
        unknown = tf.where(unheard >= len(BASE), UNK, unheard)
        np.testing.assert_allclose(model(unheard), model(unknown), rtol=1e-5, atol=1e-5)
    else:
        sounds = model.hearing.sounds.numpy()
        assert np.array_equal(sounds[: len(BASE)], base.hearing.sounds.numpy())
        assert sounds[len(BASE) :].any(axis=1).all()  # of 春 and 花, from the table


def test_another_base_is_refused() -> None:
    model = make(LONGER, "gru", True, "none", 1)
    other = Vocabulary("水山风月，。", rare="春花", titled=True)
    with pytest.raises(ConfigError, match="A vocabulary that begins with that of the base is required"):
        transfer(make(other, "gru", True, "none", 0), model)
    with pytest.raises(ConfigError, match="A model with the layers of the base is required"):
        transfer(make(BASE, "lstm", True, "none", 0), model)


@pytest.mark.parametrize("sizes", [{"units": 16}, {"embedding": 7}, {"units": len(BASE), "embedding": len(LONGER)}])
def test_a_base_of_other_sizes_is_refused_and_nothing_is_set(sizes: dict[str, Any]) -> None:
    base = make(BASE, "lstm", True, "none", 0)
    model = PoetryModel(replace(base.config, **sizes), LONGER)
    before = model.get_weights()
    with pytest.raises(ConfigError, match=r"A model of the sizes of the base is required\. Received: a variable of \("):
        transfer(base, model)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_cell_of_your_own_is_not_taken_for_that_of_the_settings() -> None:
    """Its variables may have the very same shapes."""
    model = make(LONGER, "lstm", True, "none", 1)
    own = PoetryModel(
        replace(model.config, recurrent_dropout=0.0), BASE, cell=keras.layers.LSTMCell(8, activation="relu")
    )
    with pytest.raises(ConfigError, match="without a cell of your own are required"):
        transfer(own, model)
