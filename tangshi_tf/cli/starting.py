"""Start TensorFlow quietly and fast, and matplotlib quietly."""

import contextlib
import gc
import logging
import os
import tempfile
from collections.abc import Iterator

from tangshi_tf.errors import ConfigError
from tangshi_tf.phases import phase

__all__ = ["no_garbage", "optimize_no_graphs", "quiet_matplotlib", "start_tensorflow"]


@phase("starting TensorFlow")
def start_tensorflow(threads: int = 0) -> None:
    """Import TensorFlow without what its C++ part tells standard error about the machine.

    TF_CPP_MIN_LOG_LEVEL=0 in the environment lets it speak while it works.

    Args:
        threads: how many it computes with; 0: as many as there are cores.

    Raises:
        ConfigError: if TensorFlow computes with another number already, as in a process that has called it before.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with no_garbage(), tempfile.TemporaryFile() as told:
        standard_error = os.dup(2)
        os.dup2(told.fileno(), 2)
        try:
            import tensorflow

            tensorflow.get_logger().setLevel("ERROR")  # its warnings are for those who program with it
            if threads:
                _compute_with(threads)
        except BaseException:
            told.seek(0)
            os.write(standard_error, told.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


def _compute_with(threads: int) -> None:
    """Let TensorFlow compute with so many threads: those inside an operation, and those beside each other."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # it has begun
        raise ConfigError(
            "A process of its own is required for --threads. Received: one that computes already."
        ) from None


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """Keep Python from looking for garbage among what is loaded to stay, which takes a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def optimize_no_graphs() -> None:
    """Keep TensorFlow from rewriting graphs before it runs them, which takes longer than a few poems."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def quiet_matplotlib() -> None:
    """Keep matplotlib from telling of its cache of fonts, which is no news to who wants a picture."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
