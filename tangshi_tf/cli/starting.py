"""Start TensorFlow quietly and fast."""

import contextlib
import gc
import os
import tempfile
from collections.abc import Iterator

__all__ = ["no_garbage", "optimize_no_graphs", "start_tensorflow"]


def start_tensorflow() -> None:
    """Import TensorFlow without what its C++ part tells standard error about the machine.

    TF_CPP_MIN_LOG_LEVEL=0 in the environment lets it speak while it works.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with no_garbage(), tempfile.TemporaryFile() as told:
        standard_error = os.dup(2)
        os.dup2(told.fileno(), 2)
        try:
            import tensorflow

            tensorflow.get_logger().setLevel("ERROR")  # its warnings are for those who program with it
        except BaseException:
            told.seek(0)
            os.write(standard_error, told.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


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
