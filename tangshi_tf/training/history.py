"""The history of a run: a line for every epoch, and for up to 500 steps within them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tangshi_tf.errors import CheckpointError
from tangshi_tf.storage.schemas import EpochRecord, StepRecord, decode_lines

__all__ = ["best_of", "is_finished", "out_of_patience", "parse_history"]


def parse_history(data: bytes, path: Path) -> list[dict[str, Any]]:
    """Return the records of epochs and of steps, in the order of the lines; only those of epochs have the key epoch.

    Args:
        data: of `history.jsonl`.
        path: that errors name.

    Raises:
        CheckpointError: if the file is damaged.
    """
    records = list(decode_lines(data, _schema_of, path, CheckpointError))
    epochs = [record["epoch"] for record in records if "epoch" in record]
    if epochs != list(range(1, len(epochs) + 1)):
        raise CheckpointError(f"Epochs 1, 2, … are required in {path}. Received: others.")
    return records


def best_of(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the record of the epoch with the lowest validation nll, of at least one epoch."""
    return min(history, key=lambda record: record["validation_nll"])


def is_finished(
    manifest: Mapping[str, Any], history: Sequence[Mapping[str, Any]], step: int | None, patience: int
) -> bool:
    """Tell whether there is nothing left to train: the plan of a run is done, or its patience is at an end.

    Args:
        manifest: of the run; empty before it is written.
        history: a record an epoch.
        step: of its checkpoint; None before the first.
        patience: as of `out_of_patience`.
    """
    if not manifest or step is None:
        return False
    return step >= manifest["steps"] or out_of_patience(history, patience)


def out_of_patience(history: Sequence[Mapping[str, Any]], patience: int) -> bool:
    """Tell whether `patience` epochs have passed without improvement; 0 disables early stopping."""
    figures = [record["validation_nll"] for record in history]
    return bool(patience and figures and len(figures) - 1 - figures.index(min(figures)) >= patience)


def _schema_of(line: bytes) -> Any:
    return EpochRecord if b'"epoch"' in line else StepRecord
