"""Numbered folders of models, `saved_models/NAME/1`, `2`, …: TensorFlow Serving's own layout.

A version appears complete or not at all, and none is ever overwritten.
"""

import contextlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tangshi_tf.config import BOX
from tangshi_tf.errors import ModelError, TangshiError, first_line
from tangshi_tf.shipped import find_resource
from tangshi_tf.storage.files import LOCK, sync_folder, sync_tree
from tangshi_tf.storage.temporaries import MOVING, temporary
from tangshi_tf.storage.version_folder import read_version

__all__ = ["add_version", "exported", "find_model", "latest_version", "versions_in"]

_GRAPH = "saved_model.pb"
_HIDDEN, _VERSION = ".export-", "version"  # what a version is written into before it appears


def add_version(directory: str | Path, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a folder, and make it the next version in `directory`, which is made if it is missing.

    Returns:
        The folder of the new version.

    Raises:
        ModelError: if the folder cannot be written. Nothing is left behind.
    """
    import tensorflow as tf  # what writes one has loaded it; what looks for one does not need it

    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _unfinished(directory) as made:
            write(made)
            sync_tree(made)
            version = _publish(made, directory)
            sync_folder(directory)
            return version
    except (OSError, tf.errors.OpError) as error:
        raise ModelError(f"A writable folder is required: {directory}. Received: {first_line(error)}.") from None


def latest_version(directory: str | Path) -> Path | None:
    """Return the SavedModel with the highest number in `directory`, or None if there is none."""
    return next((version for version in reversed(versions_in(directory)) if (version / _GRAPH).is_file()), None)


def versions_in(directory: str | Path) -> list[Path]:
    """Return what has the name of a version in `directory`, by number; it may be something else."""
    directory = Path(directory)
    names = [entry.name for entry in directory.iterdir()] if directory.is_dir() else []
    numbers = [int(name) for name in names if name.isascii() and name.isdecimal() and name == str(int(name))]
    return [directory / str(number) for number in sorted(numbers)]


def find_model(model: str) -> Path:
    """Return the version folder that a user means.

    Args:
        model: a version folder, or a folder of versions, whose highest is taken; or a name, which means the highest
            version in ``./saved_models/NAME`` and, for the name of the model in the box, else that one.

    Raises:
        ModelError: if there is none.
    """
    path = Path(model)
    found: Path | None = None
    if (path / _GRAPH).is_file():
        found = path
    elif path.name != model:
        found = latest_version(path)
    elif model:
        found = latest_version(Path("saved_models") / model)
        if found is None and model == BOX:
            found = latest_version(find_resource(f"saved_models/{BOX}"))
    if found is None:
        names = sorted(entry.name for entry in Path("saved_models").glob("*") if latest_version(entry))
        raise ModelError(
            f"A name in ./saved_models ({', '.join(names) or 'none here'}) or a folder with a SavedModel is required. "
            f"Received: {model!r}."
        )
    return found


def exported(directory: Path, weights: str, manifest: Mapping[str, Any]) -> Path | None:
    """Return the version in `directory` that holds the weights of a run, or None if there is none.

    Args:
        directory: holds the versions.
        weights: the SHA-256 of the run's file of weights.
        manifest: of the run; version 0.1 of this package noted no digest.
    """
    for version in reversed(versions_in(directory)):
        with contextlib.suppress(TangshiError):  # a damaged version is none
            record = read_version(version)
            if record.get("weights") == weights or ("weights" not in record and record.get("manifest") == manifest):
                return version
    return None


@contextlib.contextmanager
def _unfinished(directory: Path) -> Iterator[Path]:
    """Make a hidden folder, locked as long as its process lives, and clear those whose processes were killed."""
    for path in directory.glob(f"{_HIDDEN}*"):
        _clear(path)
    while True:
        path = directory / f"{_HIDDEN}{secrets.token_hex(4)}"
        with temporary(path), contextlib.ExitStack() as held:
            path.mkdir()
            try:
                held.enter_context(FileLock(path / LOCK, timeout=0))
                (path / _VERSION).mkdir()
            except (Timeout, FileNotFoundError, FileExistsError):  # another process cleared it before it was locked
                continue
            yield path / _VERSION
            return


def _clear(path: Path) -> None:
    """Remove a hidden folder of ours that no process has locked."""
    with contextlib.suppress(OSError, Timeout):
        if not path.is_symlink() and {entry.name for entry in path.iterdir()} <= {LOCK, _VERSION}:
            with FileLock(path / LOCK, timeout=0):
                shutil.rmtree(path)


def _publish(made: Path, directory: Path) -> Path:
    """Move a finished folder to the next free number; another process may take that number first."""
    while True:
        last = max((int(version.name) for version in versions_in(directory)), default=0)
        version = directory / str(last + 1)
        try:
            with MOVING:
                return made.rename(version)
        except OSError:
            if not version.exists():
                raise
