import sys

import pytest
import tensorflow as tf

from tangshi_tf.training.distribution import choose_strategy
from tangshi_tf.training.hardware import bfloat16_pays, devices, usage


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_memory_is_that_of_this_process() -> None:
    before = usage()["peak_memory"]
    held = bytearray(300_000_000)
    held[::4096] = b"x" * len(held[::4096])
    after = usage()["peak_memory"]
    assert before is not None
    assert after is not None
    assert 0.1 < before <= after < 100
    assert after > 0.3


def test_a_gpu_is_told_of_where_there_is_one() -> None:
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    found = usage()
    assert (found["gpu_memory"] is not None) == has_gpu
    words = devices(choose_strategy("one"))
    assert words.startswith("1 x " if has_gpu else "CPU, ")


def test_the_measurement_of_bfloat16_gives_a_verdict() -> None:
    assert bfloat16_pays() in (True, False)
