"""Ids to a tf.data pipeline of pairs (X_t, Y_t): all but the last token, and all but the first.

A poem is a row, and a batch has rows of one length. A row may begin with the poem's title, which is read but not
learnt: Y_t holds PAD in place of title and separator. Prose is one stream. It is cut into lanes, which are read side by
side, chunk after chunk.

NumPy plans the batches as a pure function of (seed, epoch); tf.data gathers them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tangshi_tf.vocabulary import BOS, EOS, PAD, Vocabulary, count_ids

__all__ = ["LaneBatches", "PoemBatches", "encode_poems", "pair_batches", "pairs_of", "plan_batches"]

_AHEAD = 4  # batches
_EIGHT = 8  # rows; for every number of rows something is compiled and kept
_TITLES = 1  # tells their numbers from those of the batches
_UNTITLED = 4  # in an epoch, one poem of so many is read without its title
_Rows = npt.NDArray[np.int64]


def encode_poems(vocabulary: Vocabulary, texts: Sequence[str], titles: Sequence[str] | None = None) -> Any:
    """Return one sequence a poem as an int32 `tf.RaggedTensor` `[N, None]`.

    It is ``[BOS] c1 … cn [EOS]``, or ``[BOS] title [SEP] c1 … cn [EOS]`` where a title is given that is not empty.
    """
    heads = [
        [*vocabulary.encode(title), vocabulary.separator] if title else [] for title in titles or [""] * len(texts)
    ]
    rows = [[BOS, *head, *vocabulary.encode(text), EOS] for head, text in zip(heads, texts, strict=True)]
    with tf.device("CPU"):
        return tf.RaggedTensor.from_row_lengths(
            np.fromiter(chain.from_iterable(rows), np.int32), [len(row) for row in rows]
        )


def plan_batches(lengths: npt.ArrayLike, token_budget: int, seed: int, epoch: int) -> list[_Rows]:
    """Cut the rows into batches of at most `token_budget` tokens, in an order that (seed, epoch) decides.

    Rows of one length fill whole batches. The rows left over of each length share batches with those of the next
    lengths; there a shorter row is padded. In the shipped corpus that pads 0.4 % of the tokens of an epoch; without
    sharing there would be 1.5 times as many batches, most of them tiny. A row longer than the budget is a batch of its
    own. Batches have a multiple of 8 rows, or fewer than 8; the last batch of a length, and the last of all, may have
    any number.

    Args:
        lengths: int `[N]`, the tokens of each row.
        token_budget: bound on rows times longest row.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        Arrays of row numbers; each row occurs once.
    """
    lengths = np.asarray(lengths)
    random = np.random.default_rng([seed, epoch])
    shuffled = random.permutation(len(lengths))
    by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    batches: list[_Rows] = []
    leftover: list[_Rows] = []
    for rows in np.split(by_length, np.flatnonzero(np.diff(lengths[by_length])) + 1):
        size = _whole_eights(token_budget // int(lengths[rows[0]])) if len(rows) else 1
        whole = len(rows) - len(rows) % size
        batches.extend(rows[i : i + size] for i in range(0, whole, size))
        leftover.append(rows[whole:])
    batches.extend(_cut(np.concatenate(leftover), lengths, token_budget))
    return [batches[i] for i in random.permutation(len(batches))]


def _cut(rows: _Rows, lengths: npt.NDArray[Any], token_budget: int) -> list[_Rows]:
    """Cut rows of rising length greedily under the budget."""
    cuts, start = [], 0
    for i in range(1, len(rows)):
        while start < i and (i + 1 - start) * lengths[rows[i]] > token_budget:
            start += _whole_eights(i - start)
            cuts.append(start)
    return [part for part in np.split(rows, cuts) if len(part)]


def _whole_eights(rows: int) -> int:
    """Return how many of so many rows make a batch: a multiple of 8 if there are as many."""
    return rows - rows % _EIGHT if rows >= _EIGHT else max(1, rows)


def pair_batches(
    sequences: Any, batches: list[_Rows], widths: npt.ArrayLike | None = None, separator: int | None = None
) -> Any:
    """Return a `tf.data.Dataset` of ``(X_t, Y_t)``, int32 `[B, T]` each, in the order of `batches`.

    Shorter rows are padded with PAD on the right; a PAD in Y_t has no weight in any loss.

    Args:
        sequences: int32 ragged `[N, None]`.
        batches: the row numbers of each batch; one without rows becomes a single row of PAD.
        widths: tokens to pad each batch to, at least those of its longest row, which are the default.
        separator: the id after a title; Y_t is PAD up to it.
    """
    if widths is None:
        lengths = sequences.row_lengths().numpy()
        widths = [lengths[rows].max() for rows in batches]

    def gather(rows: Any, width: Any) -> Any:
        return pairs_of(sequences, rows, width, separator)

    with tf.device("CPU"):
        planned = tf.RaggedTensor.from_row_lengths(np.concatenate(batches), [len(b) for b in batches])
    dataset = tf.data.Dataset.from_tensor_slices((planned, np.asarray(widths, np.int64)))
    options = tf.data.Options()
    options.autotune.enabled = False  # to gather a batch takes no time, to stop the tuning, many seconds
    return dataset.map(gather).prefetch(_AHEAD).with_options(options)


def pairs_of(sequences: Any, rows: Any, width: Any, separator: int | None) -> tuple[Any, Any]:
    """Return ``(X_t, Y_t)`` of the rows of one batch; see `pair_batches`."""
    shape = None if width is None else tf.stack([-1, width])
    ids = tf.gather(sequences, rows).to_tensor(PAD, shape=shape)
    ids = tf.pad(tf.ensure_shape(ids, [None, None]), [[0, tf.cast(tf.size(rows) == 0, tf.int32)], [0, 0]])
    x, y = ids[:, :-1], ids[:, 1:]
    if separator is not None:
        y = tf.where(tf.cumsum(tf.cast(y == separator, tf.int32), axis=1, reverse=True) > 0, PAD, y)
    return x, y


@dataclass(frozen=True)
class PoemBatches:
    """The training batches of every epoch, cut for any number of replicas.

    Args:
        sequences: int32 ragged `[N, None]` of `encode_poems`.
        token_budget: tokens a batch over all replicas.
        seed: of the run.
        titled: the same poems with their titles; three of four are read so, drawn anew for each epoch.
        separator: the id after a title.
    """

    sequences: Any
    token_budget: int
    seed: int
    titled: Any = None
    separator: int | None = None
    lanes = 0  # no state is carried from batch to batch

    def counts(self, size: int) -> npt.NDArray[np.int64]:
        """Return how often each token is a target in an epoch, int64 `[V]`; titles are no targets."""
        counts = np.bincount(self.sequences.flat_values.numpy(), minlength=size)
        counts[BOS] = 0
        return counts

    def steps(self, epoch: int) -> int:
        """Return the number of batches in an epoch."""
        return len(self._plan(epoch))

    def dataset(self, epoch: int, replicas: range, of: int, done: int = 0) -> Any:
        """Return the rows of one input pipeline as a `tf.data.Dataset`.

        Each batch is cut into `of` parts of nearly equal size, one for each replica; the pipeline yields the parts
        of its `replicas` in turn, each as ``(X_t, Y_t, first)``: int32 `[b, T]`, `[b, T]` and the number of its
        first row in the whole batch. T is that of the whole batch, so that a row's dropout does not depend on the
        replica. A replica without rows gets one row of PAD, which has no weight. The first `done` batches are skipped.
        """
        lengths = self._all.row_lengths().numpy()
        parts: list[_Rows] = []
        first: list[int] = []
        widths: list[int] = []
        for rows in self._plan(epoch)[done:]:
            edges = np.linspace(0, len(rows), of + 1).astype(np.int64)
            for replica in replicas:
                parts.append(rows[edges[replica] : edges[replica + 1]])
                first.append(int(edges[replica]))
                widths.append(lengths[rows].max())
        pairs = pair_batches(self._all, parts, widths, self.separator)
        starts = tf.data.Dataset.from_tensor_slices(np.array(first, np.int32))
        return tf.data.Dataset.zip(pairs, starts).map(_flat)

    @cached_property
    def _all(self) -> Any:
        """The poems without their titles, then the same with them."""
        return self.sequences if self.titled is None else tf.concat([self.sequences, self.titled], axis=0)

    def _plan(self, epoch: int) -> list[_Rows]:
        """Return the rows of `_all` in each batch."""
        lengths = self._all.row_lengths().numpy()
        rows = np.arange(self.sequences.nrows())
        if self.titled is not None:
            order = np.random.default_rng([self.seed, epoch, _TITLES]).permutation(len(rows))
            rows += (order % _UNTITLED > 0) * len(rows)
        return [rows[batch] for batch in plan_batches(lengths[rows], self.token_budget, self.seed, epoch)]


def _flat(pair: Any, first: Any) -> Any:
    return (*pair, first)


@dataclass(frozen=True)
class LaneBatches:
    """The chunks of every epoch of one stream, cut for any number of replicas.

    The stream is cut into lanes whose lengths differ by at most one token. Each lane begins with BOS and has a state of
    its own. A batch holds the next tokens of every lane; the state after a batch is the state before the next one.
    Every epoch reads the same batches.

    Args:
        stream: int32 `[N]`; it is not copied, and may be as large as memory is.
        lanes: how many are read side by side.
        length: tokens of each lane in a batch; the last batch of an epoch may be shorter.
        ids: the token for each number in the stream, int32; by default the stream holds tokens.
    """

    stream: npt.NDArray[np.int32]
    lanes: int
    length: int
    ids: npt.NDArray[np.int32] | None = None

    def counts(self, size: int) -> npt.NDArray[np.int64]:
        """Return how often each token is a target in an epoch, int64 `[V]`."""
        counts = count_ids(self.stream, size if self.ids is None else len(self.ids))
        if self.ids is None:
            return counts
        of_ids = np.zeros(size, np.int64)
        np.add.at(of_ids, self.ids, counts)
        return of_ids

    def steps(self, epoch: int) -> int:
        """Return the number of batches in an epoch."""
        return -(-int(np.diff(self._edges).max()) // self.length)

    def dataset(self, epoch: int, replicas: range, of: int, done: int = 0) -> Any:
        """Return the lanes of one input pipeline as a `tf.data.Dataset`, as `PoemBatches.dataset`.

        A lane that is one token shorter than others ends with PAD in X_t and Y_t.
        """
        cuts = np.linspace(0, self.lanes, of + 1).astype(np.int64)
        edges, stream = self._edges, self.stream
        longest = int(np.diff(edges).max())

        def cut(chunk: Any, replica: Any) -> Any:
            first, after = cuts[replica], cuts[replica + 1]
            place = np.arange(chunk * self.length, min((chunk + 1) * self.length, longest))
            index = edges[first:after, np.newaxis] + place
            inside = index < edges[first + 1 : after + 1, np.newaxis]
            x, y = (stream[np.where(inside, index - back, 0)] for back in (1, 0))
            if self.ids is not None:
                x, y = self.ids[x], self.ids[y]
            x = np.where(place == 0, np.int32(BOS), x)
            return np.where(inside, x, np.int32(PAD)), np.where(inside, y, np.int32(PAD)), np.int32(first)

        def part(chunk: Any, replica: Any) -> Any:
            x, y, first = tf.numpy_function(cut, [chunk, replica], [tf.int32] * 3)
            return tf.ensure_shape(x, [None, None]), tf.ensure_shape(y, [None, None]), tf.ensure_shape(first, [])

        chunks = np.arange(done, self.steps(epoch))
        planned = np.repeat(chunks, len(replicas)), np.tile(np.array(replicas, np.int64), len(chunks))
        options = tf.data.Options()
        options.autotune.enabled = False
        return tf.data.Dataset.from_tensor_slices(planned).map(part).prefetch(_AHEAD).with_options(options)

    @cached_property
    def _edges(self) -> _Rows:
        return np.linspace(0, len(self.stream), self.lanes + 1).astype(np.int64)
