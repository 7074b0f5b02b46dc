"""Poems and prose as a `tf.data.Dataset` of pairs, for `fit` and `evaluate` of Keras."""

import math
from collections.abc import Iterable
from itertools import count
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tangshi_tf.corpus.poems import Poem
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.corpus.titles import titles_of
from tangshi_tf.dataset import encode_poems, pairs_of, plan_batches
from tangshi_tf.errors import ConfigError, CorpusError
from tangshi_tf.training.tasks import budget_of
from tangshi_tf.vocabulary import BOS, PAD, Vocabulary

__all__ = ["poem_dataset", "prose_dataset"]

_FOLDS = 4  # in an epoch, the poems of one of them are read without their titles
_AHEAD = 4  # batches
_REPLICAS = 8  # at most; most batches have a multiple of 8 rows
_Rows = npt.NDArray[np.int64]


def poem_dataset(
    poems: Iterable[Poem | str],
    vocabulary: Vocabulary,
    *,
    token_budget: int = 5_000,
    titles: bool = True,
    shuffle: bool = True,
    seed: int = 0,
) -> Any:
    """Return poems as batches for `fit` of Keras, of poems of one length each as far as possible.

    Args:
        poems: cleaned, as those of a `Corpus`, or the texts of such.
        vocabulary: of the model.
        token_budget: most tokens in a batch; to train, small corpora take less, so that an epoch has 20 batches.
        titles: whether titles are read, if the vocabulary has a separator: three poems of four with theirs.
        shuffle: whether each epoch has batches of its own. Without, all have the same, and no titles: to validate.
        seed: decides the batches.

    Returns:
        A `tf.data.Dataset` of ``(X_t, Y_t)``, int32 `[B, T]` each, of known cardinality: X_t is all but the last token
        of ``[BOS] text [EOS]``, Y_t all but the first. Where Y_t is PAD, behind a shorter poem and in place of a title,
        there is nothing to learn; a `PoetryModel` tells Keras so. For a model of your own,
        `keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PAD)` leaves it out.

    Raises:
        CorpusError: if there is no poem, or something that is none.
        ConfigError: if the vocabulary is none, or a number is no whole one or too small.

    Example:
        >>> from tangshi_tf import Vocabulary
        >>> texts = ["白日依山尽，黄河入海流。", "春眠不觉晓，处处闻啼鸟。"]
        >>> dataset = poem_dataset(texts, Vocabulary.build(texts, min_count=1), token_budget=30)
        >>> [(x.shape, y.shape) for x, y in dataset]
        [(TensorShape([1, 13]), TensorShape([1, 13])), (TensorShape([1, 13]), TensorShape([1, 13]))]
    """
    _require_vocabulary(vocabulary)
    _require_whole(1, token_budget=token_budget)
    _require_whole(0, seed=seed)
    poems = _poems_of(poems)
    texts = [poem if isinstance(poem, str) else poem.text for poem in poems]
    heads = titles_of([poem for poem in poems if isinstance(poem, Poem)])
    titled = titles and shuffle and vocabulary.separator is not None and any(heads) and len(heads) == len(texts)
    plain = encode_poems(vocabulary, texts)
    sequences = tf.concat([plain, encode_poems(vocabulary, texts, heads)], axis=0) if titled else plain
    budget = budget_of(token_budget, texts) if shuffle else token_budget
    planner = _Planner(sequences.row_lengths().numpy(), len(texts), budget, seed, shuffle)
    planned = tf.data.Dataset.range(1).flat_map(lambda _: planner.dataset())

    def gather(rows: Any) -> Any:
        return pairs_of(sequences, rows, None, vocabulary.separator)

    return planned.map(gather).prefetch(_AHEAD).apply(tf.data.experimental.assert_cardinality(planner.steps))


def _poems_of(poems: Any) -> list[Poem | str]:
    """Return poems as a list, which may be read twice."""
    if isinstance(poems, str | bytes) or not isinstance(poems, Iterable):
        raise CorpusError(f"A list of poems or of texts is required. Received: one {type(poems).__name__}.")
    found = list(poems)
    if not found:
        raise CorpusError("A poem is required. Received: none.")
    for poem in found:
        if not isinstance(poem, Poem | str):
            raise CorpusError(f"Poems or texts are required. Received: {type(poem).__name__}.")
    return found


def _require_vocabulary(vocabulary: Any) -> None:
    if not isinstance(vocabulary, Vocabulary):
        raise ConfigError(f"A Vocabulary is required (model.vocabulary). Received: {type(vocabulary).__name__}.")


def _require_whole(least: int, **numbers: Any) -> None:
    for name, value in numbers.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
            raise ConfigError(f"{name} of at least {least}, a whole number, is required. Received: {value!r}.")


class _Planner:
    """Which rows are in which batch, epoch after epoch.

    Every epoch has as many batches. The lengths of poems decide their number, and with titles another fold of poems
    has none in each of four epochs: where a fold needs fewer batches than another, the largest ones are halved.
    """

    def __init__(self, lengths: _Rows, poems: int, budget: int, seed: int, shuffle: bool) -> None:
        self._lengths, self._poems, self._budget, self._seed = lengths, poems, budget, seed
        self._folds = _FOLDS if len(lengths) > poems else 1
        self._fold = np.random.default_rng(seed).permutation(poems) % self._folds
        self._epochs = count() if shuffle else iter(lambda: 0, None)
        self.steps = max(len(self._plan(epoch)) for epoch in range(self._folds))

    def dataset(self) -> Any:
        """Return the rows of each batch of the next epoch."""
        rows, lengths = tf.numpy_function(self._next, [], [tf.int64, tf.int64])
        ragged = tf.RaggedTensor.from_row_lengths(tf.ensure_shape(rows, [None]), tf.ensure_shape(lengths, [None]))
        return tf.data.Dataset.from_tensor_slices(ragged)

    def _next(self) -> tuple[_Rows, _Rows]:
        batches = self._plan(next(self._epochs))
        while len(batches) < self.steps:
            largest = max(range(len(batches)), key=lambda i: len(batches[i]))
            rows = batches.pop(largest)
            batches += [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
        # Keras averages the first batch over its replicas, which must have as many rows each.
        first = max(range(len(batches)), key=lambda i: math.gcd(len(batches[i]), _REPLICAS))
        batches.insert(0, batches.pop(first))
        return np.concatenate(batches), np.array([len(rows) for rows in batches], np.int64)

    def _plan(self, epoch: int) -> list[_Rows]:
        rows = np.arange(self._poems)
        if self._folds > 1:
            rows += (self._fold != epoch % self._folds) * self._poems
        return [rows[batch] for batch in plan_batches(self._lengths[rows], self._budget, self._seed, epoch)]


def prose_dataset(
    prose: Prose,
    vocabulary: Vocabulary,
    *,
    split: str = "train",
    batch_size: int = 64,
    sequence_length: int = 64,
    shuffle: bool = True,
    seed: int = 0,
) -> Any:
    """Return running text as batches for `fit` of Keras: pieces of one length, each read from the zero state.

    Our own `fit` carries the state from piece to piece instead, as that of Keras cannot.

    Args:
        prose: what `read_prose` returns.
        vocabulary: of the model.
        split: the part of it: train, validation, test or all.
        batch_size: pieces in a batch.
        sequence_length: tokens of a piece.
        shuffle: whether the pieces come in another order in each epoch.
        seed: decides the order.

    Returns:
        A `tf.data.Dataset` of ``(X_t, Y_t)``, int32 `[B, T]` each, of known cardinality. The last piece may end with
        PAD, which has no loss.

    Raises:
        CorpusError: if the part has no text, or there is no such part.
        ConfigError: if the vocabulary is none, or a number is no whole one or too small.

    Example:
        >>> from tangshi_tf import Vocabulary, read_prose
        >>> from pathlib import Path
        >>> file = Path("text.txt")
        >>> _ = file.write_text("To be, or not to be.", encoding="utf-8")
        >>> prose = read_prose([file])
        >>> vocabulary = Vocabulary.from_counts(prose.counts(), min_count=1, known=prose.types)
        >>> x, y = next(iter(prose_dataset(prose, vocabulary, batch_size=2, sequence_length=6, shuffle=False)))
        >>> vocabulary.decode(x[0].numpy()), vocabulary.decode(y[0].numpy())
        ('To be', 'To be,')
    """
    _require_vocabulary(vocabulary)
    _require_whole(1, batch_size=batch_size, sequence_length=sequence_length)
    _require_whole(0, seed=seed)
    if not isinstance(prose, Prose):
        raise CorpusError(f"Prose is required (read_prose). Received: {type(prose).__name__}.")
    stream = prose.ids(vocabulary, split)
    if not len(stream):
        raise CorpusError(f"Text is required. Received: none in {split}.")

    def cut(pieces: _Rows) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        index = pieces[:, np.newaxis] * sequence_length + np.arange(sequence_length)
        inside, index = index < len(stream), np.minimum(index, len(stream) - 1)
        x = np.where(index == 0, np.int32(BOS), stream[index - 1])
        return np.where(inside, x, np.int32(PAD)), np.where(inside, stream[index], np.int32(PAD))

    def pair(pieces: Any) -> Any:
        return tuple(
            tf.ensure_shape(t, [None, sequence_length]) for t in tf.numpy_function(cut, [pieces], [tf.int32] * 2)
        )

    pieces = -(-len(stream) // sequence_length)
    order = tf.data.Dataset.range(pieces)
    if shuffle:
        order = order.shuffle(pieces, seed)
    return order.batch(batch_size).map(pair).prefetch(_AHEAD)
