"""The course of a run: as text, as a picture, in TensorBoard."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tangshi_tf.training.run import EpochReport, Plan
    from tangshi_tf.training.trainer import Progress

__all__ = ["TensorBoard", "draw", "text"]

_BLOCKS = "▁▂▃▄▅▆▇█"


def text(history: Sequence[Mapping[str, Any]]) -> str:
    """Return the validation perplexity of every epoch, logarithmic, as blocks between its first and its last figure."""
    figures = [record["validation_nll"] for record in history]
    low, high = min(figures), max(figures)
    span = (high - low) or 1.0
    blocks = "".join(_BLOCKS[round((figure - low) / span * (len(_BLOCKS) - 1))] for figure in figures)
    first, last, lowest = (np.exp(figure) for figure in (figures[0], figures[-1], low))
    return f"validation perplexity {first:.2f} {blocks} {last:.2f}, lowest {lowest:.2f}"


def draw(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the perplexity of every epoch, in training and in validation, as an SVG file; asks for matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [record["epoch"] for record in history]
    with np.errstate(over="ignore"):  # the first epoch of a wild learning rate
        training = np.exp([record["loss"] for record in history])
    axes.plot(epochs, training, marker=".", label="training, with dropout")
    axes.plot(epochs, [record["validation_perplexity"] for record in history], marker=".", label="validation")
    axes.set(xlabel="epoch", ylabel="perplexity", yscale="log")
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, format="svg")


class TensorBoard:
    """A `Listener` that writes what TensorBoard shows; asks for tensorboard.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        """See the class."""
        import tensorflow as tf

        self._summary = tf.summary
        self._folder = str(folder)
        self._writer: Any = None
        self._step = 0

    def planned(self, plan: "Plan") -> None:
        """Open the files: only now is the folder the run's own."""
        self._writer = self._summary.create_file_writer(self._folder)
        with self._writer.as_default():
            self._summary.text("plan", str(plan), step=0)

    def progressed(self, progress: "Progress") -> None:
        """Write loss, speed and learning rate."""
        self._step = progress.step
        with self._writer.as_default(progress.step):
            self._summary.scalar("loss", progress.loss)
            self._summary.scalar("tokens_per_second", progress.tokens_per_second)
            self._summary.scalar("learning_rate", progress.learning_rate)

    def validated(self, report: "EpochReport") -> None:
        """Write the validation figure and the greedy poem."""
        with self._writer.as_default(self._step):
            self._summary.scalar("validation_perplexity", report.validation_perplexity)
            self._summary.text("poem", report.poem)
        self._writer.flush()
