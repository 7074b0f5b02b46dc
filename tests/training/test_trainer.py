from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.dataset import LaneBatches, PoemBatches, encode_poems
from tangshi_tf.errors import TangshiError
from tangshi_tf.model.loss import token_nll
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.trainer import Trainer, every_second, total_steps
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


def lanes(count: int = 3, length: int = 8) -> LaneBatches:
    return LaneBatches(np.array(VOCABULARY.encode("".join(TEXTS)), np.int32), count, length)


def trainer(model: PoetryModel, strategy: Any = STRATEGY, read: Any = batches, **settings: Any) -> Trainer:
    config = TrainingConfig(**{"epochs": 2, "learning_rate": 0.01, **settings})
    return Trainer(model, strategy, read(), config, total_steps(read(), config))


def run(model: PoetryModel, strategy: Any = STRATEGY, read: Any = batches, **settings: Any) -> list[Any]:
    return list(trainer(model, strategy, read, **settings).run(lambda step: True))


WAYS = [("adamw", "float32"), ("adam", "float32"), ("rmsprop", "float32"), ("adamw", "bfloat16")]
QUICK = [("rnn", "rmsprop", "float32"), ("lstm", "adamw", "bfloat16"), ("gru", "adam", "float32")]


@pytest.mark.parametrize(
    ("cell", "optimizer", "precision"),
    [
        pytest.param(cell, *way, marks=[] if (cell, *way) in QUICK else pytest.mark.ci)
        for cell in ("rnn", "lstm", "gru")
        for way in WAYS
    ],
)
def test_every_cell_learns_under_every_optimizer_and_precision(cell: str, optimizer: str, precision: str) -> None:
    model = make(cell=cell, dropout=0.1, precision=precision, ear="full" if cell == "lstm" else "none")
    reports = run(model, epochs=25, optimizer=optimizer)
    ends = [report.loss for report in reports if report.epoch_ended]
    assert len(ends) == 25
    assert ends[-1] < 0.5 * ends[0]


def test_reports_say_where_the_run_stands() -> None:
    steps = batches().steps(0)
    reports = run(make(ear="none"), epochs=3)
    assert [report.step for report in reports] == list(range(1, 3 * steps + 1))
    assert all(report.steps == 3 * steps for report in reports)
    assert [report.epoch for report in reports if report.epoch_ended] == [1, 2, 3]
    assert reports[-1].seconds_left == 0
    assert all(report.tokens_per_second > 0 for report in reports)


def test_the_loss_is_the_mean_over_the_tokens_without_padding() -> None:
    model = make(dropout=0.0, recurrent_dropout=0.0)
    pairs = [(x, y) for x, y, _ in batches().dataset(0, range(1), 1)]
    assert any((y.numpy() == PAD).any() for _, y in pairs)
    nll = sum(float(tf.reduce_sum(token_nll(model(x), y))) for x, y in pairs)
    tokens = sum(int((y.numpy() != PAD).sum()) for _, y in pairs)
    assert tokens == sum(len(text) + 1 for text in TEXTS)
    reports = run(model, epochs=1, learning_rate=1e-9, weight_decay=0.0)
    assert reports[-1].loss == pytest.approx(nll / tokens, rel=1e-5)


def test_max_steps_bounds_a_run_in_mid_epoch() -> None:
    steps = batches().steps(0)
    reports = run(make(ear="none"), epochs=9, max_steps=steps + 1)
    assert reports[-1].step == reports[-1].steps == steps + 1
    assert [report.step for report in reports if report.epoch_ended] == [steps, steps + 1]


def test_a_bound_on_steps_needs_no_count_of_all_epochs() -> None:
    assert total_steps(batches(), TrainingConfig(epochs=100_000, max_steps=7)) == 7
    assert total_steps(batches(), TrainingConfig(epochs=3)) == 3 * batches().steps(0)


def test_epochs_of_different_lengths_are_gone_on_with() -> None:
    vocabulary = Vocabulary.build(TEXTS, 1, titled=True)
    titles = ["山" * (2 * i % 9) for i in range(len(TEXTS))]
    titled = PoemBatches(
        encode_poems(vocabulary, TEXTS), 40, 0, encode_poems(vocabulary, TEXTS, titles), vocabulary.separator
    )
    steps = [titled.steps(epoch) for epoch in range(4)]
    assert len(set(steps)) > 1, steps

    def start() -> Trainer:
        keras.utils.set_random_seed(3)
        model = PoetryModel(ModelConfig(units=8, embedding=8, ear="none"), vocabulary)
        config = TrainingConfig(epochs=4, seed=0)
        return Trainer(model, tf.distribute.get_strategy(), titled, config, total_steps(titled, config))

    whole, kept, reports = start(), {}, []
    for report in whole.run(lambda step: True):
        reports.append(report)
        kept[report.step] = (whole.position, whole.values())
    ends = [report.step for report in reports if report.epoch_ended]
    assert ends == np.cumsum(steps).tolist()
    again = start()
    for step in (steps[0], sum(steps[:2]) + 1, sum(steps) - 1):
        again.restore(*kept[step])
        assert [report.loss for report in again.run(lambda step: True)] == [report.loss for report in reports[step:]]
        assert all(np.array_equal(a, b) for a, b in zip(again.values(), whole.values(), strict=True))


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = (make(1, ear="none") for _ in range(3))
    run(first)
    run(again)
    run(other, seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first.get_weights(), other.get_weights(), strict=True))


RESUMED = [("lstm", "float32", batches, "full"), ("gru", "bfloat16", lanes, "none")]


@pytest.mark.parametrize(
    ("cell", "precision", "read", "ear"),
    [
        *RESUMED,
        *(
            pytest.param(cell, precision, *kind, marks=pytest.mark.ci)
            for cell in ("rnn", "lstm", "gru")
            for precision in ("float32", "bfloat16")
            for kind in ((batches, "full"), (lanes, "none"))
            if (cell, precision, *kind) not in RESUMED
        ),
    ],
)
def test_going_on_from_anywhere_is_as_never_having_stopped(cell: str, precision: str, read: Any, ear: str) -> None:
    whole = trainer(make(1, precision=precision, cell=cell, dropout=0.3, ear=ear), read=read, epochs=3)
    steps = read().steps(0)
    kept, reports = {}, []
    for report in whole.run(lambda step: True):
        reports.append(report)
        kept[report.step] = (whole.position, whole.values())
    again = trainer(make(7, precision=precision, cell=cell, dropout=0.3, ear=ear), read=read, epochs=3)
    for step in (1, 3 * steps, steps, steps - 1, steps + 2):  # a trainer may be put anywhere, and back
        again.restore(*kept[step])
        rest = list(again.run(lambda step: True))
        assert [report.loss for report in rest] == [report.loss for report in reports[step:]]
        for a, b in zip(again.values(), whole.values(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_report_is_due_every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.5, 100.9, 101.1, 101.9, 102.2, 109.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    due = every_second()
    assert [due(step) for step in range(6)] == [False, False, True, False, True, True]


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    model = make(ear="none")
    model.output_bias.assign(np.full(len(VOCABULARY), np.nan))
    with pytest.raises(TangshiError, match=r"A finite loss is required. Received: nan at step 1"):
        run(model)


def descent(config: TrainingConfig, steps: int, first: int = 0) -> Any:
    """Plain gradient descent: the other optimizers hardly notice a gradient of the wrong size."""
    return keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.5, steps, 0.1))


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("lstm", 3),
        *(
            pytest.param(cell, count, marks=pytest.mark.ci)
            for cell in ("rnn", "lstm", "gru")
            for count in (1, 3)
            if (cell, count) != ("lstm", 3)
        ),
    ],
)
def test_lanes_are_read_as_if_never_cut_and_every_epoch_begins_at_zero(cell: str, count: int) -> None:
    read = lanes(count)
    ((x, y, _),) = LaneBatches(read.stream, count, len(read.stream)).dataset(0, range(1), 1)
    for layers in (1, 2):
        model = make(cell=cell, layers=layers, ear="none", dropout=0.0, recurrent_dropout=0.0)
        whole = float(tf.reduce_sum(token_nll(model(x), y))) / len(read.stream)
        reports = run(model, read=lambda: read, learning_rate=1e-9, clip_norm=0.0, epochs=2)
        ends = [report.loss for report in reports if report.epoch_ended]
        np.testing.assert_allclose(ends, [whole] * 2, rtol=1e-6)
        cut = sum(
            float(tf.reduce_sum(token_nll(model(x), y))) for x, y, _ in read.dataset(0, range(1), 1)
        )  # from zero states
        assert abs(cut / len(read.stream) / whole - 1) > 1e-4


@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.ci), 5])
def test_two_replicas_carry_the_state_of_their_own_lanes(
    monkeypatch: pytest.MonkeyPatch, two_replicas: Any, count: int
) -> None:
    monkeypatch.setattr("tangshi_tf.training.trainer.build_optimizer", descent)
    found = []
    for strategy in (STRATEGY, two_replicas):
        start = trainer(make(strategy=strategy, dropout=0.3, ear="none"), strategy, lambda: lanes(count), epochs=2)
        losses = [report.loss for report in start.run(lambda step: True)]
        found.append((losses, start.values()))
    (one, values), (two, others) = found
    np.testing.assert_allclose(two, one, rtol=1e-5)
    for a, b in zip(values, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert values[-1].shape == (count, 24)
    assert np.abs(values[-1]).max() > 0


def test_two_replicas_train_as_one_does(monkeypatch: pytest.MonkeyPatch, two_replicas: Any) -> None:
    mixed = [y for _, y, _ in batches().dataset(0, range(1), 1) if len(set((y.numpy() != PAD).sum(axis=1))) > 1]
    assert mixed  # rows of several lengths in one batch
    monkeypatch.setattr("tangshi_tf.training.trainer.build_optimizer", descent)
    found = []
    for strategy in (STRATEGY, two_replicas):
        model = make(strategy=strategy, dropout=0.3, ear="none")
        losses = [report.loss for report in run(model, strategy, epochs=3, clip_norm=0.5)]
        found.append((losses, model.get_weights()))
    (one, weights), (two, others) = found
    np.testing.assert_allclose(two, one, rtol=1e-5)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
