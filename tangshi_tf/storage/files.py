"""Write files whole or not at all, and lock folders."""

import contextlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tangshi_tf.errors import CheckpointError, first_line
from tangshi_tf.storage.temporaries import MOVING, temporary

__all__ = ["LOCK", "Lock", "clear_half_written", "locked", "sync_folder", "sync_tree", "write_bytes", "write_text"]

LOCK = ".lock"  # in a folder that a process has worked on
_TEMPORARY = re.compile(r"\.\d+\.(.*)", re.DOTALL)  # as `_temporary_name` names files
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


class Lock:
    """What `locked` gives: tells whether its folder is still the one that was locked.

    Args:
        folder: with the lock file.

    Raises:
        OSError: if there is none.
    """

    def __init__(self, folder: Path) -> None:
        """See the class."""
        self._folder = folder
        self._file = (folder / LOCK).stat()

    def require_held(self) -> None:
        """Refuse a folder that was removed, moved or made anew: another process may have locked what is there now.

        Raises:
            CheckpointError: if the lock file in the folder is another one, or gone.
        """
        with contextlib.suppress(OSError):
            if os.path.samestat(self._file, (self._folder / LOCK).stat()):
                return
        raise CheckpointError(
            f"The folder that was locked at the start is required: {self._folder}. "
            "Received: one that was removed or made anew meanwhile."
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Lock]:
    """Keep other processes out of a run's folder, made if it is missing.

    Raises:
        CheckpointError: if another process is working on the run, or the folder cannot be made.
    """
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(folder / LOCK, timeout=0))
            lock = Lock(folder)
        except Timeout:
            raise CheckpointError(
                f"A run that nobody is working on is required. Received one that another process holds: {folder}."
            ) from None
        except OSError as error:
            raise CheckpointError(f"A writable folder is required: {folder}. Received: {first_line(error)}.") from None
        yield lock


def clear_half_written(folder: Path, names: Collection[str]) -> None:
    """Remove what `write_bytes` had begun of these files when its process was killed. No other process may write them.

    Raises:
        CheckpointError: if one cannot be removed.
    """
    try:
        for path in folder.iterdir():
            found = _TEMPORARY.fullmatch(path.name)
            if found and found[1] in names:
                path.unlink()
    except OSError as error:
        raise CheckpointError(f"A writable folder is required: {folder}. Received: {first_line(error)}.") from None


def write_bytes(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write a file whole or not at all; it is on the disk when this returns.

    The file appears in one step, with the mode and the owner of the one that it replaces. A symbolic link is followed.
    Some files cannot be replaced, and are written in place: one with several names (hard links), which gets its old
    content back if that fails; what is no plain file, such as a pipe or a device; and this process's own standard
    output or error, under any name, to which the data are added.

    Raises:
        CheckpointError: if the file cannot be written; an older file at `path` is untouched then.

    Example:
        >>> write_bytes(Path("poem.txt"), "春眠不觉晓".encode())
        >>> Path("poem.txt").stat().st_size
        15
    """
    try:
        found = _found(path)
        descriptor = None if found is None else _own_descriptor(path, found)
        if descriptor is not None:
            _write_all(descriptor, data)
        elif found is None or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1):
            _replace(path.resolve(), data, found)
        else:
            _overwrite(path, data, stat.S_ISREG(found.st_mode))
    except OSError as error:
        raise CheckpointError(f"A writable file is required: {path}. Received: {first_line(error)}.") from None


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_bytes` does."""
    write_bytes(path, text.encode())


def _found(path: Path) -> os.stat_result | None:
    """Return what is at a path, links followed; None if there is nothing. A loop of links is an error."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _own_descriptor(path: Path, found: os.stat_result) -> int | None:
    """Return the descriptor under which this process has a file open already to write to it, if the path means that.

    To open /dev/stdout anew would write from the start of a file that `>>` appends to, and fails for a socket.
    """
    named = _DESCRIPTOR.fullmatch(str(path))
    for descriptor in [int(named[1])] if named else [1, 2]:
        with contextlib.suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return descriptor
    return None


def _replace(path: Path, data: bytes | bytearray | memoryview, old: os.stat_result | None) -> None:
    """Write a new file beside `path`, and put it in its place once it is on the disk."""
    name = _temporary_name(path)
    with temporary(name):
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        try:
            if old is not None:
                _keep_owner_and_mode(name, old)
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with MOVING:
            name.replace(path)
    sync_folder(path.parent)


def _overwrite(path: Path, data: bytes | bytearray | memoryview, regular: bool) -> None:
    """Write to what is there already: a pipe or a device as it comes, a file with other names so that they stay."""
    if not regular:
        descriptor = os.open(path, os.O_WRONLY)
        try:
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)
        return
    with path.open("rb+", buffering=0) as file:
        old = file.read()
        try:
            _fill(file.fileno(), data)
        except OSError:
            _fill(file.fileno(), old)  # needs no new space
            raise


def _fill(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Make data the whole content of an open file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    _write_all(descriptor, data)
    os.ftruncate(descriptor, memoryview(data).nbytes)
    os.fsync(descriptor)


def _write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _keep_owner_and_mode(path: Path, old: os.stat_result) -> None:
    """Give a file the owner of another one where the system allows it, and its mode."""
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(path, old.st_uid, old.st_gid)
    path.chmod(stat.S_IMODE(old.st_mode))


def sync_tree(folder: Path) -> None:
    """Put a folder on the disk with all that is in it.

    Raises:
        OSError: if the disk cannot take a file.
    """
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Put the name of a new file on the disk, where the system can: Windows opens no folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _temporary_name(path: Path) -> Path:
    """Return a name beside a file that ends as the file's own: Keras asks for .weights.h5, and names have limits."""
    return path.with_name(f".{os.getpid()}.{path.name[-60:]}")
