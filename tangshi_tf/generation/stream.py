"""Write a text token by token, with Python between two tokens.

It is the text that `Poet.generate` gives for the same seed: the decoder and its numbers are the same.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from tangshi_tf.errors import ConfigError
from tangshi_tf.generation.decoder import BLOCK, Decoder
from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
from tangshi_tf.generation.masks import Constraints, Slot
from tangshi_tf.model.step import padded_size
from tangshi_tf.verse.prosody import EVERY_GROUP
from tangshi_tf.vocabulary import PAD, Vocabulary

__all__ = ["Streamer"]

_CARRIED = ("token", "ended", "total", "seen", "memory")


class Streamer:
    """Writes free texts, one at a time.

    Args:
        stepper: has `step` and `get_initial_state`: a `PoetryModel`, or what `saved_model.load` returns.
        vocabulary: of the model.
        ends: whether texts have an end token.
    """

    def __init__(self, stepper: Any, vocabulary: Vocabulary, *, ends: bool) -> None:
        """See the class."""
        self._stepper, self._vocabulary = stepper, vocabulary
        self._decoder = Decoder(
            lambda: self._step,
            vocabulary.is_punctuation(),
            Constraints(vocabulary.tokens, ends=ends),
            unknown_types=vocabulary.unknown_types,
            separator=None,
            ends=ends,
        )
        self._write_token = tf.function(self._next, reduce_retracing=True)

    def write(
        self,
        pieces: Sequence[str] = (),
        *,
        seed: int = 0,
        init_state: str = "zero",
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        max_length: int = 0,
    ) -> Iterator[str]:
        """Yield the tokens of a text, those of its begin as typed first.

        Args:
            pieces: of the begin, characters or words.
            seed: at least 0; for it and what follows see `Poet.generate`.
            init_state: ``"zero"`` or ``"random"``.
            temperature: at least 0.
            top_k: at least 0.
            top_p: above 0, at most 1.
            repetition_penalty: above 0.
            max_length: the most tokens, begin included; 0 allows the begin and 200 more.

        Raises:
            ConfigError: if the begin alone is longer than `max_length`.
        """
        begin = self._vocabulary.encode(pieces)
        if 0 < max_length < len(begin):
            raise ConfigError(f"max_length of at least the length of begin is required; received {max_length}.")
        limit, texts = max_length or len(begin) + AUTOMATIC_LENGTH, self._vocabulary.texts()
        row = {
            "seed": tf.constant(seed, tf.int64),
            "title": tf.constant([PAD]),
            "typed": tf.constant(begin or [PAD]),
            "slots": tf.constant([int(Slot.FIRST)] + [int(Slot.FREE)] * BLOCK),
            "groups": tf.constant(EVERY_GROUP),
            "limit": tf.constant(limit),
            "ended": tf.constant(False),
            "temperature": tf.constant(float(temperature)),
            "top_k": tf.constant(top_k),
            "top_p": tf.constant(float(top_p)),
            "repetition_penalty": tf.constant(float(repetition_penalty)),
        }
        # The row is written twice, as a product over one row rounds differently.
        rows = {name: tf.stack([value, value]) for name, value in row.items()}
        state = self._stepper.get_initial_state(2, init_state, seed=rows["seed"][0])
        state = [tf.repeat(entry[:1], 2, axis=0) for entry in tf.nest.flatten(state)]
        _, rows, state = self._decoder.start(rows, state, penalised=True)
        carried = {name: rows[name] for name in _CARRIED}
        for t in range(limit):
            carried, state = self._write_token(tf.constant(t), rows, carried, state)
            yield pieces[t] if t < len(begin) else texts[int(carried["token"][0])]
            if carried["ended"][0]:
                return

    def _next(self, t: Any, rows: Any, carried: Any, state: Any) -> Any:
        call = self._decoder.call(constrained=tf.constant(False), penalised=tf.constant(True))
        return self._decoder.write_token(call, self._decoder.block(rows, t), t, rows["limit"], carried, state)

    def _step(self, token: Any, state: Any) -> tuple[Any, Any]:
        """Do a step whose logits are filled up with -inf, as the decoder wants them."""
        logits, state = self._stepper.step(token, state)
        size = len(self._vocabulary)
        return tf.pad(logits, [[0, 0], [0, padded_size(size) - size]], constant_values=-math.inf), state
