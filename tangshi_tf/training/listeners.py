"""What a run reports, and to whom: a log, TensorBoard."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tangshi_tf.training.trainer import Progress

__all__ = [
    "EpochReport",
    "Listener",
    "LogListener",
    "RunPlan",
    "Sample",
    "SampleListener",
    "TensorBoard",
]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is about to do."""

    counted: str  # poems, characters or words
    members: Mapping[str, int]  # by split
    dropped: Mapping[str, int]  # poems by reason
    vocabulary: int
    parameters: int
    tokens: int  # an epoch
    epoch_steps: int
    steps: int
    precision: str
    devices: str
    unknown: Mapping[str, Sequence[int]] = field(default_factory=dict)  # by split: unknown tokens, and all


@dataclass(frozen=True, slots=True)
class EpochReport:
    """The results of an epoch."""

    epoch: int
    loss: float  # nats a token in training, with dropout
    validation_nll: float  # nats a token
    validation_perplexity: float
    best: bool
    seconds: float  # that the run has taken, before it was resumed too
    poem: str  # from a zero state; greedy, but for prose
    predicted: str  # the likeliest next token at every place of a validation poem …
    target: str  # … beside what stands there


@dataclass(frozen=True, slots=True)
class Sample:
    """A text that is written between two epochs."""

    step: int
    seconds: float  # that the run has taken
    text: str  # as `EpochReport.poem`


class Listener(Protocol):
    """Whoever wants to follow a run."""

    def planned(self, plan: RunPlan) -> None:
        """Take the plan, once the model is built."""

    def progressed(self, progress: "Progress") -> None:
        """Take the progress, about every second."""

    def validated(self, report: EpochReport) -> None:
        """Take the results of an epoch."""


@runtime_checkable
class SampleListener(Protocol):
    """A listener that also wants a sample within the first minute, and then every few minutes."""

    def sampled(self, sample: Sample) -> None:
        """Take a sample."""


class LogListener:
    """The listener of a run that has no other."""

    def planned(self, plan: RunPlan) -> None:
        """Log the plan."""
        _LOG.info("%s", plan)

    def progressed(self, progress: "Progress") -> None:
        """Log the progress."""
        _LOG.debug("%s", progress)

    def validated(self, report: EpochReport) -> None:
        """Log the results of an epoch."""
        _LOG.info("%s", report)


class TensorBoard:
    """Writes what TensorBoard shows; asks for tensorboard.

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

    def planned(self, plan: RunPlan) -> None:
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

    def sampled(self, sample: Sample) -> None:
        """Write the sample."""
        with self._writer.as_default(sample.step):
            self._summary.text("poem", sample.text)
        self._writer.flush()

    def validated(self, report: EpochReport) -> None:
        """Write the validation figure and the sample poem."""
        with self._writer.as_default(self._step):
            self._summary.scalar("validation_perplexity", report.validation_perplexity)
            self._summary.text("poem", report.poem)
        self._writer.flush()
