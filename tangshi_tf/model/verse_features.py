"""What a model makes of what its ear hears: how characters sound, and what the verse so far means.

With the sounds S_x of a token x, 0 or 1 for each rhyme group and tone, an embedding is
    e(x) = E_x + S_x W
in the output too; and with the verse after it (see `tangshi_tf.model.verse_tracker`),
    v = M[metre] + N[line] + G[metre, line mod 2] * S[rhymes] R
stands beside the embedding before the first layer, and beside what the last one says before the output. S[rhymes] are
the sounds of the latest rhyme: those that it shares with the one before, if it shares a group, and so on.

With the state h_t of the last layer, and v after it,
    a, b = [h_t, v] K + L[metre, line mod 2]
The logit of a character is raised by a for each level group that it shares with S[rhymes], so that to answer is learnt
from all groups for each; and by b as often as it stands among the five latest rhymes: poets do not answer a rhyme with
itself, which sounds cannot say.
"""

from collections.abc import Callable, Sequence
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
    hear,
    kinds_of,
    listen,
    parts_of,
    sounds_of,
)
from tangshi_tf.verse.prosody import GROUPS, LEVEL_GROUPS
from tangshi_tf.vocabulary import PAD

__all__ = ["Heard", "Hearing"]

_MEANING = 64  # width of what the verse means
_LEVEL = len(LEVEL_GROUPS)  # they come first


class Heard(NamedTuple):
    """What N verses say.

    Attributes:
        metre: int32 `[N]`, as in `tangshi_tf.model.verse_tracker`.
        line: int32 `[N]`, as in `tangshi_tf.model.verse_tracker`.
        place: [metre, line mod 2] as one number, int32 `[N]`.
        rhymes: the five latest, the last first, int32 `[N, 5]`.
        shared: S[rhymes], bool `[N, SOUNDS]`.
    """

    metre: Any
    line: Any
    place: Any
    rhymes: Any
    shared: Any


class Hearing(keras.layers.Layer):
    """The variables of the equations above, those of the parts that a model has.

    Args:
        ear: ``"sounds"``, ``"verse"``, ``"full"`` for both, or ``"none"``.
        tokens: of the vocabulary.
        embedding: width of an embedding.
        units: width of the last layer.
        rhymes: whether what would rhyme is raised, and what has rhymed, if the verse is heard.

    Raises:
        ConfigError: if the vocabulary is too large for a verse.
    """

    def __init__(self, ear: str, tokens: Sequence[str], embedding: int, units: int, rhymes: bool) -> None:
        """See the class."""
        super().__init__(name="hearing")
        self.has_sounds, self.has_verse = ear in ("full", "sounds"), ear in ("full", "verse")
        self.has_rhymes = self.has_verse and rhymes
        if self.has_verse and len(tokens) > MOST_TOKENS:
            raise ConfigError(
                f"A vocabulary of at most {MOST_TOKENS:,} tokens is required for an ear that hears verse. "
                f"Received: {len(tokens):,}."
            )
        self.width = _MEANING if self.has_verse else 0
        self._kinds = kinds_of(tokens)
        if ear != "none":
            table = keras.initializers.Constant(sounds_of(tokens))
            self.sounds = self.add_weight((len(tokens), SOUNDS), table, "bool", trainable=False, name="sounds")
        if self.has_sounds:
            self.sound_kernel = self._add_matrix(SOUNDS, embedding, "sound_kernel")
        if self.has_verse:
            self.metre = self._add_matrix(METRES, _MEANING, "metre")
            self.line = self._add_matrix(LINES, _MEANING, "line")
            self.rhyme_kernel = self._add_matrix(SOUNDS, _MEANING, "rhyme_kernel")
            self.gate = self.add_weight((2 * METRES, _MEANING), "ones", name="gate", autocast=False)
        if self.has_rhymes:
            self.raises_kernel = self.add_weight((units + _MEANING, 2), "zeros", name="raises_kernel", autocast=False)
            self.raises_bias = self.add_weight((2 * METRES, 2), "zeros", name="raises_bias", autocast=False)
        self.built = True

    def _add_matrix(self, rows: int, width: int, name: str) -> Any:
        normal = keras.initializers.RandomNormal(stddev=width**-0.5)
        return self.add_weight((rows, width), normal, name=name, autocast=False)

    def embedded(self, x: Any, token: Any) -> Any:
        """Return the embeddings of tokens of any shape; `x` `[..., embedding]` is what they are without sounds."""
        return x + self._sounds_of(token, x.dtype) @ tf.cast(self.sound_kernel, x.dtype) if self.has_sounds else x

    def table(self, table: Any) -> Any:
        """Return the embeddings of all tokens `[V, embedding]`, in the dtype of what they are without sounds."""
        if not self.has_sounds:
            return table
        return table + tf.cast(self.sounds, table.dtype) @ tf.cast(self.sound_kernel, table.dtype)

    def logits(self, x: Any, logits: Any) -> Any:
        """Add to float32 logits `[B, V]` what the sounds bring, x `[B, embedding]` times them; for few rows only.

        That takes fewer products than `table`.
        """
        if not self.has_sounds:
            return logits
        of_sounds = tf.matmul(x, self.sound_kernel, transpose_b=True)
        return logits + tf.matmul(of_sounds, tf.cast(self.sounds, tf.float32), transpose_b=True)

    def verses(self, tokens: Any, before: Any = None) -> Any:
        """Return the verse after each token, int32 `[B, T, 4]`.

        Args:
            tokens: int32 `[B, T]`.
            before: the verse before the first, int32 `[B, 4]`; by default a text begins.
        """
        return listen(self._kinds, tokens, self.beginning(tf.shape(tokens)[0]) if before is None else before)

    def beginning(self, rows: Any) -> Any:
        """Return the verse before a text begins, int32 `[B, 4]`."""
        return tf.zeros([rows, VERSE], tf.int32)

    def heard(self, verse: Any) -> Heard:
        """Return what verses `[N, 4]` say."""
        metre, line, _, rhymes = parts_of(verse)
        shared, *earlier = tf.unstack(tf.gather(tf.convert_to_tensor(self.sounds), rhymes), axis=1)
        for sounds in earlier:
            both = shared & sounds
            shared = tf.where(tf.reduce_any(both[:, : len(GROUPS)], axis=1, keepdims=True), both, shared)
        return Heard(metre, line, 2 * metre + line % 2, rhymes, shared)

    def meaning(self, heard: Heard, dtype: Any) -> Any:
        """Return what verses mean, `[N, width]`, by products: for many, and with gradients."""
        places = tf.one_hot(heard.metre, METRES, dtype=dtype) @ tf.cast(self.metre, dtype)
        lines = tf.one_hot(heard.line, LINES, dtype=dtype) @ tf.cast(self.line, dtype)
        gates = tf.one_hot(heard.place, 2 * METRES, dtype=dtype) @ tf.cast(self.gate, dtype)
        return places + lines + gates * (tf.cast(heard.shared, dtype) @ tf.cast(self.rhyme_kernel, dtype))

    def listener(self) -> Callable[[Any, Any], tuple[Any, Heard, Any]]:
        """Return what reads a token `[B]` after a verse `[B, 4]`: to the verse after it, what that says and means.

        For a loop: a place is a row of a matrix in place of a product.
        """
        metres, lines, gates = (tf.convert_to_tensor(w) for w in (self.metre, self.line, self.gate))

        def read(token: Any, verse: Any) -> tuple[Any, Heard, Any]:
            verse = hear(self._kinds, token, verse)
            heard = self.heard(verse)
            answer = tf.gather(gates, heard.place) * (tf.cast(heard.shared, tf.float32) @ self.rhyme_kernel)
            return verse, heard, tf.gather(metres, heard.metre) + tf.gather(lines, heard.line) + answer

        return read

    def read(self, token: Any, verse: Any) -> tuple[Any, Heard, Any]:
        """Read a token `[B]` after a verse `[B, 4]`, as what `listener` returns would, by products."""
        verse = hear(self._kinds, token, verse)
        heard = self.heard(verse)
        return verse, heard, self.meaning(heard, tf.float32)

    def raises(self, heard: Heard, x: Any) -> tuple[Any, Any, Any] | None:
        """Return what verses raise; None if the model raises nothing.

        Args:
            heard: what N verses say.
            x: what the last layer says, and what the verse means, `[N, units + width]`.

        Returns:
            By how much each level group is raised, float32 `[N, 30]`; which tokens, int32 `[N, 5]`, and by how much,
            float32 `[N, 5]`. A token stands there as often as it rhymed; PAD is raised by nothing.
        """
        if not self.has_rhymes:
            return None
        by = tf.cast(tf.matmul(x, tf.cast(self.raises_kernel, x.dtype)), tf.float32)
        by += tf.gather(tf.convert_to_tensor(self.raises_bias), heard.place)
        groups = tf.cast(heard.shared[:, :_LEVEL], tf.float32) * by[:, :1]
        return groups, heard.rhymes, tf.where(heard.rhymes == PAD, 0.0, by[:, 1:])

    def groups(self, dtype: Any) -> Any:
        """Return which level groups each token has, 0 or 1, `[V, 30]`."""
        return tf.cast(self.sounds[:, :_LEVEL], dtype)

    def _sounds_of(self, token: Any, dtype: Any) -> Any:
        return tf.cast(tf.gather(tf.convert_to_tensor(self.sounds), token), dtype)
