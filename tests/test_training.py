import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf import training
from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.dataset import PoemBatches, encode_poems
from tangshi_tf.errors import TangshiError
from tangshi_tf.model import PoetryModel
from tangshi_tf.training import bfloat16_pays, build_optimizer, token_nll, train
from tangshi_tf.vocabulary import PAD, Vocabulary

TEXTS = ["山水风月，花春秋夜。", "风花，雪月。", "春山秋水，夜月天风。", "白云，江水。", "山，水风。", "月夜秋江。"] * 4
VOCABULARY = Vocabulary.build(TEXTS, 1)


STRATEGY = tf.distribute.OneDeviceStrategy("CPU:0")


def make(seed: int = 0, strategy: Any = STRATEGY, precision: str = "float32", **settings: Any) -> PoetryModel:
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        return PoetryModel(ModelConfig(units=24, embedding=16, **settings), VOCABULARY, precision)


def batches(budget: int = 40) -> PoemBatches:
    return PoemBatches(encode_poems(VOCABULARY, TEXTS), budget, seed=0)


def run(model: PoetryModel, strategy: Any = STRATEGY, **settings: Any) -> list[Any]:
    settings = {"epochs": 2, "learning_rate": 0.01, **settings}
    return list(train(model, strategy, batches(), TrainingConfig(**settings), report_every=0.0))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(
    ("optimizer", "precision"),
    [("adamw", "float32"), ("adam", "float32"), ("rmsprop", "float32"), ("adamw", "bfloat16")],
)
def test_every_cell_learns_under_every_optimizer_and_precision(cell: str, optimizer: str, precision: str) -> None:
    reports = run(make(cell=cell, dropout=0.1, precision=precision), epochs=25, optimizer=optimizer)
    ends = [report.loss for report in reports if report.epoch_ended]
    assert len(ends) == 25
    assert ends[-1] < 0.5 * ends[0]


def test_reports_say_where_the_run_stands() -> None:
    steps = batches().steps()
    reports = run(make(), epochs=3)
    assert [report.step for report in reports] == list(range(1, 3 * steps + 1))
    assert all(report.steps == 3 * steps for report in reports)
    assert [report.epoch for report in reports if report.epoch_ended] == [1, 2, 3]
    assert reports[-1].seconds_left == 0
    assert all(report.tokens_per_second > 0 for report in reports)


def test_max_steps_bounds_a_run_in_mid_epoch() -> None:
    steps = batches().steps()
    reports = run(make(), epochs=9, max_steps=steps + 1)
    assert reports[-1].step == reports[-1].steps == steps + 1
    assert [report.step for report in reports if report.epoch_ended] == [steps, steps + 1]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = make(1), make(1), make(1)
    run(first)
    run(again)
    run(other, seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first.get_weights(), other.get_weights(), strict=True))


def test_padding_has_no_weight() -> None:
    logits = tf.random.stateless_normal([2, 3, 5], [0, 0])
    targets = tf.constant([[1, 2, 3], [4, PAD, PAD]])
    nll = token_nll(logits, targets).numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(nll[0], [-np.log(probabilities[0, t, t + 1]) for t in range(3)], rtol=1e-5)
    assert nll[1, 1:].tolist() == [0, 0]


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


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    model = make()
    model.output_bias.assign(np.full(len(VOCABULARY), np.nan))
    with pytest.raises(TangshiError, match=r"A finite loss is required. Received: nan at step 1"):
        run(model)


def test_the_measurement_of_bfloat16_gives_a_verdict() -> None:
    assert bfloat16_pays() in (True, False)


def descent(config: TrainingConfig, steps: int) -> Any:
    """Plain gradient descent: the other optimizers hardly notice a gradient of the wrong size."""
    return keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.5, steps, 0.1))


_TWO_REPLICAS = """
import json, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.test_training import descent, make, run
from tangshi_tf import training
training.build_optimizer = descent
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
model = make(strategy=strategy, dropout=0.3)
losses = [r.loss for r in run(model, strategy, epochs=3, clip_norm=0.5)]
size = float(sum(abs(w).sum() for w in model.get_weights()))
print(json.dumps([strategy.num_replicas_in_sync, losses, size]))
"""


def test_two_replicas_train_as_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = [y for _, y, _ in batches().dataset(0, range(1), 1) if len(set((y.numpy() != PAD).sum(axis=1))) > 1]
    assert mixed  # rows of several lengths in one batch
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", _TWO_REPLICAS], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    replicas, losses, size = json.loads(done.stdout.splitlines()[-1])
    assert replicas == 2
    monkeypatch.setattr(training, "build_optimizer", descent)
    model = make(dropout=0.3)
    expected = [report.loss for report in run(model, epochs=3, clip_norm=0.5)]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert size == pytest.approx(float(sum(abs(w).sum() for w in model.get_weights())), rel=1e-4)
