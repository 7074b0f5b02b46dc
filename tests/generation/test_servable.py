"""What a SavedModel takes and refuses, and the defaults of its signatures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tangshi_tf.errors import StateError, TokenError
from tangshi_tf.generation.inputs import INPUTS
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model, load
from tests.conftest import ModelMaker, OnceMaker

ROWS = [("rnn", "none"), ("lstm", "none"), ("gru", "none"), ("rnn", "full"), ("lstm", "full"), ("gru", "full")]
QUICK = ROWS[1], ROWS[5]
REFUSED = (TokenError, StateError, tf.errors.InvalidArgumentError)


@pytest.fixture(
    scope="module",
    params=[pytest.param(row, id="-".join(row), marks=[] if row in QUICK else pytest.mark.long) for row in ROWS],
)
def served(request: pytest.FixtureRequest, make_model: ModelMaker, make_once: OnceMaker) -> tuple[PoetryModel, Path]:
    cell, ear = request.param
    model = make_model(cell, ear=ear)
    return model, make_once(f"served-{cell}-{ear}", lambda made: export_model(model, made)) / "1"


@pytest.fixture(scope="module")
def everyone(served: tuple[PoetryModel, Path]) -> list[Any]:
    """The model, a poet with it, and the SavedModel of that."""
    return [served[0], Poet(served[0]), load(served[1])]


def test_tokens_of_any_integer_type_are_taken(everyone: list[Any]) -> None:
    for who in everyone:
        state = who.get_initial_state(2)
        expected = who.step(tf.constant([1, 5]), state)[0]
        for token in (tf.constant([1, 5], tf.int64), np.array([1, 5]), np.array([1, 5], np.int32), [1, 5]):
            assert np.array_equal(who.step(token, state)[0], expected)
            assert who.get_next_token(token, state)[0].dtype == tf.int32
    for poet in everyone[1:]:
        texts = [poet.decode(tf.constant([[5, 6]], dtype)).numpy() for dtype in (tf.int32, tf.int64)]
        assert texts[0] == texts[1]


def test_a_live_poet_takes_seeds_of_any_integer_type(everyone: list[Any]) -> None:
    poet = everyone[1]
    expected = poet.generate("山", seed=3, top_k=2, max_length=9)["poem"].numpy()
    for dtype in (tf.int32, tf.int64):
        seed, top_k = tf.constant(3, dtype), tf.constant(2, dtype)
        assert poet.generate("山", seed=seed, top_k=top_k, max_length=9)["poem"].numpy() == expected


def test_a_loaded_poet_takes_numbers_of_python_and_numpy_and_traces_none_anew(everyone: list[Any]) -> None:
    poet = everyone[2]
    expected = poet.generate("山", seed=3, top_k=2, max_length=9, temperature=1.0)["poem"].numpy()
    for whole in (np.int32, np.int64, lambda value: np.array([value], np.int32), lambda value: [value]):
        given = {name: whole(value) for name, value in {"seed": 3, "top_k": 2, "max_length": 9}.items()}
        assert poet.generate("山", temperature=np.float64(1.0), **given)["poem"].numpy() == expected
    cast = tf.cast(tf.constant(3), tf.int64)
    assert poet.generate("山", seed=cast, top_k=2, max_length=9, temperature=1.0)["poem"].numpy() == expected
    with pytest.raises(TypeError, match="int64"):
        poet.generate("山", seed=tf.constant(3))
    traces = poet.generate.experimental_get_tracing_count()
    for seed in range(3):
        poet.generate("山", seed=seed, max_length=3)
    assert poet.generate.experimental_get_tracing_count() == traces


@pytest.mark.parametrize("token", [[[5], [6]], 5])
def test_tokens_of_another_shape_are_refused(everyone: list[Any], token: Any) -> None:
    for who in everyone:
        with pytest.raises(REFUSED, match=r"okens of shape \[B\] are required") as caught:
            who.get_next_token(tf.constant(token), who.get_initial_state(2))
        assert str(tf.constant(token).shape).strip("()").replace(", ", " ") in str(caught.value).replace(", ", " ")


@pytest.mark.parametrize("rows", [1, 2])
def test_states_of_another_length_are_refused(everyone: list[Any], rows: int) -> None:
    for who in everyone:
        with pytest.raises(REFUSED, match=r"of 3 rows are required|as many rows in every state"):
            who.step(tf.constant([5, 6, 7]), who.get_initial_state(rows))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_states_that_are_no_finite_numbers_are_refused(everyone: list[Any], wrong: float) -> None:
    for who in everyone:
        first, *rest = tf.nest.flatten(who.get_initial_state(2))
        first = tf.tensor_scatter_nd_update(first, [[1, 3]], [wrong])
        with pytest.raises(REFUSED, match=r"state of finite numbers is required"):
            who.step(tf.constant([5, 6]), [first, *rest])


def test_sequences_ask_the_same_of_their_state(served: tuple[PoetryModel, Path]) -> None:
    model, _ = served
    with pytest.raises(StateError, match=r"of 3 rows are required. Received: 2 rows\."):
        model(np.ones([3, 4], np.int32), state=model.get_initial_state(2))


def test_signatures_have_defaults(served: tuple[PoetryModel, Path]) -> None:
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((served[1] / "saved_model.pb").read_bytes())
    definitions = saved.meta_graphs[0].signature_def
    found = {name: tf.make_ndarray(value) for name, value in definitions["generate"].defaults.items()}
    assert set(found) == set(definitions["generate"].inputs) == set(INPUTS)
    for name, (dtype, default) in INPUTS.items():
        assert found[name].shape == (1,)
        assert found[name][0] == (str(default).encode() if dtype == tf.string else default)
    assert dict(definitions["serving_default"].defaults).keys() == {"begin"}
    assert not definitions["get_next_token"].defaults
    assert not definitions["score"].defaults


@pytest.mark.ci
def test_a_poet_may_be_saved_and_called_without_a_name(make_model: ModelMaker, tmp_path: Path) -> None:
    model = make_model("rnn")
    expected = Poet(model).generate("山", seed=1, max_length=5)["poem"].numpy()
    tf.saved_model.save(Poet(model), str(tmp_path))
    again = tf.saved_model.load(str(tmp_path))
    assert again.generate("山", seed=1, max_length=5)["poem"].numpy() == expected
