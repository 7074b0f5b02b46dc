"""Choose a `tf.distribute` strategy, and let its workers agree.

Several workers follow TF_CONFIG, as clusters set it. Every worker runs the same command. The chief (the task of type
chief, else worker 0) alone writes files, and tells the others whatever depends on a clock, a file or a signal.
"""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tangshi_tf.config import STRATEGIES
from tangshi_tf.errors import ConfigError, TangshiError

__all__ = [
    "agree_or_raise",
    "all_or_raise",
    "all_reduce_sum",
    "broadcast",
    "choose_strategy",
    "is_chief",
    "local_replicas",
    "worker_count",
]

_T = TypeVar("_T")
_EXAMPLE = '{"cluster": {"worker": ["127.0.0.1:2222", "127.0.0.1:2223"]}, "task": {"type": "worker", "index": 0}}'


def choose_strategy(kind: str = "auto") -> Any:
    """Return the strategy to train under. It must be chosen before TensorFlow has computed anything.

    Args:
        kind: ``"auto"``: as mirrored if there is a GPU, else as one;
            ``"one"``: the first GPU, else the CPU;
            ``"mirrored"``: every visible GPU, else every logical CPU, of this machine;
            ``"multiworker"``: every device of the cluster that TF_CONFIG describes; waits until all are there.

    Raises:
        ConfigError: if the kind is unknown, or TF_CONFIG describes no cluster.

    Example:
        >>> choose_strategy("one").num_replicas_in_sync
        1
    """
    if kind not in STRATEGIES:
        raise ConfigError(f"A strategy out of {', '.join(STRATEGIES)} is required. Received: {kind}.")
    gpus = tf.config.list_physical_devices("GPU")
    # TensorFlow would take all memory of every GPU; once it has begun to use them, it is too late to ask.
    with contextlib.suppress(RuntimeError, ValueError):
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    if kind == "multiworker":
        _require_cluster()
        return tf.distribute.MultiWorkerMirroredStrategy()
    if kind == "mirrored" or (gpus and kind == "auto"):
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.OneDeviceStrategy("GPU:0" if gpus else "CPU:0")


def is_chief(strategy: Any) -> bool:
    """Tell whether this process is the one that writes files."""
    resolver = _resolver(strategy)
    if resolver is None or resolver.task_type == "chief":
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return resolver.task_type == "worker" and resolver.task_id == 0 and not has_chief


def worker_count(strategy: Any) -> int:
    """Return how many processes train together."""
    resolver = _resolver(strategy)
    if resolver is None:
        return 1
    spec = resolver.cluster_spec()
    return sum(spec.num_tasks(job) for job in spec.jobs if job in ("chief", "worker"))


def local_replicas(strategy: Any) -> range:
    """Return the numbers of this worker's replicas among all."""

    def number() -> Any:
        return tf.constant(tf.distribute.get_replica_context().replica_id_in_sync_group)

    numbers = [int(value) for value in strategy.experimental_local_results(strategy.run(number))]
    return range(numbers[0], numbers[-1] + 1)


def all_reduce_sum(strategy: Any, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the sum of the workers' values, float64 of any shape. Every worker must call it at the same place."""
    array = np.asarray(values, np.float64)
    if worker_count(strategy) == 1:
        return array

    def on_replica(value: Any) -> Any:
        context = tf.distribute.get_replica_context()
        first = context.replica_id_in_sync_group % len(strategy.extended.worker_devices) == 0
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(first, value, tf.zeros_like(value)))

    summed = strategy.run(on_replica, args=(tf.constant(array),))
    total: npt.NDArray[np.float64] = strategy.experimental_local_results(summed)[0].numpy()
    return total


def agree_or_raise(strategy: Any, failure: TangshiError | None, fingerprint: int = 0) -> None:
    """Go on if every worker can, from the same beginning, else raise on every worker.

    Args:
        strategy: of the run.
        failure: what keeps this worker from going on.
        fingerprint: what the workers must agree on, below 2^53.

    Raises:
        TangshiError: the own failure, or that another worker has one, or another fingerprint.
    """
    (failures,) = all_reduce_sum(strategy, [failure is not None])
    if failure:
        raise failure
    if failures:
        raise TangshiError("Workers that can go on are required. Received: one that cannot, and says why.")
    (chiefs,) = broadcast(strategy, [fingerprint])
    (others,) = all_reduce_sum(strategy, [fingerprint != chiefs])
    if others:
        raise ConfigError(
            f"The chief's poems and settings are required on every worker. Received: others on {others:.0f} of them."
        )


def all_or_raise(strategy: Any, action: Callable[[], _T]) -> _T:
    """Do something on every worker, and go on if all of them could; nobody waits for one that could not.

    Args:
        strategy: of the run.
        action: what is done; the workers must not talk to each other in it.

    Returns:
        What the action gave on this worker.

    Raises:
        TangshiError: that of the action, or that another worker has one.
    """
    failure, value = None, None
    try:
        value = action()
    except TangshiError as error:
        failure = error
    agree_or_raise(strategy, failure)
    return cast("_T", value)


def broadcast(strategy: Any, values: Sequence[npt.ArrayLike]) -> list[npt.NDArray[Any]]:
    """Return the chief's values, numbers and arrays of the same shapes, types and order on every worker."""
    if worker_count(strategy) == 1:
        return [np.asarray(value) for value in values]
    arrays = [np.asarray(value) for value in values]
    mine = [array if is_chief(strategy) else np.zeros_like(array) for array in arrays]
    return [all_reduce_sum(strategy, array).astype(array.dtype) for array in mine]


def _resolver(strategy: Any) -> Any:
    is_cluster = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return strategy.cluster_resolver if is_cluster else None


def _require_cluster() -> None:
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        known = set(cluster) <= {"chief", "worker"} and int(task["index"]) >= 0
        address = cluster[task["type"]][int(task["index"])]
    except (KeyError, IndexError, TypeError, ValueError):
        known, address = False, None
    if not known or not isinstance(address, str):
        raise ConfigError(f"A cluster in TF_CONFIG is required, such as {_EXAMPLE}. Received: {text!r}.")
