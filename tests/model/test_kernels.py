from typing import Any

import pytest
import tensorflow as tf

from tangshi_tf.model.kernels import KERNELS, kernels
from tangshi_tf.model.loss import summed_nll_at_once, summed_nll_in_pieces
from tangshi_tf.model.recurrence import unroll_by_hand, unroll_by_keras


def with_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    real = tf.config.list_logical_devices
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["GPU"] if kind == "GPU" else real(kind))


def test_cpus_and_gpus_have_their_own() -> None:
    assert {
        "CPU": (unroll_by_hand, summed_nll_in_pieces),
        "GPU": (unroll_by_keras, summed_nll_at_once),
    } == KERNELS


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    if not tf.config.list_logical_devices("GPU"):
        assert kernels() is KERNELS["CPU"]
    with_a_gpu(monkeypatch)
    assert kernels() is KERNELS["GPU"]


def test_a_strategy_of_cpus_takes_them_beside_a_gpu(two_replicas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with_a_gpu(monkeypatch)
    for strategy in (tf.distribute.OneDeviceStrategy("CPU:0"), two_replicas):
        with strategy.scope():
            assert kernels() is KERNELS["CPU"]
