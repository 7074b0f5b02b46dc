"""A cell of the user's own: any cell that `keras.layers.RNN` takes, by plain Keras, without the fast code."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError

__all__ = ["layers_of", "run_layer", "sizes_of", "take_layer_step"]


def layers_of(cell: Any, config: ModelConfig, policy: Any) -> list[Any]:
    """Return the recurrent layers of a model.

    Args:
        cell: a cell, or a list of them, one for each layer.
        config: of the model.
        policy: dtype policy of the layers; the cells have their own.

    Raises:
        ConfigError: if these are not as many cells as layers, of the width that the configuration says; or if weights
            are to be dropped, which are the cell's.
    """
    cells = list(cell) if isinstance(cell, list | tuple) else [cell]
    if len(cells) != config.layers or len(set(map(id, cells))) != len(cells):
        raise ConfigError(
            f"A cell of its own for each of {config.layers} layers is required. Received: {len(set(map(id, cells)))}."
        )
    for one in cells:
        if not (isinstance(one, keras.layers.Layer) and hasattr(one, "state_size")):
            raise ConfigError(
                "A Keras cell is required: a layer with state_size and call(inputs, states). "
                f"Received: {type(one).__name__}."
            )
        if not all(isinstance(size, int) for size in sizes_of(one)):
            raise ConfigError(
                "A cell whose state_size is a number or a list of numbers is required; one in another is a layer more. "
                f"Received: {one.state_size}."
            )
        width = getattr(one, "output_size", sizes_of(one)[0])
        if width != config.units:
            raise ConfigError(f"A cell of as many units as the model, {config.units}, is required. Received: {width}.")
    if config.recurrent_dropout:
        raise ConfigError(
            "recurrent_dropout 0 is required for a cell of your own, which may drop its weights itself. "
            f"Received: {config.recurrent_dropout}."
        )
    return [
        keras.layers.RNN(one, return_sequences=True, return_state=True, dtype=policy, name=f"own_{i}")
        for i, one in enumerate(cells)
    ]


def sizes_of(cell: Any) -> tuple[int, ...]:
    """Return the width of each entry of a cell's state."""
    size = cell.state_size
    return (size,) if isinstance(size, int) else tuple(size)


def run_layer(layer: Any, x: Any, initial: Sequence[Any] | None, training: bool) -> Any:
    """Run a layer over whole sequences, as `recurrence.unroll_by_hand` does."""
    initial = initial and [tf.cast(entry, x.dtype) for entry in initial]
    h, *last = layer(x, initial_state=initial, training=training)
    return tf.cast(h, x.dtype), [tf.stop_gradient(entry) for entry in last]


def take_layer_step(layer: Any, x: Any, before: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Read one input `[B, D]` of every row; return the output `[B, units]` and the entries of the next state."""
    output, after = layer.cell(x, tuple(before), training=False)
    return tf.cast(output, tf.float32), tuple(tf.cast(entry, tf.float32) for entry in tf.nest.flatten(after))
