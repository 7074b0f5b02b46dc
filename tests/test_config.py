import dataclasses
import json
from typing import Any

import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig, from_dict, to_dict
from tangshi_tf.errors import ConfigError

PLAIN = ModelConfig(dropout=0.3, recurrent_dropout=0.0, cell="gru", tied=False, ear="none", rhymes=False, titles=False)


@pytest.mark.parametrize("config", [ModelConfig(), PLAIN, TrainingConfig(learning_rate=1, seed=7)])
def test_settings_survive_json(config: ModelConfig | TrainingConfig) -> None:
    for values in (dataclasses.asdict(config), to_dict(config)):
        assert from_dict(type(config), json.loads(json.dumps(values))) == config


def test_what_is_older_than_a_setting_is_read_as_it_was_meant() -> None:
    older = {"cell": "gru", "units": 640, "layers": 1, "embedding": 256, "dropout": 0.3, "tied": False}
    assert to_dict(PLAIN) == older
    assert from_dict(ModelConfig, older) == PLAIN


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (ModelConfig, {"cell": "cnn"}, r"cell out of rnn, lstm, gru is required. Received: 'cnn'."),
        (ModelConfig, {"units": 0}, r"units of at least 1 is required. Received: 0."),
        (ModelConfig, {"units": 1.5}, r"units of type int is required. Received: 1.5."),
        (ModelConfig, {"units": True}, r"units of type int is required. Received: True."),
        (ModelConfig, {"dropout": 1.0}, r"dropout from 0.0 to 0.95 is required. Received: 1.0."),
        (ModelConfig, {"dropout": float("nan")}, r"dropout that is finite is required. Received: nan."),
        (ModelConfig, {"layers": 10**9}, r"layers from 1 to 100 is required. Received: 1000000000."),
        (ModelConfig, {"width": 3}, r"A setting of ModelConfig is required. Received: 'width'."),
        (TrainingConfig, {"optimizer": "sgd"}, r"optimizer out of adamw, adam, rmsprop is required."),
    ],
)
def test_wrong_settings_are_refused_in_one_line(cls: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        from_dict(cls, values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{"cell": "x" * 10_000}, {"units": "x" * 10_000}, {"x" * 10_000: 1}])
def test_an_error_quotes_the_beginning_of_what_is_long(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(ModelConfig, values)
    assert len(str(caught.value)) < 300
