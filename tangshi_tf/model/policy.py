"""In which precision a model computes: what `precision`, `dtype` and Keras' global policy ask for, or why not."""

from typing import Any

import keras

from tangshi_tf.errors import ConfigError

__all__ = ["policy_of"]

_OURS = {"bfloat16": "mixed_bfloat16"}  # what `precision` calls it
_POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def policy_of(precision: str | None, dtype: Any) -> Any:
    """Return the dtype policy of a model; by default the global one.

    Args:
        precision: ``"float32"``, or ``"bfloat16"`` for the policy mixed_bfloat16.
        dtype: a policy of Keras, or its name.

    Raises:
        ConfigError: if both are given, or the variables would not be float32, which training and `step` ask for.
    """
    if precision is not None and dtype is not None:
        raise ConfigError(f"precision and dtype exclude each other. Received: {precision} and {dtype}.")
    chosen = dtype if precision is None else _OURS.get(precision, precision)
    try:
        policy = keras.dtype_policies.get(keras.config.dtype_policy() if chosen is None else chosen)
    except (TypeError, ValueError):
        policy = None
    name = getattr(policy, "name", chosen)
    if name not in _POLICIES:
        raise ConfigError(
            f"A dtype policy with float32 variables is required: {', '.join(_POLICIES)}. Received: {name}."
        )
    return policy
