"""Whole sequences through the model at once; `step.py` does the same token by token."""

from typing import Any, NamedTuple

import tensorflow as tf

from tangshi_tf.model.dropout import NO_DROPOUT, Dropout, NoDropout
from tangshi_tf.model.kernels import kernels
from tangshi_tf.model.loss import all_logits
from tangshi_tf.model.own_cell import run_layer
from tangshi_tf.model.recurrence import CELLS
from tangshi_tf.model.verse_features import RhymeBonus, beside
from tangshi_tf.model.verse_tracker import VERSE

__all__ = ["Read", "logits_of", "output_of", "read_sequence"]


class Read(NamedTuple):
    """What the layers make of `[B, T]` tokens.

    Attributes:
        x: the output of the last layer, and the features of the verse beside it, `[B, T, units + width]`.
        after: the layers' state after the last token, flat.
        bonus: of N = B T places; None without one.
    """

    x: Any
    after: list[Any]
    bonus: RhymeBonus | None

    @property
    def bonus_at(self) -> tuple[Any, ...]:
        """The tokens with a bonus of their own, and that bonus; empty without one."""
        return () if self.bonus is None else (self.bonus.tokens, self.bonus.by)


def read_sequence(model: Any, tokens: Any, state: Any = None, masks: Dropout | NoDropout = NO_DROPOUT) -> Read:
    """Run the layers of a `PoetryModel`.

    Args:
        model: whose weights are taken.
        tokens: int32 `[B, T]`.
        state: before the first token, in any nesting; zeros if None.
        masks: of dropout.
    """
    ear, trained = model.hearing, masks is not NO_DROPOUT
    layers = len(model.recurrent)
    nested = None if state is None else model.state_layout.nest(state)
    entries = [None] * layers if nested is None else nested[:layers]
    x = masks(ear.embedded(model.embedding(tokens), tokens))

    # What the verse says after each token.
    verse = features = None
    if ear.has_verse:
        tracked = ear.track_all(tokens, None if nested is None else nested[-1])
        verse = ear.read(tf.reshape(tracked, [-1, VERSE]))
        features = tf.reshape(ear.features(verse, x.dtype), [*tf.unstack(tf.shape(tokens)), ear.width])

    # The layers.
    x, after = beside(x, features), []
    for layer, entry in zip(model.recurrent, entries, strict=True):
        initial = None if entry is None else tf.nest.flatten(entry)
        if model.has_own_cell:
            h, last = run_layer(layer, x, initial, trained)
        else:
            cell = CELLS[model.config.cell]
            recurrent = masks.of_weights(tf.convert_to_tensor(layer.cell.recurrent_kernel))
            h, last = kernels().unroll(layer, cell, recurrent, x, initial, trained)
        x = masks(h)
        after += [tf.cast(value, tf.float32) for value in last]
    x = beside(x, features)
    bonus = None if verse is None else ear.rhyme_bonus(verse, tf.reshape(x, [-1, x.shape[-1]]))
    return Read(x, after, bonus)


def logits_of(model: Any, read: Read) -> Any:
    """Return the logits, float32 `[B, T, V]`."""
    logits = all_logits(*output_of(model, read, model.compute_dtype), *read.bonus_at)
    return tf.reshape(logits, [*tf.unstack(tf.shape(read.x)[:2]), len(model.vocabulary)])


def output_of(model: Any, read: Read, dtype: Any) -> tuple[Any, Any, Any]:
    """Return flat x `[N, D]`, table `[V, D]` of that dtype and bias `[V]`.

    x tableᵀ + bias are the logits, but for the bonus of single tokens.
    """
    x = tf.reshape(read.x, [-1, read.x.shape[-1]])
    if model.config.tied:
        x, table = model.projection(x), model.hearing.table(tf.cast(model.embedding.embeddings, dtype))
    else:
        table = tf.transpose(tf.cast(model.projection.kernel, dtype))
    if read.bonus is not None:
        x, table = beside(x, tf.cast(read.bonus.groups, x.dtype)), beside(table, model.hearing.groups(dtype))
    return x, tf.convert_to_tensor(table), tf.convert_to_tensor(model.logit_bias)
