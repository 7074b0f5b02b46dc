"""The likeliest next tokens after a text."""

from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.corpus.titles import normal_title
from tangshi_tf.errors import ConfigError
from tangshi_tf.vocabulary import BOS, PAD, Vocabulary

__all__ = ["next_tokens"]


def next_tokens(
    poet: Any, vocabulary: Vocabulary, text: str = "", *, title: str = "", top: int = 10
) -> list[tuple[int, float]]:
    """Return the likeliest tokens after a text, read from the zero state, with their probabilities.

    These are the model's own: before temperature, penalty and the like. Special tokens are among them; the unknown
    token has the probability of all unknown characters together.

    Args:
        poet: a `Poet`, or what `saved_model.load` returns.
        vocabulary: of the model.
        text: as `Poet.generate` takes a begin; empty for the first token.
        title: what the poem is about; empty for none.
        top: how many, at least 1.

    Returns:
        Ids and probabilities, the likeliest first.

    Raises:
        ConfigError: if a title has no Han characters, or the model reads none.

    Example:
        >>> from tangshi_tf import load_model, load_poet
        >>> vocabulary = load_model().vocabulary
        >>> [(token, _), *others] = next_tokens(load_poet(), vocabulary, "床前明月", top=3)
        >>> vocabulary.tokens[token], len(others)
        ('照', 2)
    """
    ids = [BOS, *_title_ids(poet, vocabulary, title), *_ids(poet, text)]
    state = poet.get_initial_state(1)
    for token in ids:
        logits, state = poet.step(tf.constant([token]), state)
    probabilities = tf.nn.softmax(tf.cast(logits[0], tf.float64)).numpy()
    likeliest = np.argsort(-probabilities, kind="stable")[:top]
    return [(int(token), float(probabilities[token])) for token in likeliest]


def _ids(poet: Any, text: str) -> list[int]:
    ids: list[int] = poet.encode([text]).numpy()[0].tolist()
    return [token for token in ids if token != PAD]


def _title_ids(poet: Any, vocabulary: Vocabulary, title: str) -> list[int]:
    """Return the ids of a title and the separator; none without a title."""
    if not title:
        return []
    if vocabulary.separator is None:
        raise ConfigError("A model that reads titles is required. Received: one that does not.")
    read = normal_title(title)
    if not read:
        raise ConfigError(f"title of Han characters, numbering aside, is required; received {title}.")
    return [*_ids(poet, read), vocabulary.separator]
