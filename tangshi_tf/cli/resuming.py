"""What `fit --resume` finds out about a run before TensorFlow is loaded, and says of it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tangshi_tf.cli.catalogue import echo
from tangshi_tf.errors import CheckpointError

if TYPE_CHECKING:
    from tangshi_tf.training.run_folder import Run
    from tangshi_tf.training.run_status import RunStatus

__all__ = ["open_run", "say_where"]


def open_run(folder: Path) -> "Run | None":
    """Open the run to go on with; None on a worker of a cluster that does not have it.

    Raises:
        CheckpointError: if there is none, or it is damaged.
    """
    from tangshi_tf.training.run_files import is_run
    from tangshi_tf.training.run_folder import Run
    from tangshi_tf.training.run_status import run_names

    if not is_run(folder):
        if "TF_CONFIG" in os.environ:
            return None
        names = run_names(folder.parent)
        raise CheckpointError(
            f"A run to go on with is required ({folder.parent} has: {', '.join(names) or 'none'}); without --resume a "
            f"new one begins. Received: {folder.name}."
        )
    return Run(folder)


def say_where(folder: Path, status: "RunStatus") -> None:
    """Print where a run stands; nothing if it is damaged, which is said when it is opened."""
    if status.problem:
        return
    if not status.steps or status.saved is None:
        echo(f"{folder}: nothing is trained yet")
        return
    echo(
        f"{folder}: step {status.step:,} of {status.steps:,}, finished epochs: {status.epochs}, "
        f"{status.seconds / 60:.1f} minutes trained, saved {status.saved.astimezone():%Y-%m-%d %H:%M}"
    )
    if status.best:
        echo(
            f"best so far: epoch {status.best['epoch']}, validation perplexity "
            f"{status.best['validation_perplexity']:.2f}"
        )
