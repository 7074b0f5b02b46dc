"""Begin a model with the weights of another one, whose vocabulary it extends."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tangshi_tf.errors import ConfigError
from tangshi_tf.model.weights_file import weights_by_path
from tangshi_tf.vocabulary import UNK

__all__ = ["transfer"]


def transfer(base: Any, model: Any) -> None:
    """Set the weights of `model` to those of `base`.

    A token that `base` does not have begins as a copy of the unknown token, in the embedding and in the output; what it
    sounds like it knows from the table of characters. The probability of the unknown token is shared: each new token
    begins with that of one unknown character, so that the model predicts what it predicted before.

    Args:
        base: a `PoetryModel`.
        model: another one of the same settings, whose vocabulary begins with that of `base`.

    Raises:
        ConfigError: if the settings or the vocabularies do not fit, or one of the models has a cell of its own.
    """
    if base.has_own_cell or model.has_own_cell:
        raise ConfigError("A base and a model without a cell of your own are required. Received: one with such a cell.")
    old, new = base.vocabulary.tokens, model.vocabulary.tokens
    if new[: len(old)] != old:
        raise ConfigError("A vocabulary that begins with that of the base is required. Received: another one.")
    ours, theirs = weights_by_path(model), weights_by_path(base)
    if ours.keys() != theirs.keys():
        raise ConfigError("A model with the layers of the base is required. Received: another one.")
    axes = {path: _grown_axis(theirs[path].shape, ours[path].shape, len(old), len(new)) for path in ours}
    sounds = getattr(model.hearing, "sounds", None)
    for path, variable in ours.items():
        value = np.asarray(theirs[path])
        axis = axes[path]
        if axis is not None:
            rest = np.take(np.asarray(variable), np.arange(len(old), len(new)), axis)
            if variable is not sounds:
                rest = np.broadcast_to(np.take(value, [UNK], axis), rest.shape)
            value = np.concatenate([value, rest], axis)
        variable.assign(value)
    bias = np.array(model.logit_bias)
    bias[len(old) :] -= np.log(base.vocabulary.unknown_types)
    model.logit_bias.assign(bias)


def _grown_axis(old: Sequence[int], new: Sequence[int], base_size: int, size: int) -> int | None:
    """Return the axis of the vocabulary along which a variable has grown, from one shape to another; None if none has.

    Raises:
        ConfigError: if the shapes differ otherwise.
    """
    grown = [axis for axis, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]]
    if len(old) != len(new) or any((old[axis], new[axis]) != (base_size, size) for axis in grown) or len(grown) > 1:
        raise ConfigError(
            "A model of the sizes of the base is required. "
            f"Received: a variable of {tuple(new)} in place of {tuple(old)}."
        )
    return grown[0] if grown else None
