"""The names of the files of a run, and what else may be in its folder."""

from pathlib import Path

from tangshi_tf.errors import CheckpointError, first_line
from tangshi_tf.storage.digests import DIGESTS
from tangshi_tf.storage.files import LOCK

__all__ = [
    "CHECKPOINT",
    "CONFIG",
    "GUARDED",
    "HISTORY",
    "MANIFEST",
    "RUN_FILES",
    "VOCABULARY",
    "WEIGHTS",
    "is_run",
    "other_files",
    "require_place",
]

CONFIG, VOCABULARY, WEIGHTS = "config.json", "vocabulary.txt", "best.weights.h5"
MANIFEST, HISTORY, CHECKPOINT = "manifest.json", "history.jsonl", "checkpoint.h5"
_PICTURE, _LOGS = "learning-curve.svg", "tensorboard"  # if asked for
# In the order in which a run is discarded: what is left, if that is cut short, is not taken for a run to go on with.
GUARDED = (CHECKPOINT, HISTORY, WEIGHTS, MANIFEST, CONFIG, VOCABULARY)
RUN_FILES = (*GUARDED, DIGESTS, _PICTURE, _LOGS)


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run."""
    return (folder / CONFIG).is_file()


def other_files(folder: Path) -> set[str]:
    """Return the names of what is in a run's folder and is none of its files."""
    return {path.name for path in folder.iterdir()} - {*RUN_FILES, LOCK}


def require_place(folder: Path, restart: bool) -> None:
    """Make the folder of a new run. Refuse one with a run in it, unless that is to be discarded, or with other files.

    Raises:
        CheckpointError: if so, or if the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = {path.name for path in folder.iterdir()}
        others = other_files(folder)
    except OSError as error:
        raise CheckpointError(f"A writable folder is required: {folder}. Received: {first_line(error)}.") from None
    if others:
        raise CheckpointError(f"A folder for the run is required. Received one with other files: {folder}.")
    if found & {WEIGHTS, HISTORY, CHECKPOINT} and not restart:
        raise CheckpointError(
            "A new run is required, or --resume to go on with the old one, or --restart to discard it. "
            f"Received an existing run: {folder}."
        )
