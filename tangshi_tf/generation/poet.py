"""The poet: strings to ids, ids to ids in one loop inside the graph, ids to strings.

A `Poet` is what a SavedModel of this package holds. It needs TensorFlow alone: every knob is an input, every
row of a batch has its own, and a row's poem depends on its own inputs and seed, not on its neighbours.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import tensorflow as tf

from tangshi_tf.config import DEFAULT_SAMPLER, PROSE_SAMPLER
from tangshi_tf.generation.about import describe
from tangshi_tf.generation.decoder import Decoder
from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH, INPUTS, STATE_STDDEV, one_value_a_row, problems, utf8
from tangshi_tf.generation.masks import Constraints
from tangshi_tf.generation.planner import Planner, plan_prose
from tangshi_tf.generation.tokenizer import Pieces, normal_titles
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.random import row_normal
from tangshi_tf.vocabulary import EOS, PAD

__all__ = ["Poet"]


def _any_shape(*dtypes: Any) -> list[Any]:
    return [tf.TensorSpec(None, dtype) for dtype in dtypes]


def _rows(name: str, dtype: Any) -> Any:
    return tf.TensorSpec([None], dtype, name=name)


class _Once:
    """A function that is traced once, whoever calls it: TensorFlow traces a `tf.function` again while it saves one.

    Args:
        function: takes the inputs by their names.
        inputs: their specifications.
    """

    def __init__(self, function: Callable[..., Any], inputs: Mapping[str, Any]) -> None:
        self._function, self._inputs = function, inputs

    @cached_property
    def concrete(self) -> Any:
        """The traced function."""
        with tf.init_scope():
            return tf.function(self._function).get_concrete_function(**self._inputs)


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
        self._step, self._split_state = model.step, model.split_state
        self._config, self._widths, self._state_specs = model.config, model.state_widths, model.state_specs
        self._separator = vocabulary.separator
        self._table = vocabulary.lookup_table()
        texts = vocabulary.texts()
        self._texts = tf.constant(texts)  # [V]
        self._pieces = Pieces(model.config)
        repeatable = [not any(char.isalnum() for char in text) for text in texts]  # punctuation
        prose = model.config.text == "prose"
        constraints = Constraints(vocabulary.tokens, endless=prose)
        self._planner = plan_prose if prose else Planner(constraints)
        self._decoder = Decoder(
            model.stepper, repeatable, constraints, vocabulary.unknown_types, vocabulary.separator, endless=prose
        )
        self._ends = 0 if prose else 1  # end tokens of a text
        self._sampler = PROSE_SAMPLER if prose else DEFAULT_SAMPLER
        self._about = describe(model)
        self._generate = _Once(self._write, {name: _rows(name, dtype) for name, (dtype, _) in INPUTS.items()})
        self._score = _Once(self._cost, {"poem": _rows("poem", tf.string)})

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
        """Write one poem, or text, a row. Every input is a scalar or `[B]`; a single value holds for all rows.

        Args:
            begin: any text; the poem begins with it as it was typed. White space in it is not read, but by a model of
                prose; for one of words, it stands between them.
            title: what the poem is about, of Han characters; empty for none. Notes and numbering are not read. Only
                empty if the model has no separator.
            form: 五绝, 七绝, 五律, 七律, or another of `verse.forms.FORM_NAMES`; empty for free verse, unless one of
                the next three is given. Rhyme and tones keep the rules, strictly, as far as what is typed allows.
            rhyme: a level group of 平水韵, by one of `verse.prosody.RHYME_NAMES`; empty leaves it to the poet.
            opening: one of `verse.forms.OPENING_NAMES`; empty draws one as often as real poems have it, among those
                that the typed text fits.
            acrostic: the first characters of the lines, one for each or fewer.
            init_state: "zero" (or empty), or "random": normal, of standard deviation 0.5, from the seed.
            temperature: 0 takes the likeliest token each time; see `sampling.sampler`.
            top_p: see `sampling.sampler`.
            repetition_penalty: divides the odds of a character, before the temperature, for each earlier occurrence in
                the same poem; 1 is off. Punctuation is free.
            top_k: see `sampling.sampler`.
            max_length: the most tokens of text, begin included; 0 allows the begin and 200 more.
            seed: names the poem; a negative one stands for a fresh one.

        Returns:
            `poem` string, `log_probability` float32 (of the whole text and, if it was reached, the end
            token, in nats, an unknown token paying ln(unknown types) more), `length` int32 in tokens,
            `seed` int64 (the one used) and `problem` string, each `[B]`. A row whose request cannot be met
            has an empty poem of length 0 and says why in `problem`; one whose typed text breaks a rule of verse has a
            poem, and says which character breaks which rule.

        Raises:
            tf.errors.InvalidArgumentError: if an input has neither one value nor as many as the others.
        """
        texts = (begin, title, form, rhyme, opening, acrostic, init_state)
        numbers = (temperature, top_p, repetition_penalty, top_k, max_length, seed)
        given = dict(zip(INPUTS, texts + numbers, strict=True))
        return self._generate.concrete(**{name: tf.reshape(value, [-1]) for name, value in given.items()})

    @tf.function(input_signature=_any_shape(tf.string))
    def score(self, poem: Any) -> dict[str, Any]:
        """Return how probable whole poems are, read from the zero state; white space is ignored.

        Args:
            poem: string, a scalar or `[B]`.

        Returns:
            `nll` float32 `[B]`, -ln probability of the text and its end, and `tokens` int32 `[B]`, how many
            tokens that is, the end token included. An unknown token costs ln(unknown types) more.
        """
        return self._score.concrete(poem=tf.reshape(poem, [-1]))

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
    def get_initial_state(self, batch_size: Any, kind: Any = "zero", stddev: Any = STATE_STDDEV, seed: Any = -1) -> Any:
        """See `PoetryModel.get_initial_state`; a negative seed is a fresh one."""
        known = tf.reduce_any(kind == tf.constant(["", "zero", "random"]))
        tf.debugging.Assert(known, ["kind of zero or random is required; received", kind])
        first = _fresh(tf.reshape(seed, [1]))
        random = row_normal(first + tf.range(tf.cast(batch_size, tf.int64)), sum(self._widths))
        return self._split_state(tf.where(kind == "random", stddev * random, tf.zeros_like(random)))

    @tf.function(input_signature=_any_shape(tf.string))
    def encode(self, text: Any) -> Any:
        """Return the ids of texts, a scalar or `[B]`, as int32 `[B, L]`, PAD after the shorter ones."""
        return self._ids(self._pieces.cut(utf8(tf.reshape(text, [-1]))))

    @tf.function(input_signature=_any_shape(tf.int32))
    def decode(self, token: Any) -> Any:
        """Return the texts of ids `[B, L]` as string `[B]`; special tokens print nothing."""
        return self._pieces.join(tf.gather(self._texts, token))

    @tf.function(input_signature=[])
    def about(self) -> Any:
        """Return what the object is and can do, as one string."""
        return tf.constant(self._about)

    def signatures(self) -> dict[str, Any]:
        """Return the functions a server calls by name, with tensors of fixed rank; see `about`."""

        @tf.function(input_signature=[_rows("begin", tf.string)])
        def serving_default(begin: Any) -> dict[str, Any]:
            knobs = {name: [self._sampler.get(name, default)] for name, (_, default) in INPUTS.items()}
            given = {name: tf.constant(knobs[name], dtype) for name, (dtype, _) in INPUTS.items()}
            return {"poem": self._generate.concrete(**(given | {"begin": begin}))["poem"]}

        @tf.function
        def get_next_token(token: Any, **states: Any) -> dict[str, Any]:
            order = [f"state_{i}" for i in range(len(states))]
            logits, after = self._step(token, [states[name] for name in order])
            likeliest = tf.argmax(logits, axis=-1, output_type=tf.int32)
            return {"token": likeliest, "logits": logits, **dict(zip(order, after, strict=True))}

        states = {spec.name: spec for spec in self._state_specs}
        return {
            "serving_default": serving_default.get_concrete_function(),
            "generate": self._generate.concrete,
            "get_next_token": get_next_token.get_concrete_function(token=_rows("token", tf.int32), **states),
            "score": self._score.concrete,
        }

    def trace_steps(self) -> None:
        """Trace `step` and `get_next_token` for every nesting of the state: loading adds none."""
        token = tf.TensorSpec([None], tf.int32, name="token")
        for state in self._nestings():
            self.step.get_concrete_function(token, state)
            self.get_next_token.get_concrete_function(token, state)

    def _nestings(self) -> list[Any]:
        flat = self._state_specs
        menu: list[Any] = [tuple(flat), flat]
        if self._config.cell == "lstm":
            floats, verse = flat[: len(self._widths)], flat[len(self._widths) :]
            pairs = list(zip(floats[::2], floats[1::2], strict=True))
            for inner in (pairs, [list(pair) for pair in pairs]):
                menu += [(*inner, *verse), [*inner, *verse]]
        elif len(flat) == 1:
            menu.append(flat[0])
        return menu

    def _ids(self, pieces: Any) -> Any:
        """Return the ids of pieces `[B, L]`, PAD after the shorter."""
        return tf.where(pieces == "", PAD, self._table.lookup(pieces))

    def _cost(self, poem: Any) -> dict[str, Any]:
        """Do what `score` says, of `[B]`."""
        ids = self._ids(self._pieces.cut(utf8(poem)))
        length = _lengths(ids)
        state = self._split_state(tf.zeros([tf.size(length), sum(self._widths)]))
        return {"nll": self._decoder.read(ids, length, state), "tokens": length + self._ends}

    def _write(self, **given: Any) -> dict[str, Any]:
        """Do what `generate` says, of `[B]`."""
        asked = one_value_a_row(given)
        pieces = self._pieces.cut(tf.concat([asked["begin"], asked["acrostic"]], axis=0))  # [2B, L]
        ids = self._ids(pieces)
        begin_length = tf.split(_lengths(ids), 2)[0]
        seed = _fresh(asked["seed"])
        plan = self._planner(asked, ids, seed)
        titles = normal_titles(asked["title"])
        problem = problems(asked, begin_length, None if self._separator is None else titles)
        problem = tf.where(problem == "", plan["problem"], problem)
        good = tf.equal(problem, "")
        knobs = ("init_state", "temperature", "top_p", "repetition_penalty", "top_k")
        rows = {name: tf.where(good, asked[name], tf.constant(INPUTS[name][1], INPUTS[name][0])) for name in knobs}
        most = asked["max_length"]
        limit = tf.where(most > 0, most, begin_length + AUTOMATIC_LENGTH)
        limit = tf.where(plan["length"] > 0, tf.minimum(limit, plan["length"] + 1), limit)
        rows |= {"limit": limit, "ended": ~good, "seed": seed}
        rows |= {name: plan[name] for name in ("typed", "slots", "groups")}
        rows["title"] = self._ids(self._pieces.cut(tf.where(good, titles, "")))
        # A product over one row rounds differently from one over several.
        count = tf.size(seed)
        copies = tf.range(tf.where(count == 1, 2, count)) % tf.maximum(count, 1)
        rows = {name: tf.gather(value, copies) for name, value in rows.items()}
        state = self._initial_state(rows["seed"], rows.pop("init_state") == "random")
        tokens, log_probability = (value[:count] for value in self._decoder.write(rows, state))
        size = tf.shape(tokens)[1]
        after = tf.range(size) >= begin_length[:, tf.newaxis]
        texts = tf.gather(self._texts, tf.where(after, tokens, PAD))
        heads = tf.pad(plan["heads"], [[0, 0], [0, size]])[:, :size]
        typed = tf.pad(tf.split(pieces, 2)[0], [[0, 0], [0, size]])[:, :size]
        text = self._pieces.begun(asked["begin"], typed, tf.where(heads == "", texts, heads))
        return {
            "poem": tf.where(good, text, ""),
            "log_probability": tf.where(good, log_probability, 0.0),
            "length": tf.math.count_nonzero((tokens != PAD) & (tokens != EOS), axis=1, dtype=tf.int32),
            "seed": seed,
            "problem": tf.where(good, plan["note"], problem),
        }

    def _initial_state(self, seed: Any, random: Any) -> Any:
        width = sum(self._widths)

        def some_random() -> Any:
            return tf.where(random[:, tf.newaxis], STATE_STDDEV * row_normal(seed, width), zero)

        zero = tf.zeros([tf.shape(seed)[0], width])
        return self._split_state(tf.cond(tf.reduce_any(random), some_random, lambda: zero))


def _lengths(ids: Any) -> Any:
    return tf.math.count_nonzero(ids != PAD, axis=1, dtype=tf.int32)


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
