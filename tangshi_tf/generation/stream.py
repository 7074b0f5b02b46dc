"""A text from a loaded poet, token by token as it is written, with Python between two tokens.

It is the text that the poet's `generate` gives for the same seed: the same numbers decide.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.errors import ConfigError
from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
from tangshi_tf.generation.sampler import sampler
from tangshi_tf.model.random import row_uniform
from tangshi_tf.model.step import padded_size
from tangshi_tf.vocabulary import BOS, Vocabulary

__all__ = ["stream"]

_BLOCK = 64  # steps for which uniform numbers are drawn at a time, as the poet does


def stream(
    poet: Any,
    vocabulary: Vocabulary,
    pieces: Sequence[str],
    seed: int,
    init_state: str = "zero",
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    repetition_penalty: float = 1.0,
    max_length: int = 0,
) -> Iterator[str]:
    """Yield the tokens of a text, those of its begin as typed first.

    Args:
        poet: what `export.load` returns, of a model of prose.
        vocabulary: of the model.
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
    typed = vocabulary.encode(pieces)
    if 0 < max_length < len(typed):
        raise ConfigError(f"max_length of at least the length of begin is required; received {max_length}.")
    size, texts = len(vocabulary), vocabulary.texts()
    padding = [[0, 0], [0, padded_size(size) - size]]
    counted = np.array([any(char.isalnum() for char in text) for text in texts], np.float32)
    never = np.where(np.arange(size) < vocabulary.specials, -math.inf, 0.0).astype(np.float32)
    knobs = [tf.fill([2], value) for value in (float(temperature), top_k, float(top_p))]

    @tf.function
    def read(token: Any, state: Any, costs: Any, uniform: Any) -> Any:
        # Two rows, as a product over one rounds differently.
        logits, state = poet.step(tf.fill([2], token), state)
        allowed = tf.pad(logits + costs, padding, constant_values=-math.inf)
        return sampler(*knobs)(allowed, tf.repeat(uniform[tf.newaxis], 2, axis=0))[0], state

    state = tuple(tf.nest.flatten(poet.get_initial_state(2, init_state, seed=tf.constant(seed, tf.int64))))
    token, seen = BOS, np.zeros(size, np.float32)
    for t in range(max_length or len(typed) + AUTOMATIC_LENGTH):
        if t % _BLOCK == 0:
            uniform = tf.reshape(row_uniform(tf.constant([seed], tf.int64), 2 * _BLOCK, t // _BLOCK), [_BLOCK, 2])
        costs = tf.constant(never - seen * np.log(np.float32(repetition_penalty)))
        chosen, state = read(tf.constant(token), state, costs, uniform[t % _BLOCK])
        token = typed[t] if t < len(typed) else int(chosen)
        seen[token] += counted[token]
        yield pieces[t] if t < len(typed) else texts[token]
