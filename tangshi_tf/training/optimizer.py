"""The optimizer and its learning-rate schedule."""

from typing import Any

import keras

from tangshi_tf.config import TrainingConfig

__all__ = ["build_optimizer"]


class _Later(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that begins at a later step than the first."""

    def __init__(self, schedule: Any, first: int) -> None:
        self.schedule, self.first = schedule, first

    def __call__(self, step: Any) -> Any:
        return self.schedule(step - self.first)

    def get_config(self) -> dict[str, Any]:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "first": self.first}


def build_optimizer(training_config: TrainingConfig, steps: int, first: int = 0) -> Any:
    """Return the optimizer with its schedule: linear warm-up, then a cosine down to the final rate.

    The cosine is that of Loshchilov and Hutter 2017 without restarts. Biases take no weight decay, nor do gate and
    rhyme bonus of the ear: they are learnt in few places, and would decay at all others.

    Args:
        training_config: how to train.
        steps: of the whole run.
        first: the step at which the schedule begins; before it lies the run that was extended.
    """
    steps -= first
    warmup = min(training_config.warmup_steps, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else training_config.learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=training_config.final_rate,
        warmup_target=training_config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    if first:
        rate = _Later(rate, first)
    if training_config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    if training_config.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=training_config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gate", "rhyme_bonus"])
    return optimizer
