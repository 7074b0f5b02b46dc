"""Temporary files and folders: removed in the end, and also when the process is interrupted."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MOVING", "discard_all", "temporary"]

MOVING = threading.RLock()
"""Held while a temporary thing begins, ends, or is moved to its place, so that `discard_all` sees none on its way."""

_PATHS: set[Path] = set()


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[None]:
    """Remove what is at `path`, a file or a folder, at the end of a `with` block or in `discard_all`."""
    with MOVING:
        _PATHS.add(path)
    try:
        yield
    finally:
        with MOVING:
            _remove(path)
            _PATHS.discard(path)


def discard_all() -> None:
    """Remove every temporary thing, just before the process ends.

    Other threads that begin, end or move one wait from now on, so that none of them takes the loss for an error.
    """
    MOVING.acquire()
    for path in _PATHS:
        _remove(path)


def _remove(path: Path) -> None:
    """Remove a file or a folder; TensorFlow may be writing into it in another thread."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            return
        time.sleep(0.01)
