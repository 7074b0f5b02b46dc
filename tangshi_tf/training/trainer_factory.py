"""Make the model and the trainer of a run from its settings."""

import functools
import math
import time
from typing import Any

import keras

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.errors import ConfigError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.transfer import transfer
from tangshi_tf.phases import phase
from tangshi_tf.training.checkpoint import Position
from tangshi_tf.training.distribution import broadcast, is_chief
from tangshi_tf.training.hardware import bfloat16_pays, devices
from tangshi_tf.training.listeners import RunPlan
from tangshi_tf.training.tasks import Task
from tangshi_tf.training.trainer import Trainer, total_steps

__all__ = ["TrainerFactory"]

_PACE_STEPS = 40  # of a trial
_LEAST_STEPS = 50  # that time has to allow for


class TrainerFactory:
    """Makes models and trainers that are all alike.

    Args:
        model_config: what to train.
        training_config: how to train it.
        task: what to train it on.
        strategy: of `tf.distribute`.
        precision: as settled when the run began; by default as configured, or as a measurement says.
        base: the model to begin with the weights of; none by default.

    Attributes:
        config: how to train.
        strategy: of `tf.distribute`.
        precision: ``"float32"`` or ``"bfloat16"``.
        batches: what is trained on.
        model: that of the latest trainer.
    """

    def __init__(
        self,
        model_config: ModelConfig,
        training_config: TrainingConfig,
        task: Task,
        strategy: Any,
        precision: str | None = None,
        base: PoetryModel | None = None,
    ) -> None:
        """See the class."""
        precision = precision or training_config.precision
        if precision == "auto":
            precision = "bfloat16" if bfloat16_pays() else "float32"
        (is_bfloat16,) = broadcast(strategy, [precision == "bfloat16"])
        self.precision = "bfloat16" if is_bfloat16 else "float32"
        self._model_config, self.config, self.strategy = model_config, training_config, strategy
        self._task, self.batches, self._base = task, task.batches(), base
        if 0 < self.batches.lanes < strategy.num_replicas_in_sync:
            raise ConfigError(
                f"A --batch-size of at least the replicas, {strategy.num_replicas_in_sync}, is required. "
                f"Received: {self.batches.lanes}."
            )

    @phase("building the model")
    def trainer(self, steps: int, first: int = 0) -> Trainer:
        """Return a trainer at the beginning of a run of so many steps; its model is `model`.

        `first` is as of `Trainer`.
        """
        keras.utils.set_random_seed(self.config.seed)
        with self.strategy.scope():
            self.model = PoetryModel(self._model_config, self._task.vocabulary, self.precision)
            if self._base is None:
                self.model.initialize_from(*self._first_weights)
            else:
                transfer(self._base, self.model)
        return Trainer(self.model, self.strategy, self.batches, self.config, steps, first)

    @functools.cached_property
    def _first_weights(self) -> tuple[Any, Any]:
        """The counts of tokens and the embeddings that a model begins with."""
        return self.batches.counts(len(self._task.vocabulary)), self._task.embeddings()

    def steps(self, settled: int, began: float, done: int = 0) -> int:
        """Return the steps of the run: as settled when it began, or as configured, or as many as time allows.

        Args:
            settled: 0 if they are not yet.
            began: when the run began, by `time.monotonic`.
            done: steps that are done before; time is for what comes after them.

        Raises:
            ConfigError: if the time allows for less than an epoch, and for too few steps to learn anything.
        """
        by_chief, done_by_chief = broadcast(self.strategy, [settled, done])  # the others have no run to look into
        if by_chief:
            return int(by_chief)
        if not self.config.minutes:
            return total_steps(self.batches, self.config)
        step, validation = self.pace
        left = 60 * self.config.minutes - (time.monotonic() - began)
        left -= self._task.publishing * validation
        steps = left / (step + validation / self.batches.steps(0))
        (whole,) = broadcast(self.strategy, [max(1, math.floor(steps))])
        least = min(_LEAST_STEPS, self.batches.steps(0))
        if whole < least:
            seconds = self.seconds(least) + time.monotonic() - began
            raise ConfigError(
                f"At least {least} steps are required to learn anything: about {math.ceil(seconds / 60)} minutes "
                "with these settings on this machine; smaller --units, --ear none, or --from tangshi take less. "
                f"Received: --minutes {self.config.minutes:g}, time for {int(whole)}."
            )
        return int(done_by_chief) + int(whole)

    @functools.cached_property
    def pace(self) -> tuple[float, float]:
        """The seconds of a step and those of a validation, measured on a trainer that is thrown away."""
        trial = self.trainer(_PACE_STEPS)
        with phase("measuring the speed of this machine") as tell:
            for turn in range(2):  # the same batches twice: at first something is compiled for every new shape
                trial.restore(Position(), trial.values())
                start = time.monotonic()
                for progress in trial.run():
                    tell((turn + progress.step / _PACE_STEPS) / 2)
                step = (time.monotonic() - start) / _PACE_STEPS
        start = time.monotonic()
        if is_chief(self.strategy):
            self._task.validation(self.model)()
        return step, time.monotonic() - start

    def seconds(self, steps: int) -> float:
        """Return how long a run of so many steps takes, its validations and its export included."""
        step, validation = self.pace
        return steps * step + (math.ceil(steps / self.batches.steps(0)) + self._task.publishing) * validation

    def plan(self, steps: int) -> RunPlan:
        """Return what is about to be done."""
        return RunPlan(
            counted=self._task.counted,
            members=self._task.members,
            dropped=self._task.dropped,
            vocabulary=len(self._task.vocabulary),
            parameters=self.model.count_params(),
            tokens=self._task.tokens,
            epoch_steps=self.batches.steps(0),
            steps=steps,
            precision=self.precision,
            devices=devices(self.strategy),
            unknown=self._task.unknown(),
        )
