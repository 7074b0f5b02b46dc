"""The recurrent state: its entries, the nestings it may come in, and where it begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tangshi_tf.errors import StateError
from tangshi_tf.model.random import row_normal
from tangshi_tf.model.verse_tracker import VERSE

__all__ = ["STATE_STDDEV", "StateLayout"]

STATE_STDDEV = 0.5  # of a random initial state


@dataclass(frozen=True)
class StateLayout:
    """The entries of a state.

    Canonically a state is a tuple over layers of float32 `[B, units]` or, for the LSTM, pairs (h, c) of them. A model
    that hears the verse has one more entry, last: int32 `[B, 4]`, see `model.verse_tracker`.

    Args:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``, or the name of a cell of the user's own.
        units: width of a layer.
        layers: their number.
        has_verse: whether the verse is the last entry.
        sizes: the widths of the entries of one layer; by default those of the cell of that name.
    """

    cell: str
    units: int
    layers: int
    has_verse: bool
    sizes: tuple[int, ...] = ()

    @property
    def of_layer(self) -> tuple[int, ...]:
        """The width of each entry of one layer."""
        return self.sizes or (self.units,) * (2 if self.cell == "lstm" else 1)

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of each float32 entry in flat order: h0, or h0, c0, then the next layer."""
        return self.of_layer * self.layers

    @property
    def specs(self) -> list[Any]:
        """The `tf.TensorSpec` of every entry in flat order, named state_0, state_1 and so on."""
        entries = [(width, tf.float32) for width in self.widths]
        if self.has_verse:
            entries.append((VERSE, tf.int32))
        return [tf.TensorSpec([None, width], dtype, f"state_{i}") for i, (width, dtype) in enumerate(entries)]

    def nest(self, state: Any) -> tuple[Any, ...]:
        """Return a state of any accepted nesting as a canonical one.

        Raises:
            StateError: if it has another number of entries or other widths.
        """
        flat, specs = tf.nest.flatten(state), self.specs
        if len(flat) != len(specs):
            verse = " and the verse" if self.has_verse else ""
            raise StateError(
                f"A state of {len(specs)} tensors is required ({self.layers} layers of {self.cell}{verse}). "
                f"Received: {len(flat)}."
            )
        entries = [tf.convert_to_tensor(entry, spec.dtype) for entry, spec in zip(flat, specs, strict=True)]
        for entry, spec in zip(entries, specs, strict=True):
            if entry.shape.rank != 2 or entry.shape[-1] not in (None, spec.shape[-1]):
                raise StateError(f"State tensors of shape [B, {spec.shape[-1]}] are required. Received: {entry.shape}.")
        return tuple(self._by_layer(entries, tuple))

    def require(self, state: Any, rows: Any) -> None:
        """Refuse a state that is not one of as many rows of finite numbers.

        Within a graph that is known when it runs, and checked then.

        Args:
            state: of any nesting.
            rows: an int32 scalar.

        Raises:
            StateError: outside of a graph.
            tf.errors.InvalidArgumentError: when a graph runs.
        """
        for entry in tf.nest.flatten(state):
            same = tf.shape(entry)[0] == rows
            finite = tf.reduce_all(tf.math.is_finite(entry)) if entry.dtype.is_floating else tf.constant(True)
            count = ["as many rows in every state as there are tokens are required; rows, received:", rows]
            if not tf.executing_eagerly():
                tf.debugging.Assert(same, [*count, tf.shape(entry)[0]])
                tf.debugging.Assert(finite, ["a state of finite numbers is required; received:", entry], 3)
            elif not same:
                raise StateError(f"State tensors of {int(rows)} rows are required. Received: {entry.shape[0]} rows.")
            elif not finite:
                raise StateError("A state of finite numbers is required. Received: one with NaN or infinity.")

    def initial(self, seed: Any, random: Any = False, stddev: Any = STATE_STDDEV) -> tuple[Any, ...]:
        """Return the state at the beginning of a text, canonical.

        Args:
            seed: int64 `[B]`; what a row draws depends on its seed alone.
            random: bool, scalar or `[B]`: whether the floats of a row are normal numbers, or zeros.
            stddev: standard deviation of the normal numbers.
        """
        rows, width = tf.shape(seed)[0], sum(self.widths)
        zeros = tf.zeros([rows, width])

        def drawn() -> Any:
            return tf.where(tf.reshape(random, [-1, 1]), stddev * row_normal(seed, width), zeros)

        values = tf.cond(tf.reduce_any(random), drawn, lambda: zeros)
        verse = [tf.zeros([rows, VERSE], tf.int32)] if self.has_verse else []
        return self.nest([*tf.split(values, self.widths, axis=-1), *verse])

    def nestings(self) -> list[Any]:
        """Return the specs in every accepted nesting.

        A tuple or a list over layers, with pairs as tuples or lists; the flat sequence h0, c0, h1, c1, …; and for one
        layer without verse the bare entry.
        """
        flat = self.specs
        menu: list[Any] = [tuple(flat), flat]
        if len(self.of_layer) > 1:
            for kind in (tuple, list):
                nested = self._by_layer(flat, kind)
                menu += [tuple(nested), nested]
        elif len(flat) == 1:
            menu.append(flat[0])
        return menu

    def _by_layer(self, flat: Sequence[Any], kind: type) -> list[Any]:
        """Return the flat entries by layer, bare if a layer has one, else as a tuple or list; then the verse."""
        each = len(self.of_layer)
        if each == 1:
            return list(flat)
        floats = len(self.widths)
        return [*(kind(flat[i : i + each]) for i in range(0, floats, each)), *flat[floats:]]
