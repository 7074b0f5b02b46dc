import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.errors import ConfigError
from tangshi_tf.training.distribution import (
    all_or_raise,
    all_reduce_sum,
    broadcast,
    choose_strategy,
    is_chief,
    local_replicas,
    worker_count,
)
from tests.end_to_end.cluster import run_cluster


@pytest.mark.parametrize(("kind", "replicas"), [("auto", 1), ("one", 1), ("mirrored", 2)])
def test_without_a_gpu_cpus_train(kind: str, replicas: int) -> None:
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    strategy = choose_strategy(kind)
    assert strategy.num_replicas_in_sync == replicas
    assert local_replicas(strategy) == range(replicas)
    with strategy.scope():
        assert "CPU:0" in tf.Variable(1.0).device


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"A strategy out of .*multiworker is required\. Received: horovod\."):
        choose_strategy("horovod")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        *(
            json.dumps({"cluster": {"worker": ["127.0.0.1:1"], other: ["127.0.0.1:2"]}, "task": task})
            for other, task in [
                ("chief", {"type": "worker", "index": 1}),
                ("chief", {"type": "worker", "index": -1}),
                ("chief", {"type": "evaluator", "index": 0}),
                ("ps", {"type": "worker", "index": 0}),
            ]
        ),
    ],
)
def test_a_cluster_is_required_for_several_workers(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=r"^A cluster in TF_CONFIG is required, such as .* Received: '.*'\.$"):
        choose_strategy("multiworker")


_WORKER = """
import json, os
import numpy as np
from tangshi_tf.training.distribution import all_reduce_sum, choose_strategy, broadcast, is_chief, worker_count
strategy = choose_strategy("multiworker")
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
assert worker_count(strategy) == 3
assert is_chief(strategy) == (index == 0)
assert all_reduce_sum(strategy, [index, 10.0]).tolist() == [3, 30]
values = [np.array([[index + 1.5, -2.0]], np.float32), index + 7, np.zeros((0, 3))]
told = broadcast(strategy, values)
assert [value.dtype for value in told[:1]] == [np.float32]
assert told[0].tolist() == [[1.5, -2.0]] and told[1] == 7 and told[2].shape == (0, 3)
"""


@pytest.mark.ci
def test_workers_add_up_and_hear_the_chief() -> None:
    for status, error in run_cluster([sys.executable, "-c", _WORKER], 3):
        assert status == 0, error


def test_what_fails_is_raised_and_what_does_not_is_returned() -> None:
    strategy = choose_strategy("one")

    def fail() -> int:
        raise ConfigError("mine")

    assert all_or_raise(strategy, lambda: 7) == 7
    with pytest.raises(ConfigError, match="mine"):
        all_or_raise(strategy, fail)


def test_one_process_needs_nobody() -> None:
    strategy = choose_strategy("one")
    assert is_chief(strategy)
    assert worker_count(strategy) == 1
    assert all_reduce_sum(strategy, [1.0, True]).tolist() == [1, 1]
    told = broadcast(strategy, [np.float32(2.5), [1, 2]])
    assert [value.tolist() for value in told] == [2.5, [1, 2]]
