"""Where a run stands, from its files alone: no TensorFlow is loaded."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tangshi_tf.errors import TangshiError
from tangshi_tf.files import LOCK
from tangshi_tf.training.run_folder import Run

__all__ = ["RunStatus", "run_status"]


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
        run = Run(folder)
        manifest, history, checkpoint = run.manifest, run.history, run.checkpoint
        finished = run.finished
    except TangshiError as error:
        if not (folder / "config.json").is_file():
            raise
        return RunStatus("damaged", problem=str(error))
    state = "running" if _is_locked(folder) else "finished" if finished else "stopped" if checkpoint else "new"
    saved = (folder / "checkpoint.h5").stat().st_mtime if checkpoint else None
    return RunStatus(
        state,
        step=checkpoint.position.step if checkpoint else 0,
        steps=manifest.get("steps", 0),
        epochs=len(history),
        best=run.best if history else None,
        seconds=checkpoint.seconds if checkpoint else 0.0,
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
