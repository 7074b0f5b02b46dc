"""A student writes a cell, and everything works with it but the fast code."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError, ModelError
from tangshi_tf.evaluation.perplexity import evaluate
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.own_cell import sizes_of
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model, load
from tangshi_tf.vocabulary import Vocabulary

VOCABULARY = Vocabulary("，。山水风月花春秋夜人天白云江", titled=True)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@keras.saving.register_keras_serializable("tests")
class MinimalGRUCell(keras.layers.Layer):
    """One gate for both (Zhou et al. 2016)."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.gate = self.add_weight((input_shape[-1] + self.units, self.units), name="gate")
        self.candidate = self.add_weight((input_shape[-1] + self.units, self.units), name="candidate")

    def call(self, inputs: Any, states: Any) -> tuple[Any, Any]:
        (h,) = states
        f = keras.ops.sigmoid(keras.ops.concatenate([inputs, h], axis=-1) @ self.gate)
        g = keras.ops.tanh(keras.ops.concatenate([inputs, f * h], axis=-1) @ self.candidate)
        h = (1 - f) * h + f * g
        return h, [h]


def config(**settings: Any) -> ModelConfig:
    plain: dict[str, Any] = {"units": 6, "embedding": 5, "ear": "none", "recurrent_dropout": 0.0}
    return ModelConfig(**(plain | settings))


def tokens() -> np.ndarray:
    return np.random.default_rng(5).integers(5, len(VOCABULARY), (4, 7)).astype(np.int32)


@pytest.mark.parametrize("ear", ["none", pytest.param("full", marks=pytest.mark.ci)])
def test_a_student_trains_and_keeps_a_variant(ear: str, tmp_path: Path) -> None:
    model = PoetryModel(config(ear=ear, dropout=0.0), VOCABULARY, cell=MinimalGRUCell(6))
    model.compile("adam", LOSS)
    losses = model.fit(tokens()[:, :-1], tokens()[:, 1:], epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    state, steps = model.get_initial_state(4), []
    for column in tokens().T:
        logits, state = model.step(column, state)
        steps.append(logits)
    np.testing.assert_allclose(np.stack(steps, axis=1), model(tokens()), rtol=1e-4, atol=1e-5)
    assert evaluate(model, ["山水，花月。"]).total.tokens == 7
    model.save(tmp_path / "x.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "x.keras")(tokens()), model(tokens()), rtol=1e-5)


@pytest.mark.ci
def test_it_writes_in_a_savedmodel_but_cannot_be_rebuilt_from_one(tmp_path: Path) -> None:
    model = PoetryModel(config(), VOCABULARY, cell=MinimalGRUCell(6))
    version = export_model(model, tmp_path)
    poet, live = load(version), Poet(model)
    for seed in range(3):
        wanted = live.generate("山", seed=seed, max_length=9)["poem"].numpy()
        assert poet.generate("山", seed=seed, max_length=9)["poem"].numpy() == wanted
    assert "MinimalGRUCell of 1 layer of 6 units" in poet.about().numpy().decode()
    with pytest.raises(ModelError, match=r"cell out of rnn, lstm, gru is required. Received: 'MinimalGRUCell'"):
        PoetryModel.from_saved_model(version)


@pytest.mark.parametrize("name", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_the_cells_of_keras_compute_what_the_fast_code_does(name: str) -> None:
    short = {"SimpleRNNCell": "rnn", "LSTMCell": "lstm", "GRUCell": "gru"}[name]
    fast = PoetryModel(config(cell=short, layers=2), VOCABULARY)
    cells = [getattr(keras.layers, name)(6) for _ in range(2)]
    plain = PoetryModel(config(layers=2), VOCABULARY, cell=cells)
    plain.set_weights(fast.get_weights())
    state = fast.get_initial_state(4, "random", seed=1)
    np.testing.assert_allclose(plain(tokens(), state=state), fast(tokens(), state=state), rtol=1e-4, atol=1e-5)
    (ours, after), (theirs, follows) = (who.step(tokens()[:, 0], state) for who in (fast, plain))
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)
    tf.nest.assert_same_structure(after, follows)
    assert plain.state_layout.widths == fast.state_layout.widths


def test_what_does_not_fit_is_refused() -> None:
    def refused(match: str, cell: Any, **settings: Any) -> None:
        with pytest.raises(ConfigError, match=match):
            PoetryModel(config(**settings), VOCABULARY, cell=cell)

    cell = MinimalGRUCell(6)
    refused(r"for each of 2 layers is required. Received: 1\.", cell, layers=2)
    refused(r"for each of 2 layers is required. Received: 1\.", [cell, cell], layers=2)
    refused(r"as many units as the model, 7, is required. Received: 6\.", cell, units=7)
    refused(r"recurrent_dropout 0 is required .* Received: 0\.2\.", cell, recurrent_dropout=0.2)
    refused(r"A Keras cell is required: .* Received: Dense\.", keras.layers.Dense(6))
    refused(r"A Keras cell is required: .* Received: type\.", MinimalGRUCell)
    refused("is a layer more", keras.layers.StackedRNNCells([keras.layers.LSTMCell(6)] * 2))
    assert sizes_of(keras.layers.LSTMCell(6)) == (6, 6)
