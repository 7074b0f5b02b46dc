"""The ear's weights: features of tones, rhymes and the place in the verse, and the rhyme bonus.

With the sounds S_x of a token x, 0 or 1 for each rhyme group and tone, an embedding is
    e(x) = E_x + S_x W
in the output too; and with the verse after it (see `model.verse_tracker`), the features
    v = M[metre] + N[line] + G[metre, line mod 2] * S[rhymes] R
stand beside the embedding before the first layer, and beside the output of the last layer. S[rhymes] are the sounds of
the latest rhyme: those that it shares with the one before, if it shares a group, and so on.

With the state h_t of the last layer, and v after it, two numbers are the rhyme bonus:
    a, b = [h_t, v] K + L[metre, line mod 2]
The logit of a character rises by a for each level group that it shares with S[rhymes], so that answering a rhyme is
learnt for all groups together. It changes by b for each time the character stands among the five latest rhymes: poets
do not answer a rhyme with itself, which sounds cannot say.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tangshi_tf.errors import ConfigError
from tangshi_tf.model.verse_tracker import (
    LINES,
    METRES,
    MOST_TOKENS,
    SOUNDS,
    VERSE,
    advance,
    advance_all,
    kinds_of,
    parts_of,
    sounds_of,
)
from tangshi_tf.verse.prosody import GROUPS, LEVEL_GROUPS
from tangshi_tf.vocabulary import PAD

__all__ = ["Ear", "RhymeBonus", "VerseFeatures", "beside"]

_WIDTH = 64  # of the features
_LEVEL = len(LEVEL_GROUPS)  # they come first among the groups


class VerseFeatures(NamedTuple):
    """What N verses say, before any weight.

    Attributes:
        metre: int32 `[N]`, as in `model.verse_tracker`.
        line: int32 `[N]`, as in `model.verse_tracker`.
        place: [metre, line mod 2] as one number, int32 `[N]`.
        rhymes: the five latest, the last first, int32 `[N, 5]`.
        shared: S[rhymes], bool `[N, SOUNDS]`.
    """

    metre: Any
    line: Any
    place: Any
    rhymes: Any
    shared: Any


class RhymeBonus(NamedTuple):
    """What rhymes add to the logits of N places.

    Attributes:
        groups: for each level group, float32 `[N, 30]`.
        tokens: the latest rhymes, int32 `[N, 5]`; one that rhymed twice stands there twice.
        by: what is added to the logit of each of them, float32 `[N, 5]`; 0 for PAD.
    """

    groups: Any
    tokens: Any
    by: Any


def beside(x: Any, features: Any) -> Any:
    """Return features, if there are any, beside x, along the last axis."""
    return x if features is None else tf.concat([x, features], axis=-1)


class Ear(keras.layers.Layer):
    """The variables of the equations above, those of the parts that a model has.

    Args:
        ear: ``"sounds"``, ``"verse"``, ``"full"`` for both, or ``"none"``.
        tokens: of the vocabulary.
        embedding: width of an embedding.
        units: width of the last layer.
        rhymes: whether there is a rhyme bonus; only if the ear hears verse.
        policy: dtype policy.

    Raises:
        ConfigError: if the vocabulary is too large for a verse.
    """

    def __init__(
        self, ear: str, tokens: Sequence[str], embedding: int, units: int, rhymes: bool, policy: Any = "float32"
    ) -> None:
        """See the class."""
        super().__init__(name="hearing", dtype=policy)
        self.has_sounds, self.has_verse = ear in ("full", "sounds"), ear in ("full", "verse")
        self.has_rhymes = self.has_verse and rhymes
        if self.has_verse and len(tokens) > MOST_TOKENS:
            raise ConfigError(
                f"A vocabulary of at most {MOST_TOKENS:,} tokens is required for an ear that hears verse. "
                f"Received: {len(tokens):,}."
            )
        self.width = _WIDTH if self.has_verse else 0
        self._kinds = kinds_of(tokens)
        if ear != "none":
            # Not `keras.initializers.Constant`: it multiplies, and no TensorFlow before 2.21 multiplies booleans.
            table, shape = sounds_of(tokens), (len(tokens), SOUNDS)
            self.sounds = self.add_weight(
                shape, lambda shape, dtype: tf.constant(table, dtype, shape), "bool", trainable=False, name="sounds"
            )
        if self.has_sounds:
            self.sound_kernel = self._add_matrix(SOUNDS, embedding, "sound_kernel")
        if self.has_verse:
            self.metre = self._add_matrix(METRES, _WIDTH, "metre")
            self.line = self._add_matrix(LINES, _WIDTH, "line")
            self.rhyme_kernel = self._add_matrix(SOUNDS, _WIDTH, "rhyme_kernel")
            self.gate = self.add_weight((2 * METRES, _WIDTH), "ones", name="gate", autocast=False)
        if self.has_rhymes:
            shape = units + _WIDTH, 2
            self.bonus_kernel = self.add_weight(shape, "zeros", name="rhyme_bonus_kernel", autocast=False)
            self.bonus_bias = self.add_weight((2 * METRES, 2), "zeros", name="rhyme_bonus_bias", autocast=False)
        self.built = True

    def _add_matrix(self, rows: int, width: int, name: str) -> Any:
        normal = keras.initializers.RandomNormal(stddev=width**-0.5)
        return self.add_weight((rows, width), normal, name=name, autocast=False)

    # The sounds of characters.

    def embedded(self, x: Any, token: Any) -> Any:
        """Return the embeddings of tokens of any shape; `x` `[..., embedding]` is what they are without sounds."""
        if not self.has_sounds:
            return x
        sounds = tf.cast(tf.gather(tf.convert_to_tensor(self.sounds), token), x.dtype)
        return x + sounds @ tf.cast(self.sound_kernel, x.dtype)

    def table(self, table: Any) -> Any:
        """Return the embeddings of all tokens `[V, embedding]`, in the dtype of what they are without sounds."""
        if not self.has_sounds:
            return table
        return table + tf.cast(self.sounds, table.dtype) @ tf.cast(self.sound_kernel, table.dtype)

    def add_sounds(self, x: Any, logits: Any) -> Any:
        """Add to float32 logits `[B, V]` what the sounds bring, x `[B, embedding]` times them.

        For few rows this takes fewer products than `table`.
        """
        if not self.has_sounds:
            return logits
        of_sounds = tf.matmul(x, self.sound_kernel, transpose_b=True)
        return logits + tf.matmul(of_sounds, tf.cast(self.sounds, tf.float32), transpose_b=True)

    # The verse so far.

    def track(self, token: Any, verse: Any) -> Any:
        """Return the verse after one token `[B]` of every row, int32 `[B, 4]`."""
        return advance(self._kinds, token, verse)

    def track_all(self, tokens: Any, before: Any = None) -> Any:
        """Return the verse after each token, int32 `[B, T, 4]`.

        Args:
            tokens: int32 `[B, T]`.
            before: the verse before the first, int32 `[B, 4]`; by default a text begins.
        """
        if before is None:
            before = tf.zeros([tf.shape(tokens)[0], VERSE], tf.int32)
        return advance_all(self._kinds, tokens, before)

    def read(self, verse: Any) -> VerseFeatures:
        """Return what verses `[N, 4]` say."""
        metre, line, _, rhymes = parts_of(verse)
        shared, *earlier = tf.unstack(tf.gather(tf.convert_to_tensor(self.sounds), rhymes), axis=1)
        for sounds in earlier:
            both = shared & sounds
            shared = tf.where(tf.reduce_any(both[:, : len(GROUPS)], axis=1, keepdims=True), both, shared)
        return VerseFeatures(metre, line, 2 * metre + line % 2, rhymes, shared)

    def features(self, verse: VerseFeatures, dtype: Any) -> Any:
        """Return the features v, `[N, width]`, by products: for whole sequences, and with gradients."""
        metres = tf.one_hot(verse.metre, METRES, dtype=dtype) @ tf.cast(self.metre, dtype)
        lines = tf.one_hot(verse.line, LINES, dtype=dtype) @ tf.cast(self.line, dtype)
        gates = tf.one_hot(verse.place, 2 * METRES, dtype=dtype) @ tf.cast(self.gate, dtype)
        return metres + lines + gates * (tf.cast(verse.shared, dtype) @ tf.cast(self.rhyme_kernel, dtype))

    def features_of_step(self, verse: VerseFeatures) -> Any:
        """Return the same in float32 for a few rows: a row of each matrix, in place of a product with it."""
        metre, line, gate = (tf.convert_to_tensor(w) for w in (self.metre, self.line, self.gate))
        answer = tf.gather(gate, verse.place) * (tf.cast(verse.shared, tf.float32) @ self.rhyme_kernel)
        return tf.gather(metre, verse.metre) + tf.gather(line, verse.line) + answer

    def rhyme_bonus(self, verse: VerseFeatures, x: Any) -> RhymeBonus | None:
        """Return what rhymes add to the logits; None if the model has no rhyme bonus.

        Args:
            verse: what N verses say.
            x: the output of the last layer and the features beside it, `[N, units + width]`.
        """
        if not self.has_rhymes:
            return None
        by = tf.cast(tf.matmul(x, tf.cast(self.bonus_kernel, x.dtype)), tf.float32)
        by += tf.gather(tf.convert_to_tensor(self.bonus_bias), verse.place)
        groups = tf.cast(verse.shared[:, :_LEVEL], tf.float32) * by[:, :1]
        return RhymeBonus(groups, verse.rhymes, tf.where(verse.rhymes == PAD, 0.0, by[:, 1:]))

    def groups(self, dtype: Any) -> Any:
        """Return which level groups each token has, 0 or 1, `[V, 30]`."""
        return tf.cast(self.sounds[:, :_LEVEL], dtype)
