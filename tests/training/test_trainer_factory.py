import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tangshi_tf.config import PROSE, ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, Poem
from tangshi_tf.corpus.prose import read_prose
from tangshi_tf.errors import ConfigError
from tangshi_tf.training.distribution import choose_strategy
from tangshi_tf.training.tasks import make_task
from tangshi_tf.training.trainer_factory import TrainerFactory

MODEL = ModelConfig(units=8, embedding=8, dropout=0.0)
TRAINING = TrainingConfig(epochs=2, min_count=1, precision="float32", seed=4)
POEMS = Corpus(
    {
        "train": [Poem("山", "", "山水风月。"), Poem("", "", "春花。")] * 9,
        "validation": [Poem("", "", "秋月龙。")],
        "test": [],
    },
    {"too short": 3},
)


def make(training: TrainingConfig = TRAINING, precision: str | None = None) -> TrainerFactory:
    task = make_task(POEMS, MODEL, training)
    return TrainerFactory(MODEL, training, task, choose_strategy("one"), precision)


def test_trainers_are_all_alike_and_another_seed_makes_another() -> None:
    factory = make()
    first, again = factory.trainer(10).values(), factory.trainer(10).values()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    other = make(replace(TRAINING, seed=5)).trainer(10).values()
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_model_begins_with_the_frequencies_and_the_neighbours_of_tokens() -> None:
    factory = make()
    factory.trainer(10)
    bias, ids = factory.model.logit_bias.numpy(), factory.model.vocabulary.ids
    assert np.exp(bias).sum() == pytest.approx(1, rel=1e-5)
    assert bias[ids["。"]] > bias[ids["月"]] > bias[0]
    embeddings = factory.model.embedding.embeddings.numpy()
    alike = embeddings[ids["山"]] @ embeddings[[ids["水"], ids["花"]]].T
    assert alike[0] > alike[1]


def test_the_steps_are_those_settled_or_those_configured() -> None:
    factory = make()
    assert factory.steps(77, time.monotonic()) == 77
    assert factory.steps(0, time.monotonic()) == sum(factory.batches.steps(epoch) for epoch in (0, 1))
    assert make(replace(TRAINING, max_steps=3)).steps(0, time.monotonic()) == 3


def test_the_steps_are_as_many_as_the_time_allows() -> None:
    factory = make(replace(TRAINING, minutes=2.0))
    vars(factory)["pace"] = (0.25, 4.0)  # seconds of a step and of a validation, as if they had been measured
    publishing = make_task(POEMS, MODEL, TRAINING).publishing * 4.0
    every = 0.25 + 4.0 / factory.batches.steps(0)
    now = time.monotonic()
    assert factory.steps(0, now) == pytest.approx((120 - publishing) / every, abs=1)
    assert factory.steps(0, now - 60) == pytest.approx((60 - publishing) / every, abs=1)
    assert factory.steps(0, now - 60, done=30) == pytest.approx(30 + (60 - publishing) / every, abs=1)
    epochs = 80 / factory.batches.steps(0)
    assert factory.seconds(80) == pytest.approx(80 * 0.25 + np.ceil(epochs) * 4.0 + publishing)


def test_a_plan_that_can_learn_nothing_is_refused_if_time_made_it() -> None:
    """Fewer than 50 steps, and than one epoch. How many --epochs come to is the user's own decision."""
    for minutes, pace in ((2.0, 30.0), (0.001, 0.01)):
        factory = make(replace(TRAINING, minutes=minutes))
        vars(factory)["pace"] = (pace, 0.0)
        least = min(50, factory.batches.steps(0))
        message = rf"At least {least} steps are required to learn anything: about \d+ minutes"
        with pytest.raises(ConfigError, match=message) as refused:
            factory.steps(0, time.monotonic())
        advised = int(str(refused.value).partition("about ")[2].split()[0])
        fitting = make(replace(TRAINING, minutes=float(advised)))
        vars(fitting)["pace"] = (pace, 0.0)
        assert fitting.steps(0, time.monotonic()) >= least
    assert make(replace(TRAINING, max_steps=1)).steps(0, time.monotonic()) == 1


def test_the_plan_says_what_is_about_to_be_done() -> None:
    factory = make(precision="bfloat16")
    factory.trainer(12)
    plan = factory.plan(12)
    assert (plan.counted, plan.members["train"], plan.dropped) == ("poems", 18, {"too short": 3})
    assert (plan.steps, plan.epoch_steps, plan.precision) == (12, factory.batches.steps(0), "bfloat16")
    assert plan.parameters == factory.model.count_params()
    assert plan.vocabulary == len(factory.model.vocabulary)


def test_more_replicas_than_lanes_are_refused(two_replicas: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one two three\n" * 40, encoding="utf-8")
    model, training = PROSE[0], replace(PROSE[1], batch_size=1, sequence_length=9, precision="float32")
    task = make_task(read_prose([tmp_path / "text.txt"]), model, training)
    with pytest.raises(ConfigError, match=r"--batch-size of at least the replicas, 2, is required\. Received: 1\."):
        TrainerFactory(model, training, task, two_replicas)
