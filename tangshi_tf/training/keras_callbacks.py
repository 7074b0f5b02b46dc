"""Callbacks of Keras as listeners of a run."""

from collections.abc import Sequence
from typing import Any

import keras

from tangshi_tf.errors import ConfigError
from tangshi_tf.training.listeners import EpochReport, Listener, RunPlan
from tangshi_tf.training.trainer import Progress

__all__ = ["KerasCallbacks", "as_listeners"]

_REFUSED = ("ReduceLROnPlateau", "LearningRateScheduler", "BackupAndRestore")


class KerasCallbacks:
    """Hands the events of a run on to callbacks of Keras.

    They are told when training begins and ends, and when an epoch does, with `loss`, `val_loss` (nats a token),
    `val_perplexity` and `learning_rate`. One that sets `model.stop_training` ends the run after that epoch. Of single
    batches they are not told.

    Args:
        callbacks: of Keras.
        model: the one that is trained.

    Raises:
        ConfigError: for one that would set the learning rate, or save and restore the run.
    """

    def __init__(self, callbacks: Sequence[Any], model: Any) -> None:
        """See the class."""
        for callback in callbacks:
            if isinstance(callback, tuple(getattr(keras.callbacks, name) for name in _REFUSED)):
                raise ConfigError(
                    "A callback that leaves the learning rate and going on after a stop to the run (TrainingConfig, "
                    f"begin='resume') is required. Received: {type(callback).__name__}."
                )
        self._callbacks, self._model, self._epoch = list(callbacks), model, 0
        self._told: Any = None

    def planned(self, plan: RunPlan) -> None:
        """See `Listener`."""
        self._model.stop_training = False
        epochs = -(-plan.steps // plan.epoch_steps)
        self._told = keras.callbacks.CallbackList(
            self._callbacks, model=self._model, epochs=epochs, steps=plan.epoch_steps, verbose=0
        )
        self._told.on_train_begin()

    def progressed(self, progress: Progress) -> None:
        """See `Listener`."""
        if progress.epoch > self._epoch:
            self._epoch = progress.epoch
            self._told.on_epoch_begin(self._epoch - 1)
        self._rate = progress.learning_rate

    def validated(self, report: EpochReport) -> None:
        """See `Listener`."""
        logs = {
            "loss": report.loss,
            "val_loss": report.validation_nll,
            "val_perplexity": report.validation_perplexity,
            "learning_rate": self._rate,
        }
        self._told.on_epoch_end(report.epoch - 1, logs)

    def ended(self) -> None:
        """Tell that the run has ended, or was stopped."""
        if self._told is not None:
            self._told.on_train_end()
            self._told = None


def as_listeners(listeners: Sequence[Listener | Any], model: Any) -> list[Listener]:
    """Return the listeners, with those that are callbacks of Keras as one `KerasCallbacks`, the last."""
    callbacks = [one for one in listeners if isinstance(one, keras.callbacks.Callback)]
    others = [one for one in listeners if not isinstance(one, keras.callbacks.Callback)]
    return [*others, KerasCallbacks(callbacks, model)] if callbacks else others
