"""Ids to ids: the one loop that writes poems, and the one that reads them, inside the graph."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tangshi_tf.generation.masks import Constraints, Slot
from tangshi_tf.generation.sampler import sampler
from tangshi_tf.model.random import row_uniform
from tangshi_tf.model.step import padded_size
from tangshi_tf.vocabulary import BOS, EOS, PAD, UNK

__all__ = ["Decoder"]

_PACKET = 16  # the most float32 that a processor takes at once
_BLOCK = 64  # steps for which uniform numbers are drawn at a time


class Decoder:
    """Writes and reads with a step of a model.

    Args:
        stepper: makes the step for a loop: token int32 `[B]` and state to logits `[B, V]` and state.
        repeatable: for each token, whether the repetition penalty leaves it alone, as punctuation.
        constraints: the masks for what may stand where.
        unknown_types: how many types share the probability of the unknown token.
        separator: the id after a title; None if no titles are read.
        endless: whether texts have no end token.
    """

    def __init__(
        self,
        stepper: Callable[[], Any],
        repeatable: Sequence[bool],
        constraints: Constraints,
        unknown_types: int,
        separator: int | None,
        endless: bool = False,
    ) -> None:
        """See the class."""
        self._separator, self._endless = separator, endless
        self._stepper, self._constraints = stepper, constraints
        size = padded_size(len(repeatable))
        self._counts = tf.constant([0.0 if free else 1.0 for free in repeatable] + [0.0] * (size - len(repeatable)))
        self._unknown_cost = math.log(unknown_types)

    def write(self, rows: dict[str, Any], state: Any) -> tuple[Any, Any]:
        """Write until every row has ended.

        Rows that have ended are dropped as soon as they are half of all. From two rows on, a row's numbers do not
        depend on how many there are, as far as those of the step do not.

        Args:
            rows: at least two of each: `seed` int64 `[B]`; `title` int32 `[B, L]`, PAD after the shorter, none of a
                row without one; `typed` int32 `[B, L]`, the tokens that are given, PAD where one is to be chosen;
                `slots` int32 `[B, S]`, what may stand where, and anything may after that; `groups` int32 `[B]`, the
                rhymes to choose from (both as in `verse.constraints`); `limit` int32 `[B]`, the most tokens; `ended`
                bool `[B]`, for rows in which nothing is to be written; `temperature`, `top_k`, `top_p` as in
                `sampling.sampler`; `repetition_penalty` float32 `[B]`, above 0: each time a token stood in the row
                before, its odds are divided by it, before the temperature (a frequency penalty of ln(penalty); the
                aim is that of Keskar et al. 2019, who divide logits).
            state: the initial state of the rows.

        Returns:
            The tokens int32 `[B, T]`, begin included, PAD after the end; and the log-probability of all, begin and end
            token included, float32 `[B]`.
        """
        step, count = self._stepper(), tf.shape(rows["seed"])[0]
        token, state = self._read_title(step, rows["title"], state)
        unknown = self._unknown_cost * tf.reduce_sum(tf.cast(rows["typed"] == UNK, tf.float32), axis=1)
        penalised = tf.reduce_any(rows["repetition_penalty"] != 1.0)
        masks = self._constraints.masks()
        constrained = tf.reduce_any(rows["slots"] > Slot.FREE)
        rows = {name: value for name, value in rows.items() if name != "title"} | {
            "place": tf.range(count)[:, tf.newaxis],
            "token": token,
            "total": -unknown,
            "typed": tf.pad(rows["typed"], [[0, 0], [0, _BLOCK]], constant_values=PAD),
            "slots": tf.pad(rows["slots"], [[0, 0], [0, _BLOCK]], constant_values=int(Slot.FREE)),
            "memory": self._constraints.start(count, rows["groups"]),
            # How often each token stood in the row, if any row has to know.
            "seen": tf.zeros([count, tf.where(penalised, tf.size(self._counts), 0)]),
        }

        def write_some(t: Any, rows: Any, state: Any, totals: Any, written: Any) -> Any:
            """Write until half of the rows have ended or a block of random numbers is used up."""
            alive = tf.maximum(2, tf.reduce_sum(tf.cast(~rows["ended"], tf.int32)))
            kept = tf.sort(tf.argsort(tf.cast(rows["ended"], tf.int32), stable=True)[:alive])
            rows, state = tf.nest.map_structure(lambda value: tf.gather(value, kept), (rows, state))
            few, first = tf.where(alive > 2, alive // 2, 0), t - t % _BLOCK
            uniform = tf.reshape(row_uniform(rows["seed"], 2 * _BLOCK, t // _BLOCK), [-1, _BLOCK, 2])
            typed, slots = (
                rows[name][:, tf.minimum(first, tf.shape(rows[name])[1] - _BLOCK) :][:, :_BLOCK]
                for name in ("typed", "slots")
            )
            choose = sampler(rows["temperature"], rows["top_k"], rows["top_p"])
            by_step, penalty = tf.transpose(uniform, [1, 0, 2]), _log(rows["repetition_penalty"])[:, tf.newaxis]

            def some_left(t: Any, token: Any, ended: Any, *_: Any) -> Any:
                return (t < first + _BLOCK) & (tf.reduce_sum(tf.cast(~ended, tf.int32)) > few)

            def write_one(
                t: Any, token: Any, ended: Any, total: Any, seen: Any, memory: Any, state: Any, written: Any
            ) -> Any:
                logits, state = step(token, state)
                slot, given = slots[:, t - first], typed[:, t - first]
                allowed = tf.cond(
                    constrained,
                    lambda: logits + self._constraints.costs(masks, slot, memory),
                    lambda: logits + masks[slot[0]],  # the slots of free rows are the same
                )
                allowed = tf.cond(penalised, lambda: allowed - seen * penalty, lambda: allowed)
                token = tf.where(given == PAD, choose(allowed, by_step[t - first]), given)
                total += tf.where(ended, tf.zeros_like(total), _log_probability(logits, token))
                shown = tf.where(ended, tf.zeros_like(token), token)  # PAD is 0
                written = written.write(t, tf.scatter_nd(rows["place"], shown, [count]))
                ended = ended | (token == EOS) | (t + 1 >= rows["limit"])
                seen = tf.cond(penalised, lambda: self._count(seen, token), lambda: seen)
                memory = self._constraints.remember(memory, slot, token, given != PAD)
                return t + 1, token, ended, total, seen, memory, state, written

            carried = ("token", "ended", "total", "seen", "memory")
            start = (t, *(rows[name] for name in carried), state, written)
            t, *values, state, written = tf.while_loop(some_left, write_one, start)
            rows |= dict(zip(carried, values, strict=True))
            totals = tf.tensor_scatter_nd_update(totals, rows["place"], rows["total"])
            return t, rows, state, totals, written

        written = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[None])
        start = (tf.constant(0), rows, state, tf.zeros([count]), written)
        *_, totals, written = tf.while_loop(
            lambda t, rows, *_: ~tf.reduce_all(rows["ended"]), write_some, start, shape_invariants=_any_rows(start)
        )
        nothing = tf.zeros([0, count], tf.int32)
        return tf.transpose(tf.cond(written.size() > 0, written.stack, lambda: nothing)), totals

    def _read_title(self, step: Any, title: Any, state: Any) -> tuple[Any, Any]:
        """Return the token after which the text is written, and the state before it: SEP for rows with a title."""
        length = tf.math.count_nonzero(title != PAD, axis=1, dtype=tf.int32)
        if self._separator is None:
            return tf.fill(tf.shape(length), BOS), state
        fed = tf.pad(title, [[0, 0], [1, 0]], constant_values=BOS)
        steps = tf.reduce_max(tf.where(length > 0, length + 1, 0))

        def read_one(t: Any, state: Any) -> Any:
            _, after = step(fed[:, t], state)
            reads = ((t <= length) & (length > 0))[:, tf.newaxis]
            return t + 1, tf.nest.map_structure(lambda new, old: tf.where(reads, new, old), after, state)

        _, state = tf.while_loop(lambda t, *_: t < steps, read_one, (tf.constant(0), state))
        return tf.where(length > 0, self._separator, BOS), state

    def _count(self, seen: Any, token: Any) -> Any:
        index = tf.stack([tf.range(tf.size(token)), token], axis=1)
        return tf.tensor_scatter_nd_add(seen, index, tf.gather(self._counts, token))

    def read(self, ids: Any, length: Any, state: Any) -> Any:
        """Return -ln probability `[B]` of texts int32 `[B, L]` of these lengths `[B]`, and of their ends, if any."""
        step = self._stepper()
        unknown = self._unknown_cost * tf.reduce_sum(tf.cast(ids == UNK, tf.float32), axis=1)
        ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=PAD)  # room for the end token
        counted = length - 1 if self._endless else length

        def read_one(t: Any, token: Any, state: Any, nll: Any) -> Any:
            logits, state = step(token, state)
            target = tf.where(t < length, ids[:, t], EOS)
            nll -= tf.where(t <= counted, _log_probability(logits, target), 0.0)
            return t + 1, target, state, nll

        start = (tf.constant(0), tf.fill(tf.shape(length), BOS), state, unknown)
        *_, nll = tf.while_loop(lambda t, *_: t < tf.shape(ids)[1], read_one, start)
        return nll


def _log_probability(logits: Any, token: Any) -> Any:
    """Return ln p `[B]` of the tokens; of the ways to the sum of exp, the one that is fastest on a CPU."""
    below = tf.gather(logits, token[:, tf.newaxis], batch_dims=1)[:, 0] - tf.reduce_max(logits, axis=-1)
    return below + _log(tf.reduce_max(tf.nn.softmax(logits), axis=-1))


def _log(x: Any) -> Any:
    """Return ln x `[B]`, with the same bits for any B: what is left after whole packets is computed in another way."""
    return tf.math.log(tf.repeat(x[:, tf.newaxis], _PACKET, axis=1))[:, 0]


def _any_rows(start: Any) -> Any:
    """Return the shapes of what a loop carries, for any number of rows."""

    def shape(value: Any) -> Any:
        fixed = isinstance(value, tf.TensorArray) or value.shape.rank == 0
        return None if isinstance(value, tf.TensorArray) else value.shape if fixed else [None, *value.shape[1:]]

    return tf.nest.map_structure(lambda value: tf.TensorShape(shape(value)), start)
