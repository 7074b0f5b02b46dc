import pytest
import tensorflow as tf

from tangshi_tf.config import STRATEGIES
from tangshi_tf.distribution import choose_strategy
from tangshi_tf.errors import ConfigError


@pytest.mark.parametrize("kind", STRATEGIES)
def test_without_a_gpu_one_cpu_device_trains(kind: str) -> None:
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    strategy = choose_strategy(kind)
    assert strategy.num_replicas_in_sync == 1
    with strategy.scope():
        assert "CPU:0" in tf.Variable(1.0).device


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"A strategy out of auto, one is required. Received: horovod."):
        choose_strategy("horovod")
