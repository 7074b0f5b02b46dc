"""Which runs there are, and where one stands, from its files alone: no TensorFlow is loaded."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tangshi_tf.errors import CheckpointError, TangshiError
from tangshi_tf.storage.files import LOCK
from tangshi_tf.training.history import best_of, is_finished
from tangshi_tf.training.run_files import CHECKPOINT, is_run
from tangshi_tf.training.run_folder import Run

__all__ = ["RUNS", "RunStatus", "find_run", "run_names", "run_status"]

RUNS = Path("runs")  # in the current folder


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        state: ``"running"``, ``"finished"``, ``"stopped"`` (it can be resumed), ``"new"`` (nothing is trained yet) or
            ``"damaged"``.
        step: batches trained on, of `steps`.
        steps: of the whole run; 0 before they are known.
        epochs: that are finished.
        best: the record of the epoch with the best validation figure; None before the first.
        seconds: that it has taken, up to its checkpoint.
        saved: when its checkpoint was written; None before the first.
        problem: what is damaged; empty if nothing is.
    """

    state: str
    step: int = 0
    steps: int = 0
    epochs: int = 0
    best: dict[str, Any] | None = None
    seconds: float = 0.0
    saved: datetime | None = None
    problem: str = ""


def run_names(folder: Path = RUNS) -> list[str]:
    """Return the names of the runs in a folder."""
    return sorted(path.parent.name for path in folder.glob("[!.]*/config.json"))


def find_run(run: str) -> Path:
    """Return the folder of the run that a user means.

    Args:
        run: a name, which means a run in ``./runs``, or else the folder of a run.

    Raises:
        CheckpointError: if there is none.
    """
    for folder in (RUNS / run, Path(run)):
        if run and is_run(folder):
            return folder
    raise CheckpointError(
        f"A run in ./runs ({', '.join(run_names()) or 'none'}) or the folder of one is required. Received: {run!r}."
    )


def run_status(folder: Path) -> RunStatus:
    """Return where the run in a folder stands.

    Raises:
        CheckpointError: if there is no run.

    Example:
        >>> from pathlib import Path
        >>> from tangshi_tf import ModelConfig, TrainingConfig, Vocabulary
        >>> vocabulary = Vocabulary.build(["春眠不觉晓，"], min_count=1)
        >>> run = Run.create(Path("runs/mine"), ModelConfig(titles=False), TrainingConfig(), vocabulary)
        >>> run_status(run.folder).state
        'new'
    """
    try:
        return _status(Run(folder))
    except TangshiError as error:
        if not is_run(folder):
            raise
        problem = str(error)
    if _is_locked(folder):  # then a file may just have been replaced, after its digest had been read
        with contextlib.suppress(TangshiError):
            return _status(Run(folder))
    return RunStatus("damaged", problem=problem)


def _status(run: Run) -> RunStatus:
    manifest, history, progress = run.manifest, run.history, run.progress
    step = progress.position.step if progress else None
    running, finished = _is_locked(run.folder), is_finished(manifest, history, step, run.training_config.patience)
    saved = (run.folder / CHECKPOINT).stat().st_mtime if progress else None
    return RunStatus(
        "running" if running else "finished" if finished else "stopped" if progress else "new",
        step=step or 0,
        steps=manifest.get("steps", 0),
        epochs=len(history),
        best=dict(best_of(history)) if history else None,
        seconds=progress.seconds if progress else 0.0,
        saved=datetime.fromtimestamp(saved, UTC) if saved else None,
    )


def _is_locked(folder: Path) -> bool:
    """Tell whether a process is working on the run."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # not ours to lock
        return False
