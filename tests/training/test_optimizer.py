from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.optimizer import build_optimizer
from tangshi_tf.vocabulary import Vocabulary


def test_the_schedule_rises_then_falls_to_its_share() -> None:
    config = TrainingConfig(learning_rate=0.1, warmup_steps=10, final_rate=0.02)
    rate = build_optimizer(config, 1_000)._learning_rate
    assert float(rate(0)) == 0
    assert float(rate(5)) == pytest.approx(0.05)
    assert float(rate(10)) == pytest.approx(0.1)
    assert float(rate(505)) == pytest.approx(0.1 * (0.02 + 0.98 / 2), rel=1e-3)
    assert float(rate(1_000)) == pytest.approx(0.002)
    constant = build_optimizer(TrainingConfig(warmup_steps=0, final_rate=1.0, learning_rate=0.1), 100)
    assert {round(float(constant._learning_rate(i)), 6) for i in (0, 50, 100)} == {0.1}


def test_a_short_run_warms_up_in_a_tenth_of_it() -> None:
    rate = build_optimizer(TrainingConfig(learning_rate=0.1, warmup_steps=200), 50)._learning_rate
    assert float(rate(5)) == pytest.approx(0.1)
    assert float(rate(4)) < 0.1 > float(rate(6))


@pytest.mark.parametrize("name", ["adamw", "adam", "rmsprop"])
def test_the_optimizer_is_the_one_that_was_asked_for(name: str) -> None:
    kind = {"adamw": keras.optimizers.AdamW, "adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[name]
    assert type(build_optimizer(TrainingConfig(optimizer=name), 100)) is kind


def test_weights_decay_but_no_biases_gates_and_rhyme_bonus() -> None:
    config = TrainingConfig(learning_rate=0.1, weight_decay=0.5, warmup_steps=0, final_rate=1.0)
    model = PoetryModel(ModelConfig(units=6, embedding=4), Vocabulary("，。山水风月", titled=True))
    variables: list[Any] = model.trainable_variables
    for variable in variables:
        variable.assign(tf.ones(variable.shape))
    optimizer = build_optimizer(config, 100)
    optimizer.build(variables)
    optimizer.apply_gradients([(tf.zeros(variable.shape), variable) for variable in variables])
    decayed = {v.path.split("/")[-1] for v in variables if np.allclose(v, 0.95)}
    kept = {v.path.split("/")[-1] for v in variables if np.allclose(v, 1.0)}
    assert {"kernel", "recurrent_kernel", "embeddings", "metre", "line", "rhyme_kernel"} <= decayed
    assert {"bias", "output_bias", "gate"} <= kept
    assert len(decayed) + len(kept) == len({v.path.split("/")[-1] for v in variables})
    assert any("bonus" in name for name in kept)
    assert not any("bonus" in name for name in decayed)
