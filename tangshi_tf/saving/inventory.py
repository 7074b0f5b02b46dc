"""What has been trained here: the runs in ./runs, the versions in ./saved_models, the model in the package.

They are listed from what they say of themselves, without their weights and without TensorFlow, and deleted.
"""

import contextlib
import secrets
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from tangshi_tf.config import BOX, ModelConfig
from tangshi_tf.errors import CheckpointError, ModelError, TangshiError, first_line
from tangshi_tf.saving.versions import versions_in
from tangshi_tf.shipped import find_resource
from tangshi_tf.storage.files import locked
from tangshi_tf.storage.version_folder import EXTRA, read_version, settings_of
from tangshi_tf.training.run_files import other_files
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.run_status import run_status

__all__ = ["Entry", "delete", "entries_to_delete", "list_entries"]

_RUNS, _MODELS = Path("runs"), Path("saved_models")
_DISCARDED = ".deleted-"  # how the hidden name begins that a folder has while it is removed


@dataclass(frozen=True, slots=True)
class Entry:
    """A run or a version. What it does not say of itself is None.

    Attributes:
        name: ``"runs/mine"``, ``"saved_models/mine/2"``; of the model in the package ``"tangshi/1"``.
        path: of the folder.
        state: of a run as in `RunStatus`; of a version ``"exported"``, ``"included"`` (in the package) or
            ``"damaged"``.
        size: of all files, in bytes.
        saved: when the checkpoint of the run, or the description of the version, was written.
        config: what the model is.
        parameters: number of trained ones.
        step: batches trained on, of `steps`.
        steps: of the whole run.
        epochs: that are finished.
        validation_perplexity: the best one of a run, that of a version.
        test_perplexity: of a version.
        seconds: that the run has taken, up to its checkpoint.
        problem: what is damaged, in one line; empty if nothing is.
    """

    name: str
    path: Path
    state: str
    size: int
    saved: datetime | None = None
    config: ModelConfig | None = None
    parameters: int | None = None
    step: int | None = None
    steps: int | None = None
    epochs: int | None = None
    validation_perplexity: float | None = None
    test_perplexity: float | None = None
    seconds: float | None = None
    problem: str = ""


def list_entries() -> list[Entry]:
    """Return the runs and the versions of the current folder, by name and number, and the model in the package.

    What is damaged is listed as such; but of weights only those of checkpoints are checked: damage in others is not
    noticed here.

    Example:
        >>> from tangshi_tf import ModelConfig, TrainingConfig, Vocabulary
        >>> vocabulary = Vocabulary.build(["春眠不觉晓，"], min_count=1)
        >>> _ = Run.create(Path("runs/new"), ModelConfig(titles=False), TrainingConfig(), vocabulary)
        >>> [entry.state for entry in list_entries() if entry.name == "runs/new"]
        ['new']
    """
    versions = [version for folder in _folders(_MODELS) for version in versions_in(folder) if version.is_dir()]
    versions += [box for box in _included() if not any(box.samefile(version) for version in versions)]
    return [
        *[_described(_describe_run, folder) for folder in _folders(_RUNS)],
        *[_described(_describe_version, folder) for folder in versions],
    ]


def entries_to_delete(name: str) -> list[Entry]:
    """Return what a name means: a run, a version, or, for a plain name, the run and all versions of that name.

    Raises:
        ModelError: if there is none, or one is the model in the package, or a version behind a link.
        CheckpointError: if a process is working on the run, or its folder has other files too.
    """
    entries, asked = list_entries(), PurePath(name).as_posix()
    found = [entry for entry in entries if name and asked in _names(entry)]
    found = [entry for entry in found if not entry.path.is_absolute()] or found
    if not found:
        there = ", ".join(entry.name for entry in entries)
        raise ModelError(f"A run or a version is required ({there or 'none here'}). Received: {name!r}.")
    for entry in found:
        if entry.path.parent.is_symlink() and entry.path.parent != _RUNS:
            if asked == entry.name:
                raise ModelError(
                    f"A version that lies in ./{_MODELS} is required. Received one behind a link: {entry.name}."
                )
        elif _is_included(entry.path) and not entry.path.is_symlink():
            raise ModelError(
                f"A run or a version of your own is required. Received: {entry.name}, the model in the package."
            )
        if entry.path.parent == _RUNS and not entry.path.is_symlink() and _has_other_files(entry.path):
            raise CheckpointError(f"A folder for the run is required. Received one with other files: {entry.name}.")
        if entry.state == "running":
            raise CheckpointError(
                f"A run that nobody is working on is required. Received one that another process holds: {entry.name}."
            )
    return found


def delete(entries: Sequence[Entry]) -> None:
    """Delete what `entries_to_delete` gave. A link is removed, and what it leads to stays.

    Each folder first gets a hidden name, so that none that is half removed is taken for whole.

    Raises:
        CheckpointError: if a process is working on a run by now.
        OSError: if a folder cannot be removed.
    """
    for entry in entries:
        folder = entry.path.parent
        if folder == _RUNS:
            with contextlib.nullcontext() if entry.path.is_symlink() else locked(entry.path):
                hidden = _hide(entry.path)
        else:
            hidden = _hide(folder if folder.is_symlink() else entry.path)
        if hidden:
            shutil.rmtree(hidden)
        with contextlib.suppress(OSError):  # it has other versions, or other files
            if folder != _RUNS:
                folder.rmdir()


def _hide(path: Path) -> Path | None:
    """Give a folder a hidden name, and return it; clear what a process that was killed has left; unlink a link."""
    for left in path.parent.glob(f"{_DISCARDED}*"):
        shutil.rmtree(left, ignore_errors=True)
    if path.is_symlink():
        path.unlink()
    if not path.exists():  # another version was behind the same link
        return None
    return path.rename(path.with_name(f"{_DISCARDED}{secrets.token_hex(4)}"))


def _included() -> list[Path]:
    """Return the version in the package; in a clone, later ones beside it are the user's. Empty if it has none."""
    try:
        return versions_in(find_resource(f"saved_models/{BOX}"))[:1]
    except TangshiError:
        return []


def _has_other_files(folder: Path) -> bool:
    """Tell whether people have put files of their own into a run."""
    return any(not name.startswith(".") for name in other_files(folder))


def _is_included(folder: Path) -> bool:
    return any(folder.samefile(box) for box in _included())


def _folders(directory: Path) -> list[Path]:
    """Return the visible folders in a directory, links to folders too."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))


def _name(folder: Path) -> str:
    return "/".join(folder.parts[-2:]) if folder.is_absolute() else folder.as_posix()


def _names(entry: Entry) -> set[str]:
    """Return what an entry can be called: its own name, its folder of versions, and the name that runs have too."""
    if entry.path.is_absolute():
        return {entry.name, BOX}
    return {entry.name, "/".join(entry.path.parts[:2]), entry.path.parts[1]}


def _described(describe: Callable[[Path], Entry], folder: Path) -> Entry:
    """Describe a run or a version, or say what is damaged."""
    try:
        return describe(folder)
    except TangshiError as error:
        return _damaged(folder, error)
    except OSError as error:
        return _damaged(folder, ModelError(f"A readable folder is required: {folder}. Received: {first_line(error)}."))


def _damaged(folder: Path, problem: object) -> Entry:
    return Entry(_name(folder), folder, "damaged", _size(folder), problem=str(problem))


def _describe_run(folder: Path) -> Entry:
    status = run_status(folder)
    if status.problem:
        return _damaged(folder, status.problem)
    run = Run(folder)
    return Entry(
        _name(folder),
        folder,
        status.state,
        _size(folder),
        saved=status.saved,
        config=run.model_config,
        parameters=run.manifest.get("parameters"),
        step=status.step,
        steps=status.steps,
        epochs=status.epochs,
        validation_perplexity=status.best["validation_perplexity"] if status.best else None,
        seconds=status.seconds,
    )


def _describe_version(folder: Path) -> Entry:
    record, description = read_version(folder), folder / EXTRA / "config.json"
    config, _ = settings_of(record, description, ModelError)
    perplexity = record.get("perplexity", {})
    return Entry(
        _name(folder),
        folder,
        "included" if _is_included(folder) else "exported",
        _size(folder),
        saved=datetime.fromtimestamp(description.stat().st_mtime, UTC),
        config=config,
        parameters=record.get("manifest", {}).get("parameters"),
        validation_perplexity=perplexity.get("validation"),
        test_perplexity=perplexity.get("test"),
    )


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder, at any depth; links inside it are not followed."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # a file that is being replaced
            found = path.lstat()
            size += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return size
