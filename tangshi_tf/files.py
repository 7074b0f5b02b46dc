"""Write files atomically, and lock folders."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tangshi_tf.errors import CheckpointError, first_line

__all__ = ["LOCK", "locked", "write_atomic", "write_text"]

LOCK = ".lock"  # in a folder that a process has worked on
_HALF_WRITTEN = re.compile(r"\.\d+\..*")  # what `write_atomic` had begun when its process was killed


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder, made if it is missing, and clear what a killed one left half-written.

    Raises:
        CheckpointError: if another process is working on the run, or the folder cannot be made.
    """
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(folder / LOCK, timeout=0))
            for path in folder.iterdir():
                if _HALF_WRITTEN.fullmatch(path.name):
                    path.unlink()
        except Timeout:
            raise CheckpointError(
                f"A run that nobody is working on is required. Received one that another process holds: {folder}."
            ) from None
        except OSError as error:
            raise CheckpointError(f"A writable folder is required: {folder}. Received: {first_line(error)}.") from None
        yield


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step.

    A symbolic link is followed; what is there but is no plain file, such as a pipe, is written to as it is.

    Raises:
        CheckpointError: if the file cannot be written; an older file at `path` is untouched then.
    """
    path = path.resolve()
    temporary = path.with_name(f".{os.getpid()}.{path.name}")  # Keras insists on the ending .weights.h5
    try:
        if path.exists() and not path.is_file():
            write(path)
            return
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # HDF5 cannot close what it could not write, and says so last
        reason = error if isinstance(error, OSError) else error.__context__ or error
        raise CheckpointError(f"A writable file is required: {path}. Received: {first_line(reason)}.") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_atomic` does."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(text.encode())

    write_atomic(path, write)
