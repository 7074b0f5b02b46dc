"""The optimizer and its learning-rate schedule."""

from typing import Any

import keras

from tangshi_tf.config import TrainingConfig

__all__ = ["build_optimizer"]


def build_optimizer(training_config: TrainingConfig, steps: int) -> Any:
    """Return the optimizer with its schedule: linear warm-up, then a cosine down to the final rate.

    The cosine is that of Loshchilov and Hutter 2017 without restarts. Biases take no weight decay, nor do gate and
    rhyme bonus of the ear: they are learnt in few places, and would decay at all others.
    """
    warmup = min(training_config.warmup_steps, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else training_config.learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=training_config.final_rate,
        warmup_target=training_config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    if training_config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    if training_config.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=training_config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gate", "rhyme_bonus"])
    return optimizer
