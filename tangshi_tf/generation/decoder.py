"""Ids to ids, inside the graph: a loop that writes, with masks and repetition penalty, and a loop that scores."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tangshi_tf.generation.masks import Constraints, Slot
from tangshi_tf.generation.sampler import sampler
from tangshi_tf.model.random import row_uniform
from tangshi_tf.model.step import padded_size
from tangshi_tf.vocabulary import BOS, EOS, PAD, UNK

__all__ = ["BLOCK", "Decoder"]

BLOCK = 64  # steps for which uniform numbers are drawn at a time
_PACKET = 16  # the most float32 that a processor takes at once
_Step = Callable[[Any, Any], tuple[Any, Any]]


class _Block(NamedTuple):
    """What is the same for `BLOCK` steps.

    Attributes:
        first: the number of its first step.
        typed: the tokens that are given, int32 `[B, BLOCK]`, PAD where one is to be chosen.
        slots: what may stand where, int32 `[B, BLOCK]`.
        uniform: two numbers a step and row, float32 `[BLOCK, B, 2]`.
        choose: logits and two numbers to tokens, see `sampler`.
        penalty: ln(repetition penalty), float32 `[B, 1]`.
    """

    first: Any
    typed: Any
    slots: Any
    uniform: Any
    choose: Callable[[Any, Any], Any]
    penalty: Any


class _Call(NamedTuple):
    """What is the same for all steps of a call.

    Attributes:
        step: token int32 `[B]` and state to logits `[B, V]` and state.
        masks: what each class of slot adds to the logits.
        constrained: bool, whether any row has verse to keep to.
        penalised: bool, whether any row has a repetition penalty.
    """

    step: _Step
    masks: Any
    constrained: Any
    penalised: Any


class Decoder:
    """Writes and reads with a step of a model.

    What a row carries from step to step is a dict: `token`, the one to read next; `ended`; `total`, its
    log-probability so far; `seen`, how often each token stood in it, if any row has to know; `memory`, see
    `Constraints`; and the inputs that stay.

    Args:
        make_step: makes the step for a loop: token int32 `[B]` and state to logits `[B, V]` and state.
        is_punctuation: of each token; the repetition penalty leaves punctuation alone.
        constraints: the masks for what may stand where.
        unknown_types: how many types share the probability of the unknown token.
        separator: the id after a title; None if no titles are read.
        ends: whether texts have an end token.
    """

    def __init__(
        self,
        make_step: Callable[[], _Step],
        is_punctuation: Sequence[bool],
        constraints: Constraints,
        *,
        unknown_types: int,
        separator: int | None,
        ends: bool = True,
    ) -> None:
        """See the class."""
        self._separator, self._ends = separator, ends
        self._make_step, self._constraints = make_step, constraints
        counts = [0.0 if free else 1.0 for free in is_punctuation]
        self._counts = tf.constant(counts + [0.0] * (padded_size(len(counts)) - len(counts)))
        self._unknown_cost = math.log(unknown_types)

    def write(self, rows: dict[str, Any], state: Any) -> tuple[Any, Any]:
        """Write until every row has ended.

        Rows that have ended are dropped as soon as they are half of all. For two rows or more, a row's numbers do not
        depend on how many there are, as far as those of the step do not.

        Args:
            rows: at least two of each: `seed` int64 `[B]`; `title` int32 `[B, L]`, PAD after the shorter, none of a
                row without one; `typed` int32 `[B, L]`, the tokens that are given, PAD where one is to be chosen;
                `slots` int32 `[B, S]`, what may stand where, and anything may after that; `groups` int32 `[B]`, the
                rhymes to choose from (both as in `generation.masks`); `limit` int32 `[B]`, the most tokens; `ended`
                bool `[B]`, for rows in which nothing is to be written; `temperature`, `top_k`, `top_p` as in
                `sampler`; `repetition_penalty` float32 `[B]`, above 0: each time a token stood in the row before, its
                odds are divided by it, before the temperature (a frequency penalty of ln(penalty); the aim is that of
                Keskar et al. 2019, who divide logits).
            state: the initial state of the rows.

        Returns:
            The tokens int32 `[B, T]`, begin included, PAD after the end; and the log-probability of all, begin and end
            token included, float32 `[B]`.
        """
        count = tf.shape(rows["seed"])[0]
        call, rows, state = self.start(rows, state)

        def write_block(t: Any, rows: Any, state: Any, totals: Any, written: Any) -> Any:
            """Write until half of the rows have ended, or the block is at its end."""
            rows, state, few = _drop_ended(rows, state)
            block = self.block(rows, t)
            place, limit = rows["place"], rows["limit"]

            def some_left(t: Any, carried: Any, *_: Any) -> Any:
                return (t < block.first + BLOCK) & (tf.reduce_sum(tf.cast(~carried["ended"], tf.int32)) > few)

            def write_one(t: Any, carried: Any, state: Any, written: Any) -> Any:
                was_ended = carried["ended"]
                carried, state = self.write_token(call, block, t, limit, carried, state)
                shown = tf.where(was_ended, tf.zeros_like(carried["token"]), carried["token"])  # PAD is 0
                return t + 1, carried, state, written.write(t, tf.scatter_nd(place, shown, [count]))

            carried = {name: rows[name] for name in ("token", "ended", "total", "seen", "memory")}
            t, carried, state, written = tf.while_loop(some_left, write_one, (t, carried, state, written))
            totals = tf.tensor_scatter_nd_update(totals, place, carried["total"])
            return t, rows | carried, state, totals, written

        written = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[None])
        start = (tf.constant(0), rows, state, tf.zeros([count]), written)
        *_, totals, written = tf.while_loop(
            lambda t, rows, *_: ~tf.reduce_all(rows["ended"]), write_block, start, shape_invariants=_any_rows(start)
        )
        nothing = tf.zeros([0, count], tf.int32)
        return tf.transpose(tf.cond(written.size() > 0, written.stack, lambda: nothing)), totals

    def start(self, rows: dict[str, Any], state: Any, penalised: Any = None) -> tuple[_Call, dict[str, Any], Any]:
        """Return what is the same for all steps, and rows and state before the first of them.

        Args:
            rows: see `write`.
            state: see `write`.
            penalised: whether repetitions are counted; by default, if a row has a penalty.
        """
        count = tf.shape(rows["seed"])[0]
        penalised = tf.reduce_any(rows["repetition_penalty"] != 1.0) if penalised is None else penalised
        constrained = tf.reduce_any(rows["slots"] > Slot.FREE)
        call = self.call(constrained, penalised)
        token, state = self._read_title(call.step, rows["title"], state)
        unknown = self._unknown_cost * tf.reduce_sum(tf.cast(rows["typed"] == UNK, tf.float32), axis=1)
        rows = {name: value for name, value in rows.items() if name != "title"} | {
            "place": tf.range(count)[:, tf.newaxis],
            "token": token,
            "total": -unknown,
            "typed": tf.pad(rows["typed"], [[0, 0], [0, BLOCK]], constant_values=PAD),
            "slots": tf.pad(rows["slots"], [[0, 0], [0, BLOCK]], constant_values=int(Slot.FREE)),
            "memory": self._constraints.start(count, rows["groups"]),
            "seen": tf.zeros([count, tf.where(penalised, tf.size(self._counts), 0)]),
        }
        return call, rows, state

    def call(self, constrained: Any, penalised: Any) -> _Call:
        """Return what is the same for all steps, of rows some of which have verse to keep to, or a penalty."""
        return _Call(self._make_step(), self._constraints.masks(), constrained, penalised)

    def block(self, rows: dict[str, Any], t: Any) -> _Block:
        """Return what is the same for the steps of the block in which step `t` is."""
        number = t // BLOCK
        first = t - t % BLOCK
        uniform = tf.reshape(row_uniform(rows["seed"], 2 * BLOCK, number), [-1, BLOCK, 2])
        typed, slots = (
            rows[name][:, tf.minimum(first, tf.shape(rows[name])[1] - BLOCK) :][:, :BLOCK]
            for name in ("typed", "slots")
        )
        return _Block(
            first=first,
            typed=typed,
            slots=slots,
            uniform=tf.transpose(uniform, [1, 0, 2]),
            choose=sampler(rows["temperature"], rows["top_k"], rows["top_p"]),
            penalty=_log(rows["repetition_penalty"])[:, tf.newaxis],
        )

    def write_token(
        self, call: _Call, block: _Block, t: Any, limit: Any, carried: dict[str, Any], state: Any
    ) -> tuple[dict[str, Any], Any]:
        """Read the last token of every row, and write the next one.

        Args:
            call: what `start` returns.
            block: that of step `t`.
            t: number of the step, from 0.
            limit: the most tokens, int32 `[B]`.
            carried: of the rows, see the class.
            state: of the rows.

        Returns:
            What the rows carry now, and their state.
        """
        # From the last token to the logits.
        logits, state = call.step(carried["token"], state)
        slot, given = block.slots[:, t - block.first], block.typed[:, t - block.first]
        seen, memory, ended = carried["seen"], carried["memory"], carried["ended"]

        # What may stand here, and what is held against tokens that stood before.
        allowed = tf.cond(
            call.constrained,
            lambda: logits + self._constraints.costs(call.masks, slot, memory),
            lambda: logits + call.masks[slot[0]],  # the slots of free rows are the same
        )
        allowed = tf.cond(call.penalised, lambda: allowed - seen * block.penalty, lambda: allowed)

        # The next token: the one that was typed, or one that is drawn.
        token = tf.where(given == PAD, block.choose(allowed, block.uniform[t - block.first]), given)
        carried = {
            "token": token,
            "ended": ended | (token == EOS) | (t + 1 >= limit),
            "total": carried["total"] + tf.where(ended, tf.zeros_like(logits[:, 0]), _log_probability(logits, token)),
            "seen": tf.cond(call.penalised, lambda: self._count(seen, token), lambda: seen),
            "memory": self._constraints.remember(memory, slot, token, given != PAD),
        }
        return carried, state

    def _read_title(self, step: _Step, title: Any, state: Any) -> tuple[Any, Any]:
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
        step = self._make_step()
        unknown = self._unknown_cost * tf.reduce_sum(tf.cast(ids == UNK, tf.float32), axis=1)
        ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=PAD)  # room for the end token
        counted = length if self._ends else length - 1

        def read_one(t: Any, token: Any, state: Any, nll: Any) -> Any:
            logits, state = step(token, state)
            target = tf.where(t < length, ids[:, t], EOS)
            nll -= tf.where(t <= counted, _log_probability(logits, target), 0.0)
            return t + 1, target, state, nll

        start = (tf.constant(0), tf.fill(tf.shape(length), BOS), state, unknown)
        *_, nll = tf.while_loop(lambda t, *_: t < tf.shape(ids)[1], read_one, start)
        return nll


def _drop_ended(rows: Any, state: Any) -> tuple[Any, Any, Any]:
    """Return the rows that have not ended, at least two, their states, and how many of them may be left at the end."""
    alive = tf.maximum(2, tf.reduce_sum(tf.cast(~rows["ended"], tf.int32)))
    kept = tf.sort(tf.argsort(tf.cast(rows["ended"], tf.int32), stable=True)[:alive])
    rows, state = tf.nest.map_structure(lambda value: tf.gather(value, kept), (rows, state))
    return rows, state, tf.where(alive > 2, alive // 2, 0)


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
        if isinstance(value, tf.TensorArray):
            return tf.TensorShape(None)
        return tf.TensorShape(value.shape if value.shape.rank == 0 else [None, *value.shape[1:]])

    return tf.nest.map_structure(shape, start)
