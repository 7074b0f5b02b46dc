"""The course of a run: train, validate after each epoch, save every few minutes, stop if asked to."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tangshi_tf.errors import StoppedError, TangshiError
from tangshi_tf.storage.files import Lock
from tangshi_tf.training.distribution import agree_or_raise, all_reduce_sum, broadcast, worker_count
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.trainer import Progress, Trainer, every_second
from tangshi_tf.training.validator import Validator

__all__ = ["Session"]

_STEP_RECORDS = 500  # of a run, at most
_WORKERS_MEET = 10  # steps between two moments at which several workers talk to each other


@dataclass(slots=True)
class Session:
    """Trains, validates and saves until the run is at its end, or has to stop.

    Attributes:
        trainer: of the run.
        run: whose files are written; None on a worker that is not the chief.
        lock: of the run's folder.
        validator: of the run; None as above.
        strategy: of `tf.distribute`.
        patience: epochs without improvement after which the run ends; 0 for no end.
        began: when the run began, by `time.monotonic`.
        unsaved: records of steps.
        told: the step of the latest of them.
        done: whether patience is at an end.
    """

    trainer: Trainer
    run: Run | None
    lock: Lock | None
    validator: Validator | None
    strategy: Any
    patience: int
    began: float
    unsaved: list[dict[str, Any]] = field(default_factory=list)
    told: int = 0
    done: bool = False

    def train(self, save_minutes: float, stop: Callable[[], bool]) -> None:
        """Train to the end; see `fit`."""
        due = every_second() if worker_count(self.strategy) == 1 else lambda step: step % _WORKERS_MEET == 0
        saved, failure = time.monotonic(), None
        if broadcast(self.strategy, [self._out_of_patience()])[0]:
            return
        for progress in self.trainer.run(due):
            failure = failure or self._follow(progress)
            # What depends on a clock, a file or a signal is decided together.
            overdue = self.run is not None and time.monotonic() - saved >= 60 * save_minutes
            asked, overdue, done = all_reduce_sum(self.strategy, [stop(), overdue, self.done]).astype(bool)
            if progress.epoch_ended or asked or overdue:
                failure = failure or self._save()
                saved = time.monotonic()
                agree_or_raise(self.strategy, failure)
            if done:
                return
            if asked and progress.step < progress.steps:
                raise StoppedError(f"Stopped after step {progress.step:,} of {progress.steps:,}.")

    def end(self) -> None:
        """Tell whoever has to know that the run has ended, or was stopped."""
        if self.validator:
            self.validator.end()

    def _follow(self, progress: Progress) -> TangshiError | None:
        """Validate at the end of an epoch, and tell whether it was the last; return what went wrong."""
        try:
            self._require_folder(progress)
            if progress.step - self.told >= progress.steps / _STEP_RECORDS:
                self.told = progress.step
                self.unsaved.append(self._record(progress))
            if self.validator:
                self.validator.follow(progress)
            self._require_folder(progress)  # validation takes a while
            self.done = progress.epoch_ended and self._out_of_patience()
        except TangshiError as error:
            return error
        return None

    def _save(self) -> TangshiError | None:
        """Write a checkpoint; return what went wrong."""
        try:
            if self.run and self.lock:
                self.lock.require_held()
                self.run.append_history(*self.unsaved)
                self.unsaved.clear()
                self.run.save_checkpoint(self.trainer.position, self.trainer.values(), time.monotonic() - self.began)
        except TangshiError as error:
            return error
        return None

    def _require_folder(self, progress: Progress) -> None:
        """Refuse to read or write, at the end of an epoch, a folder that another process has made anew."""
        if self.lock and progress.epoch_ended:
            self.lock.require_held()

    def _record(self, progress: Progress) -> dict[str, Any]:
        """Return what `history.jsonl` has of a step."""
        return {
            "step": progress.step,
            "loss": progress.recent_loss,
            "learning_rate": progress.learning_rate,
            "tokens_per_second": progress.tokens_per_second,
            "seconds": time.monotonic() - self.began,
        }

    def _out_of_patience(self) -> bool:
        return self.validator is not None and self.validator.out_of_patience(self.patience)
