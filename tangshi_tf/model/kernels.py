"""Which functions run on CPUs and which on GPUs: one table."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tangshi_tf.model.loss import summed_nll_at_once, summed_nll_in_pieces
from tangshi_tf.model.recurrence import unroll_by_hand, unroll_by_keras

__all__ = ["KERNELS", "Kernels", "kernels"]


class Kernels(NamedTuple):
    """How a kind of device computes.

    Attributes:
        unroll: a layer over whole sequences, see `recurrence.unroll_by_hand`.
        summed_nll: the loss of a batch, see `loss.summed_nll_in_pieces`.
    """

    unroll: Callable[..., Any]
    summed_nll: Callable[..., Any]


KERNELS = {
    "CPU": Kernels(unroll_by_hand, summed_nll_in_pieces),
    "GPU": Kernels(unroll_by_keras, summed_nll_at_once),
}


def kernels() -> Kernels:
    """Return the entry of `KERNELS` for the device that the strategy in scope computes on.

    Without a strategy, TensorFlow takes a GPU if there is one.
    """
    if tf.distribute.has_strategy():
        device = tf.distribute.get_strategy().extended.worker_devices[0]
        kind = tf.DeviceSpec.from_string(device).device_type
    else:
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return KERNELS[kind]
