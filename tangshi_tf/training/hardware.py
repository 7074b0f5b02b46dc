"""The devices of a run, and the memory that it uses; whether bfloat16 pays."""

import math
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

__all__ = ["bfloat16_pays", "devices", "usage"]


def usage() -> dict[str, float | None]:
    """Return what this process has used so far; None where the system does not tell.

    Returns:
        `peak_memory` and `gpu_memory`: the most main memory and memory of the first GPU held, in GB;
        `gpu_utilisation`: share of the last moment in which the first GPU worked.
    """
    return {"peak_memory": _peak_memory(), "gpu_memory": _gpu_memory(), "gpu_utilisation": _gpu_utilisation()}


def _peak_memory() -> float | None:
    """Return the most main memory this process has held, in GB; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def devices(strategy: Any) -> str:
    """Return the devices of a strategy in words."""
    names = []
    for device in tf.config.list_physical_devices("GPU"):
        names.append(tf.config.experimental.get_device_details(device).get("device_name", "GPU"))
    if names:
        return f"{strategy.num_replicas_in_sync} x {names[0]}"
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU, {cores} cores, {cpu}"


def bfloat16_pays(repeats: int = 5) -> bool:
    """Measure whether a bfloat16 product of a recurrent layer's size is at least 1.5 times faster than float32.

    It is on CPUs with AVX512_BF16 or AMX and on recent GPUs; other CPUs emulate it slowly. Takes well under a second.
    """

    def seconds(dtype: Any) -> float:
        x, w = tf.ones([2048, 512], dtype), tf.ones([512, 2048], dtype)
        best = math.inf
        for _ in range(repeats + 1):  # the first one warms up
            start = time.perf_counter()
            float(tf.matmul(x, w)[0, 0])
            best = min(best, time.perf_counter() - start)
        return best

    return seconds(tf.float32) > 1.5 * seconds(tf.bfloat16)


def _gpu_memory() -> float | None:
    if not tf.config.list_physical_devices("GPU"):
        return None
    return float(tf.config.experimental.get_memory_info("GPU:0")["peak"]) / 1e9


def _gpu_utilisation() -> float | None:
    if not tf.config.list_physical_devices("GPU"):
        return None
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]
    try:
        return float(subprocess.run(query, capture_output=True, check=True, timeout=5).stdout) / 100
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
