"""Which `tf.distribute` strategy a run trains under."""

import contextlib
from typing import Any

import tensorflow as tf

from tangshi_tf.config import STRATEGIES
from tangshi_tf.errors import ConfigError

__all__ = ["choose_strategy"]


def choose_strategy(kind: str = "auto") -> Any:
    """Return the strategy to train under.

    Args:
        kind: ``"auto"``: MirroredStrategy over every visible GPU, else one CPU device;
            ``"one"``: the first GPU, else the CPU.

    Raises:
        ConfigError: if the kind is unknown.
    """
    if kind not in STRATEGIES:
        raise ConfigError(f"A strategy out of {', '.join(STRATEGIES)} is required. Received: {kind}.")
    gpus = tf.config.list_physical_devices("GPU")
    # TensorFlow would take all memory of every GPU; once it has begun to use them, it is too late to ask.
    with contextlib.suppress(RuntimeError, ValueError):
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    if gpus and kind == "auto":
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(len(gpus))])
    return tf.distribute.OneDeviceStrategy("GPU:0" if gpus else "CPU:0")
