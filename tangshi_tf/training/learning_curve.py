"""The learning curve of a run: the perplexity of its steps and epochs along an axis, from its files alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tangshi_tf.errors import CheckpointError
from tangshi_tf.training.run_folder import Run

__all__ = ["Curve", "curve_text", "epochs_at", "learning_curve", "read_curve"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_WHOLE = 0.9  # an epoch with a smaller share of its steps was cut by the end of the plan; titles vary them a little
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """The learning curve of a run.

    Attributes:
        name: of the run.
        training: float64 `[N, 2]`: the place on the axis, and the perplexity in training, with dropout. Each point is
            a moment within an epoch; in runs of version 0.1, which noted none, the mean of a whole epoch.
        validation: float64 `[E, 2]`: the same for the validation split, at the end of every epoch.
        best: the index of the best epoch in `validation`; None before the first.
    """

    name: str
    training: _Array
    validation: _Array
    best: int | None


def read_curve(folder: str | Path, axis: str = "epochs", name: str = "") -> Curve:
    """Read the learning curve of a run, also while it is trained.

    Args:
        folder: of the run.
        axis: a key of `config.AXES`.
        name: of the curve, by default that of the folder.

    Raises:
        CheckpointError: if there is no run, it is damaged, or it has nothing to draw yet.
    """
    run = Run(folder)
    manifest, steps, history = run.manifest, run.steps, run.history
    if not manifest or not (steps or history):
        raise CheckpointError(
            f"A run with a finished epoch, or a few minutes old, is required. Received one with nothing to draw yet: "
            f"{run.folder}."
        )
    return learning_curve(
        name or run.folder.resolve().name,
        history,
        steps,
        axis=axis,
        epoch_steps=manifest["epoch_steps"],
        tokens=manifest["tokens"],
    )


def learning_curve(
    name: str,
    history: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, Any]],
    *,
    axis: str,
    epoch_steps: int,
    tokens: int,
) -> Curve:
    """Return a curve from the records of epochs and of steps, as `Run.history` and `Run.steps` have them.

    Args:
        name: of the curve.
        history: the records of epochs.
        steps: the records of steps, in their order; may be empty.
        axis: a key of `config.AXES`.
        epoch_steps: batches of an epoch.
        tokens: of an epoch.

    Example:
        >>> epoch = {"step": 20, "seconds": 60.0, "loss": 2.0, "validation_nll": 3.0}
        >>> curve = learning_curve("mine", [epoch], [], axis="minutes", epoch_steps=20, tokens=900)
        >>> curve.validation.round(1).tolist(), curve.best
        ([[1.0, 20.1]], 0)
    """
    ends = [record["step"] for record in history]

    def points(records: Sequence[Mapping[str, Any]], figure: str) -> _Array:
        if axis == "minutes":
            places = np.array([record["seconds"] for record in records], np.float64) / 60
        else:
            places = epochs_at([record["step"] for record in records], ends, epoch_steps)
            places *= tokens if axis == "tokens" else 1
        nll = np.array([record[figure] for record in records], np.float64)
        with np.errstate(over="ignore"):  # the first epoch of a wild learning rate
            return np.stack([places, np.exp(nll)], axis=1)

    figures = [record["validation_nll"] for record in history]
    best = int(np.argmin(figures)) if figures else None
    return Curve(name, points(steps or history, "loss"), points(history, "validation_nll"), best)


def epochs_at(steps: Sequence[int], ends: Sequence[int], epoch_steps: int) -> _Array:
    """Return how many epochs are read after some steps, float64 `[N]`.

    Args:
        steps: counted from 1 over the whole run.
        ends: the last step of every finished epoch; one may have been cut by the end of the plan, and the next one be
            the rest of it, if the run was extended.
        epoch_steps: batches of an epoch, about.

    Example:
        >>> epochs_at([10, 20, 30, 45], ends=[20, 41, 45], epoch_steps=20).round(2).tolist()
        [0.5, 1.0, 1.48, 2.2]
    """
    anchors = np.array([0, *ends], np.float64)
    shares = np.diff(anchors) / epoch_steps
    epochs = np.cumsum([0.0, *np.where(shares < _WHOLE, shares, 1.0)])
    return np.interp(steps, [*anchors, anchors[-1] + epoch_steps], [*epochs, epochs[-1] + 1])


def curve_text(history: Sequence[Mapping[str, Any]]) -> str:
    """Return the validation perplexity of every epoch, logarithmic, as blocks between its first and its last figure."""
    figures = [record["validation_nll"] for record in history]
    low, high = min(figures), max(figures)
    span = (high - low) or 1.0
    blocks = "".join(_BLOCKS[round((figure - low) / span * (len(_BLOCKS) - 1))] for figure in figures)
    first, last, lowest = (np.exp(figure) for figure in (figures[0], figures[-1], low))
    return f"validation perplexity {first:.2f} {blocks} {last:.2f}, lowest {lowest:.2f}"
