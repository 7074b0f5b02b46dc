from collections.abc import Iterator
from typing import Any

import keras
import pytest

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.policy import policy_of
from tangshi_tf.vocabulary import Vocabulary


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("precision", "dtype", "name"),
    [
        (None, None, "float32"),
        ("float32", None, "float32"),
        ("bfloat16", None, "mixed_bfloat16"),
        (None, "mixed_bfloat16", "mixed_bfloat16"),
        (None, keras.dtype_policies.DTypePolicy("mixed_float16"), "mixed_float16"),
    ],
)
def test_what_is_asked_for_is_had(precision: str | None, dtype: Any, name: str) -> None:
    assert policy_of(precision, dtype).name == name


@pytest.mark.parametrize("dtype", ["bfloat16", "float64", "float16", "int8", "nonsense", 3])
def test_other_variables_than_float32_are_refused(dtype: Any) -> None:
    with pytest.raises(ConfigError, match=r"float32 variables is required: float32, mixed_bfloat16, mixed_float16\."):
        policy_of(None, dtype)


def test_precision_and_dtype_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        policy_of("float32", "float32")


def test_the_global_policy_holds_for_all_layers_unless_another_is_given() -> None:
    vocabulary, config = Vocabulary("，。山水"), ModelConfig(units=4, embedding=3, titles=False)
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = PoetryModel(config, vocabulary)
    assert {layer.dtype_policy.name for layer in [model, *model.layers]} == {"mixed_bfloat16"}
    assert {weight.dtype for weight in model.weights} == {"float32", "bool"}
    exact = PoetryModel(config, vocabulary, "float32")
    assert {layer.dtype_policy.name for layer in [exact, *exact.layers]} == {"float32"}
    keras.config.set_dtype_policy("float64")
    with pytest.raises(ConfigError, match=r"Received: float64\."):
        PoetryModel(config, vocabulary)
