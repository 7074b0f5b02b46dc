"""The poet: strings to ids, ids to ids in one loop inside the graph, ids to strings.

A `Poet` is what a SavedModel of this package holds. It needs TensorFlow alone: every knob is an input, every
row of a batch has its own, and a row's poem depends on its own inputs and seed, not on its neighbours.
"""

import math
from typing import Any

import tensorflow as tf

from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.model import PoetryModel
from tangshi_tf.request import INPUTS, one_value_a_row, problems, utf8, without_white_space
from tangshi_tf.sampling import choose, row_normal, row_uniform
from tangshi_tf.vocabulary import BOS, EOS, PAD, SPECIALS, UNK

__all__ = ["AUTOMATIC_LENGTH", "Poet"]

AUTOMATIC_LENGTH = 200  # tokens after the begin, when max_length is 0; few poems are longer, a loop must end

_STATE_STDDEV = 0.5
_BLOCK = 128  # uniform numbers drawn at a time for each row: one block is enough for most poems


def _any_shape(*dtypes: Any) -> list[Any]:
    return [tf.TensorSpec(None, dtype) for dtype in dtypes]


class Poet(tf.Module):
    """Writes, scores and steps with a model's weights; see `about` for the functions a SavedModel offers.

    Keep the poet in a variable: `Poet(model).generate("山")` fails, as a tf.function holds its object weakly.

    Args:
        model: whose variables the poet shares: training the model on changes the poet.
    """

    def __init__(self, model: PoetryModel) -> None:
        """See the class."""
        super().__init__(name="poet")
        vocabulary = model.vocabulary
        # Only the weights are tracked, in `set_weights` order: saving a Keras model would trace `call` too.
        self.weights = [weight.value for weight in model.weights]
        self._step, self._output_table, self._split_state = model.step, model.output_table, model.split_state
        self._config, self._widths = model.config, model.state_widths
        self._table = vocabulary.lookup_table()
        self._texts = tf.constant(vocabulary.texts())  # [V]
        self._unknown_cost = math.log(vocabulary.unknown_types)
        banned = [-math.inf if i in (PAD, BOS, UNK) else 0.0 for i in range(len(vocabulary))]
        self._banned = tf.constant(banned)  # [V]
        self._banned_first = tf.tensor_scatter_nd_update(self._banned, [[EOS]], [-math.inf])  # no empty poem
        self._about = _describe(model)

    @tf.function(input_signature=_any_shape(*(dtype for dtype, _ in INPUTS.values())))
    def generate(
        self,
        begin: Any = "",
        title: Any = "",
        form: Any = "",
        rhyme: Any = "",
        opening: Any = "",
        acrostic: Any = "",
        init_state: Any = "zero",
        temperature: Any = 1.0,
        top_p: Any = 1.0,
        repetition_penalty: Any = 1.0,
        top_k: Any = 0,
        max_length: Any = 0,
        seed: Any = -1,
    ) -> dict[str, Any]:
        """Write one poem a row. Every input is a scalar or `[B]`; a single value holds for all rows.

        Args:
            begin: any text; the poem begins with it as it was typed. White space in it is not read.
            title: only empty.
            form: only empty.
            rhyme: only empty.
            opening: only empty.
            acrostic: only empty.
            init_state: "zero" (or empty), or "random": normal, of standard deviation 0.5, from the seed.
            temperature: 0 takes the likeliest token each time; see `sampling.choose`.
            top_p: see `sampling.choose`.
            repetition_penalty: only 1.
            top_k: see `sampling.choose`.
            max_length: the most tokens of text, begin included; 0 allows the begin and 200 more.
            seed: names the poem; a negative one stands for a fresh one.

        Returns:
            `poem` string, `log_probability` float32 (of the whole text and, if it was reached, the end
            token, in nats, an unknown token paying ln(unknown types) more), `length` int32 in tokens,
            `seed` int64 (the one used) and `problem` string, each `[B]`. A row whose request cannot be met
            has an empty poem of length 0 and says why in `problem`.

        Raises:
            tf.errors.InvalidArgumentError: if an input has neither one value nor as many as the others.
        """
        texts = (begin, title, form, rhyme, opening, acrostic, init_state)
        numbers = (temperature, top_p, repetition_penalty, top_k, max_length, seed)
        return self._write(dict(zip(INPUTS, texts + numbers, strict=True)))

    @tf.function(input_signature=_any_shape(tf.string))
    def score(self, poem: Any) -> dict[str, Any]:
        """Return how probable whole poems are, read from the zero state; white space is ignored.

        Args:
            poem: string, a scalar or `[B]`.

        Returns:
            `nll` float32 `[B]`, -ln probability of the text and its end, and `tokens` int32 `[B]`, how many
            tokens that is, the end token included. An unknown token costs ln(unknown types) more.
        """
        ids, length = self._read(utf8(tf.reshape(poem, [-1])))
        ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=PAD)  # room for the end token
        rows = tf.shape(ids)[0]
        table = self._output_table()

        def read_one(t: Any, token: Any, state: Any, nll: Any) -> Any:
            logits, state = self._step(token, state, table)
            target = tf.where(t < length, ids[:, t], EOS)
            nll += tf.where(t <= length, self._cost(logits, target), 0.0)
            return t + 1, target, state, nll

        state = self._split_state(tf.zeros([rows, sum(self._widths)]))
        start = (tf.constant(0), tf.fill([rows], BOS), state, tf.zeros([rows]))
        *_, nll = tf.while_loop(lambda t, *_: t < tf.shape(ids)[1], read_one, start)
        return {"nll": nll, "tokens": length + 1}

    @tf.function
    def step(self, token: Any, state: Any) -> tuple[Any, Any]:
        """See `PoetryModel.step`."""
        return self._step(token, state)

    @tf.function
    def get_next_token(self, token: Any, state: Any) -> tuple[Any, Any]:
        """See `PoetryModel.get_next_token`."""
        logits, state = self._step(token, state)
        return tf.argmax(logits, axis=-1, output_type=tf.int32), state

    @tf.function(input_signature=[tf.TensorSpec([], d) for d in (tf.int32, tf.string, tf.float32, tf.int64)])
    def get_initial_state(
        self, batch_size: Any, kind: Any = "zero", stddev: Any = _STATE_STDDEV, seed: Any = -1
    ) -> Any:
        """See `PoetryModel.get_initial_state`; a negative seed is a fresh one."""
        known = tf.reduce_any(kind == tf.constant(["", "zero", "random"]))
        tf.debugging.Assert(known, ["kind of zero or random is required; received", kind])
        first = _fresh(tf.reshape(seed, [1]))
        random = row_normal(first + tf.range(tf.cast(batch_size, tf.int64)), sum(self._widths))
        return self._split_state(tf.where(kind == "random", stddev * random, tf.zeros_like(random)))

    @tf.function(input_signature=_any_shape(tf.string))
    def encode(self, text: Any) -> Any:
        """Return the ids of texts, a scalar or `[B]`, as int32 `[B, L]`, PAD after the shorter ones."""
        return self._read(utf8(tf.reshape(text, [-1])))[0]

    @tf.function(input_signature=_any_shape(tf.int32))
    def decode(self, token: Any) -> Any:
        """Return the texts of ids `[B, L]` as string `[B]`; special tokens print nothing."""
        return tf.strings.reduce_join(tf.gather(self._texts, token), axis=-1)

    @tf.function(input_signature=[])
    def about(self) -> Any:
        """Return what the object is and can do, as one string."""
        return tf.constant(self._about)

    def signatures(self) -> dict[str, Any]:
        """Return the functions a server calls by name, with tensors of fixed rank; see `about`."""

        @tf.function
        def serving_default(begin: Any) -> dict[str, Any]:
            return {"poem": self.generate(begin, **DEFAULT_SAMPLER)["poem"]}

        @tf.function
        def generate(**inputs: Any) -> dict[str, Any]:
            return self.generate(**inputs)

        @tf.function
        def get_next_token(token: Any, **states: Any) -> dict[str, Any]:
            order = [f"state_{i}" for i in range(len(states))]
            logits, after = self._step(token, [states[name] for name in order])
            likeliest = tf.argmax(logits, axis=-1, output_type=tf.int32)
            return {"token": likeliest, "logits": logits, **dict(zip(order, after, strict=True))}

        @tf.function
        def score(poem: Any) -> dict[str, Any]:
            return self.score(poem)

        def row(name: str, dtype: Any) -> Any:
            return tf.TensorSpec([None], dtype, name=name)

        inputs = {name: row(name, dtype) for name, (dtype, _) in INPUTS.items()}
        states = {f"state_{i}": spec for i, spec in enumerate(self._state_specs())}
        return {
            "serving_default": serving_default.get_concrete_function(begin=inputs["begin"]),
            "generate": generate.get_concrete_function(**inputs),
            "get_next_token": get_next_token.get_concrete_function(token=row("token", tf.int32), **states),
            "score": score.get_concrete_function(poem=row("poem", tf.string)),
        }

    def trace_steps(self) -> None:
        """Trace `step` and `get_next_token` for every nesting of the state: loading adds none."""
        token = tf.TensorSpec([None], tf.int32, name="token")
        for state in self._nestings():
            self.step.get_concrete_function(token, state)
            self.get_next_token.get_concrete_function(token, state)

    def _nestings(self) -> list[Any]:
        flat = self._state_specs()
        menu: list[Any] = [tuple(flat), flat]
        if self._config.cell == "lstm":
            pairs = list(zip(flat[::2], flat[1::2], strict=True))
            for inner in (pairs, [list(pair) for pair in pairs]):
                menu += [tuple(inner), inner]
        elif len(flat) == 1:
            menu.append(flat[0])
        return menu

    def _state_specs(self) -> list[Any]:
        return [tf.TensorSpec([None, width], tf.float32, name=f"state_{i}") for i, width in enumerate(self._widths)]

    def _read(self, text: Any) -> tuple[Any, Any]:
        """Read UTF-8 texts `[B]` to ids int32 `[B, L]`, PAD after the shorter, and lengths int32 `[B]`."""
        characters = tf.strings.unicode_split(without_white_space(text), "UTF-8")
        ids = characters.with_values(self._table.lookup(characters.values))
        return ids.to_tensor(PAD), tf.cast(ids.row_lengths(), tf.int32)

    def _cost(self, logits: Any, token: Any) -> Any:
        """Return -ln p `[B]` of the tokens; the unknown types share the probability of the unknown token."""
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=token, logits=logits)
        return nll + tf.where(token == UNK, self._unknown_cost, 0.0)

    def _write(self, given: dict[str, Any]) -> dict[str, Any]:
        """Do what `generate` says."""
        asked = one_value_a_row(given)
        ids, begin_length = self._read(asked["begin"])  # [B, L], [B]
        problem = problems(asked, begin_length)
        good = tf.equal(problem, "")
        seed = _fresh(asked["seed"])
        rows = {
            name: tf.where(good, asked[name], tf.constant(INPUTS[name][1], INPUTS[name][0]))
            for name in ("init_state", "temperature", "top_p", "top_k", "max_length")
        }
        rows |= {"ids": ids, "begin_length": begin_length, "ended": ~good, "seed": seed}
        # A product over one row rounds differently from one over several.
        count = tf.size(seed)
        copies = tf.range(tf.where(count == 1, 2, count)) % tf.maximum(count, 1)
        rows = {name: tf.gather(value, copies) for name, value in rows.items()}
        written, length, log_probability = (value[:count] for value in self._loop(**rows))
        text = tf.strings.reduce_join(tf.gather(self._texts, written), axis=-1)
        return {
            "poem": tf.where(good, tf.strings.join([asked["begin"], text]), ""),
            "log_probability": log_probability,
            "length": length,
            "seed": seed,
            "problem": problem,
        }

    def _loop(
        self,
        ids: Any,
        begin_length: Any,
        ended: Any,
        seed: Any,
        init_state: Any,
        temperature: Any,
        top_p: Any,
        top_k: Any,
        max_length: Any,
    ) -> tuple[Any, Any, Any]:
        """Return the tokens after the begin `[B, T]`, PAD elsewhere; lengths and log-probabilities `[B]`."""
        rows = tf.shape(seed)[0]
        table = self._output_table()
        limit = tf.where(max_length > 0, max_length, begin_length + AUTOMATIC_LENGTH)
        ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=PAD)  # at least one column to read from

        def write_one(
            t: Any, token: Any, state: Any, uniform: Any, ended: Any, length: Any, total: Any, written: Any
        ) -> Any:
            def next_block() -> Any:
                return row_uniform(seed, _BLOCK, t // _BLOCK)

            uniform = tf.cond(t % _BLOCK == 0, next_block, lambda: uniform)
            logits, state = self._step(token, state, table)
            allowed = logits + tf.where(t == 0, self._banned_first, self._banned)
            chosen = choose(allowed, uniform[:, t % _BLOCK], temperature, top_k, top_p)
            forced = t < begin_length
            token = tf.where(forced, ids[:, tf.minimum(t, tf.shape(ids)[1] - 1)], chosen)
            total -= tf.where(ended, 0.0, self._cost(logits, token))
            ended |= token == EOS
            length += tf.cast(~ended, tf.int32)
            written = written.write(t + 1, tf.where(ended | forced, PAD, token))
            ended |= length >= limit
            return t + 1, token, state, uniform, ended, length, total, written

        # The array begins with an empty column, as it cannot be stacked without any.
        written = tf.TensorArray(tf.int32, size=1, dynamic_size=True, element_shape=[None])
        start = (
            tf.constant(0),
            tf.fill([rows], BOS),
            self._initial_state(seed, init_state == "random"),
            tf.zeros([rows, _BLOCK]),
            ended,
            tf.zeros([rows], tf.int32),
            tf.zeros([rows]),
            written.write(0, tf.fill([rows], PAD)),
        )
        end = tf.while_loop(lambda t, token, state, uniform, ended, *_: ~tf.reduce_all(ended), write_one, start)
        *_, length, total, written = end
        return tf.transpose(written.stack()), length, total

    def _initial_state(self, seed: Any, random: Any) -> Any:
        width = sum(self._widths)

        def some_random() -> Any:
            return tf.where(random[:, tf.newaxis], _STATE_STDDEV * row_normal(seed, width), zero)

        zero = tf.zeros([tf.shape(seed)[0], width])
        return self._split_state(tf.cond(tf.reduce_any(random), some_random, lambda: zero))


def _fresh(seed: Any) -> Any:
    """Replace negative seeds `[B]`. The op has state and no seed of its own: no two processes draw alike."""
    drawn = tf.raw_ops.RandomUniformInt(
        shape=tf.shape(seed),
        minval=tf.constant(0, tf.int64),
        maxval=tf.constant(2**31, tf.int64),
        seed=0,
        seed2=0,
    )
    return tf.where(seed < 0, drawn, seed)


def _describe(model: PoetryModel) -> str:
    config, size = model.config, len(model.vocabulary)
    layers = f"{config.layers} layer{'s' if config.layers > 1 else ''}"
    specials = ", ".join(f"{name.strip('<>').upper()} = {i}" for i, name in enumerate(SPECIALS))
    defaults = ", ".join(f"{name}={default!r}" for name, (_, default) in INPUTS.items())
    entry = f"float32 [B, {config.units}]"
    nesting = f"a pair (h, c) of {entry}" if config.cell == "lstm" else entry
    sampler = ", ".join(f"{name} {value}" for name, value in DEFAULT_SAMPLER.items())
    return f"""A poet of tangshi-tf: a recurrent language model of Tang poems that needs TensorFlow only.
{config.cell} of {layers} of {config.units} units, embedding {config.embedding}, vocabulary of {size} tokens.

Functions (text is a string or [B] of them; every other knob is one value or [B]):
  generate({defaults})
    -> a dict of poem, log_probability, length, seed (the one used), problem; each [B].
    temperature 0 takes the likeliest token; top_k 0 and top_p 1 are off; max_length counts the begin,
    0 allows {AUTOMATIC_LENGTH} tokens after it; init_state is zero or random; a negative seed is a fresh one.
    A row whose request cannot be met has an empty poem and says why in problem.
    title, form, rhyme, opening, acrostic and repetition_penalty accept only their defaults.
  score(poem) -> a dict of nll (nats) and tokens, both with the end token; each [B]
  encode(text) -> int32 [B, L]; decode(token) -> string [B]
  get_initial_state(batch_size, kind='zero', stddev={_STATE_STDDEV}, seed=-1) -> state; kind is zero or random
  step(token, state) -> (logits [B, {size}], state); get_next_token(token, state) -> (likeliest token, state)
    token is int32 [B]; a state has one entry a layer, {nesting}.
    It may be a tuple or a list of them, or of h0, c0, h1, c1, …; for one layer also the entry alone.
  about() -> this text

Signatures, whose inputs are all required and [B]:
  serving_default(begin) -> poem ({sampler}, fresh seed); generate; score;
  get_next_token(token, state_0, …) -> token, logits, state_0, …

Special ids: {specials}. A text is fed after BOS; EOS ends it."""
