"""Perplexity of poems, by form too, and of prose.

The protocol: exp of the mean negative log-likelihood over every character, every punctuation mark and the end token
of each poem, from a zero state. A character the vocabulary lacks costs the probability of the unknown token, shared
equally among the characters of the shipped corpus that the vocabulary lacks: nll + ln of their number.

Of prose it is the same over every token of one stream, which is read from end to end with the state carried on. There
the types of the whole text that the vocabulary lacks share the unknown token.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tangshi_tf.dataset import encode_poems, pair_batches, plan_batches
from tangshi_tf.errors import ConfigError
from tangshi_tf.model.loss import token_nll
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.phases import tracked
from tangshi_tf.verse.forms import FORMS, OTHER, form_of
from tangshi_tf.vocabulary import BOS, PAD, UNK, Vocabulary

__all__ = ["Evaluation", "Score", "evaluate", "evaluator", "perplexity", "stream_evaluator"]

_TOKEN_BUDGET = 4_000  # logits of a batch: 100 MB at V = 6,000
_CHUNK = 1_000  # tokens of a stream
_Array = npt.NDArray[np.float64]


def perplexity(nll: float, tokens: int) -> float:
    """Return exp of nats a token; NaN without tokens, infinite where no float holds it."""
    with np.errstate(over="ignore"):
        return float(np.exp(nll / tokens)) if tokens else math.nan


@dataclass(frozen=True, slots=True)
class Score:
    """Negative log-likelihood, summed over poems."""

    poems: int
    tokens: int
    nll: float  # nats
    hanzi: int
    hanzi_nll: float  # nats

    @property
    def perplexity(self) -> float:
        """Exp of nats a token; NaN without tokens."""
        return perplexity(self.nll, self.tokens)

    @property
    def hanzi_perplexity(self) -> float:
        """The same over the characters alone, punctuation and end token left out."""
        return perplexity(self.hanzi_nll, self.hanzi)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The score of all poems, and of those of each form (五绝 七绝 五律 七律 其他)."""

    total: Score
    by_form: Mapping[str, Score] = field(default_factory=dict)


def evaluate(model: PoetryModel, texts: Sequence[str], titles: Sequence[str] | None = None) -> Evaluation:
    """Score poems by the protocol.

    Args:
        model: any precision; figures to be quoted come from float32.
        texts: cleaned and folded, as `Poem.text`.
        titles: of the poems, as `titles.normal_title` returns them, to be read before the texts; only the texts count.

    Raises:
        ConfigError: if titles are given and the model reads none.

    Example:
        >>> from tangshi_tf import ModelConfig, PoetryModel, Vocabulary
        >>> texts = ["白日依山尽，黄河入海流。"]
        >>> model = PoetryModel(ModelConfig(units=8, embedding=8, titles=False), Vocabulary.build(texts, min_count=1))
        >>> result = evaluate(model, texts)
        >>> result.total.tokens, result.total.perplexity > 1
        (13, True)
    """
    rows = evaluator(model, texts, titles)()
    forms = np.array([form_of(text) for text in texts])
    return Evaluation(_sum(rows), {form: _sum(rows[forms == form]) for form in (*FORMS, OTHER)})


def evaluator(model: PoetryModel, texts: Sequence[str], titles: Sequence[str] | None = None) -> Callable[[], _Array]:
    """Prepare the scoring of the same poems again and again, as after every epoch.

    Returns:
        A function that returns float64 `[N, 4]`, one row a poem, with tokens, nll, hanzi and nll of the hanzi.
    """
    if titles and model.vocabulary.separator is None:
        raise ConfigError("A model that reads titles is required. Received: one that does not.")
    sequences = encode_poems(model.vocabulary, texts, titles)
    batches = plan_batches(sequences.row_lengths().numpy(), _TOKEN_BUDGET, seed=0, epoch=0)
    order = np.concatenate(batches)
    dataset = pair_batches(sequences, batches, separator=model.vocabulary.separator)
    is_hanzi = tf.constant(_hanzi_ids(model.vocabulary))
    sharing = math.log(model.vocabulary.unknown_types)

    def of_batch(x: Any, y: Any) -> Any:
        nll = token_nll(model(x), y) + tf.where(y == UNK, sharing, 0.0)
        hanzi = tf.gather(is_hanzi, y)
        columns = [tf.cast(y != PAD, tf.float32), nll, hanzi, nll * hanzi]
        return tf.stack([tf.reduce_sum(column, axis=1) for column in columns], axis=1)

    # Traced at once: TensorFlow would warn of tracing if several evaluators were made one after the other.
    scored = tf.function(of_batch).get_concrete_function(*dataset.element_spec)

    def score() -> _Array:
        rows = np.empty((len(order), 4))
        rows[order] = np.concatenate([scored(x, y).numpy() for x, y in tracked("scoring the model", dataset)])
        return rows

    return score


def stream_evaluator(
    model: PoetryModel,
    stream: npt.NDArray[np.int32],
    length: int = _CHUNK,
) -> Callable[[], tuple[float, int]]:
    """Prepare the scoring of the same prose again and again, as after every epoch.

    Args:
        model: any precision; figures to be quoted come from float32.
        stream: int32 `[N]`, the ids of the text.
        length: of the chunks that are read at a time; the figure does not depend on it.

    Returns:
        A function that returns the nll in nats, summed over the text, and the number of tokens.
    """
    sharing = math.log(model.vocabulary.unknown_types)
    chunk, states = (
        tf.TensorSpec([1, None], tf.int32),
        [tf.TensorSpec([1, width]) for width in model.state_layout.widths],
    )

    def of_chunk(x: Any, y: Any, state: Any) -> Any:
        logits, state = model.read(x, state)
        nll = token_nll(logits, y) + tf.where(y == UNK, sharing, 0.0)
        return tf.reduce_sum(tf.cast(nll, tf.float64)), state

    scored = tf.function(of_chunk).get_concrete_function(chunk, chunk, states)

    def score() -> tuple[float, int]:
        state = [tf.zeros(spec.shape) for spec in states]
        total = tf.zeros([], tf.float64)
        for first in tracked("scoring the model", range(0, len(stream), length)):
            y = stream[first : first + length]
            before = [BOS] if first == 0 else stream[first - 1 : first]
            x = np.concatenate([before, y[:-1]])[np.newaxis].astype(np.int32)
            nll, state = scored(tf.constant(x), tf.constant(y[np.newaxis]), state)
            total += nll
        return float(total), len(stream)

    return score


def _hanzi_ids(vocabulary: Vocabulary) -> npt.NDArray[np.float32]:
    """Return float32 `[V]`: 1 for characters, the unknown one among them, 0 for punctuation and the other specials."""
    letters = [token.isalpha() for token in vocabulary.tokens[vocabulary.specials :]]
    ids = np.array([False] * vocabulary.specials + letters, np.float32)
    ids[UNK] = 1.0
    return ids


def _sum(rows: _Array) -> Score:
    tokens, nll, hanzi, hanzi_nll = rows.sum(axis=0)
    return Score(len(rows), int(tokens), float(nll), int(hanzi), float(hanzi_nll))
