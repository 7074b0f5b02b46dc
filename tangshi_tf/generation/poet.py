"""The poet: strings to poems in one graph; what a SavedModel holds.

A `Poet` is what a SavedModel of this package holds. It needs TensorFlow alone: every knob is an input, every
row of a batch has its own, and a row's poem depends on its own inputs and seed, not on its neighbours.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import tensorflow as tf

from tangshi_tf.generation.about import describe
from tangshi_tf.generation.decoder import Decoder
from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH, INPUTS, one_value_a_row, problems, rows_spec, utf8
from tangshi_tf.generation.masks import Constraints
from tangshi_tf.generation.planner import PLANNERS
from tangshi_tf.generation.servable import functions_of, signatures_of
from tangshi_tf.generation.tokenizer import make_tokenizer, normal_titles
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.state import STATE_STDDEV
from tangshi_tf.model.tokens import as_integers, as_tokens
from tangshi_tf.vocabulary import EOS, PAD

__all__ = ["Poet"]

_KNOBS = ("init_state", "temperature", "top_p", "repetition_penalty", "top_k")


def _tensor(value: Any, dtype: Any) -> Any:
    """Return a tensor of that dtype, of anything that is one; an integer may be one of another width."""
    if tf.is_tensor(value) and value.dtype.is_integer and dtype.is_integer:
        return as_integers(value, dtype)
    return tf.convert_to_tensor(value, dtype)


def _vector(value: Any, dtype: Any) -> Any:
    """Return a scalar or `[B]` as a vector of that dtype."""
    return tf.reshape(_tensor(value, dtype), [-1])


class _Once:
    """A function that is traced once, whoever calls it, in whatever nesting or types of integers.

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

    Args:
        model: whose variables the poet shares: training the model on changes the poet.

    Example:
        >>> from tangshi_tf import ModelConfig, PoetryModel, Vocabulary
        >>> vocabulary = Vocabulary.build(["白日依山尽，黄河入海流。"], min_count=1)
        >>> poet = Poet(PoetryModel(ModelConfig(units=8, embedding=8, titles=False), vocabulary))
        >>> answer = poet.generate("山", max_length=5, seed=1)
        >>> answer["poem"].numpy()[0].decode()[0], int(answer["seed"][0])
        ('山', 1)
    """

    def __init__(self, model: PoetryModel) -> None:
        """See the class."""
        super().__init__(name="poet")
        vocabulary, kind = model.vocabulary, model.config.kind
        # Only the weights are tracked, in `set_weights` order: saving a Keras model would trace `call` too.
        self.weights = [weight.value for weight in model.weights]
        self._layout, self._kind = model.state_layout, kind
        self._reads_titles = vocabulary.separator is not None
        self._table = vocabulary.lookup_table()
        self._texts = tf.constant(vocabulary.texts())  # [V]
        self._tokenizer = make_tokenizer(model.config)
        constraints = Constraints(vocabulary.tokens, ends=kind.ends)
        self._planner = PLANNERS[kind.name](constraints)
        self._decoder = Decoder(
            model.loop_step,
            vocabulary.is_punctuation(),
            constraints,
            unknown_types=vocabulary.unknown_types,
            separator=vocabulary.separator,
            ends=kind.ends,
        )
        self._about = describe(model)
        self._generate = _Once(self._write, {name: rows_spec(name, dtype) for name, (dtype, _) in INPUTS.items()})
        self._score = _Once(self._cost, {"poem": rows_spec("poem", tf.string)})
        states = {spec.name: spec for spec in self._layout.specs}
        self._step = _Once(partial(_take_step, model), {"token": rows_spec("token", tf.int32), **states})

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
                the next three is given. Rhyme and tones keep the rules, strictly, as far as what is typed allows. Of
                several forms, a begin as long as a line of one takes that one.
            rhyme: a level group of 平水韵, by one of `verse.prosody.RHYME_NAMES`; empty leaves it to the poet.
            opening: one of `verse.forms.OPENING_NAMES`; empty draws one as often as real poems have it, among those
                that the typed text fits.
            acrostic: the first characters of the lines, one for each or fewer.
            init_state: "zero" (or empty), or "random": normal, of standard deviation 0.5, from the seed.
            temperature: 0 takes the likeliest token each time; see `generation.sampler`.
            top_p: see `generation.sampler`.
            repetition_penalty: divides the odds of a character, before the temperature, for each earlier occurrence in
                the same poem; 1 is off. Punctuation is free.
            top_k: see `generation.sampler`.
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
        given = (begin, title, form, rhyme, opening, acrostic, init_state, temperature, top_p, repetition_penalty)
        inputs = zip(INPUTS.items(), (*given, top_k, max_length, seed), strict=True)
        return self._generate.concrete(**{name: _vector(value, dtype) for (name, (dtype, _)), value in inputs})

    def score(self, poem: Any) -> dict[str, Any]:
        """Return how probable whole poems are, read from the zero state; white space is ignored.

        Args:
            poem: string, a scalar or `[B]`.

        Returns:
            `nll` float32 `[B]`, -ln probability of the text and its end, and `tokens` int32 `[B]`, how many
            tokens that is, the end token included. An unknown token costs ln(unknown types) more.
        """
        return self._score.concrete(poem=_vector(poem, tf.string))

    def step(self, token: Any, state: Any) -> tuple[Any, Any]:
        """See `PoetryModel.step`; a state of other rows, or not finite, is a `tf.errors.InvalidArgumentError`."""
        return self._stepped("logits", token, state)

    def get_next_token(self, token: Any, state: Any) -> tuple[Any, Any]:
        """See `PoetryModel.get_next_token`."""
        return self._stepped("token", token, state)

    def get_initial_state(self, batch_size: Any, kind: Any = "zero", stddev: Any = STATE_STDDEV, seed: Any = -1) -> Any:
        """See `PoetryModel.get_initial_state`; a negative seed is a fresh one."""
        kind = _tensor(kind, tf.string)
        known = tf.reduce_any(kind == tf.constant(["", "zero", "random"]))
        tf.debugging.Assert(known, ["kind of zero or random is required; received", kind])
        first = _fresh(_vector(seed, tf.int64))
        seeds = first + tf.range(_tensor(batch_size, tf.int64))
        return self._layout.initial(seeds, kind == "random", _tensor(stddev, tf.float32))

    def encode(self, text: Any) -> Any:
        """Return the ids of texts, a scalar or `[B]`, as int32 `[B, L]`, PAD after the shorter ones."""
        return self._ids(self._tokenizer.cut(utf8(_vector(text, tf.string))))

    def decode(self, token: Any) -> Any:
        """Return the texts of ids `[B, L]` as string `[B]`; special tokens print nothing."""
        return self._tokenizer.join(tf.gather(self._texts, _tensor(token, tf.int32)))

    def about(self) -> Any:
        """Return what the object is and can do, as one string."""
        return tf.constant(self._about)

    def signatures(self) -> dict[str, Any]:
        """Return the functions a server calls by name, with tensors of fixed rank and defaults; see `about`."""
        return signatures_of(
            self._generate.concrete, self._step.concrete, self._score.concrete, self._layout, self._kind
        )

    @cached_property
    def _functions(self) -> dict[str, Any]:
        """The functions of a SavedModel."""
        return functions_of(self, self._layout)

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """Hand TensorFlow the functions when it writes a SavedModel."""
        children = super()._trackable_children(save_type, **kwargs)
        return children | self._functions if save_type == "savedmodel" else children

    def _stepped(self, answer: str, token: Any, state: Any) -> tuple[Any, Any]:
        """Take a step; return one of its answers, and the state in the nesting that it came in."""
        names = [spec.name for spec in self._layout.specs]
        inputs = [as_tokens(token, 1), *tf.nest.flatten(self._layout.nest(state))]
        if not tf.executing_eagerly():
            inputs = [_of_any_rows(value) for value in inputs]
        found = self._step.concrete(**dict(zip(["token", *names], inputs, strict=True)))
        return found[answer], tf.nest.pack_sequence_as(state, [found[name] for name in names])

    def _ids(self, pieces: Any) -> Any:
        """Return the ids of pieces `[B, L]`, PAD after the shorter."""
        return tf.where(pieces == "", PAD, self._table.lookup(pieces))

    def _cost(self, poem: Any) -> dict[str, Any]:
        """Do what `score` says, of `[B]`."""
        ids = self._ids(self._tokenizer.cut(utf8(poem)))
        length = _lengths(ids)
        state = self._layout.initial(tf.cast(length, tf.int64))
        return {"nll": self._decoder.read(ids, length, state), "tokens": length + int(self._kind.ends)}

    def _write(self, **given: Any) -> dict[str, Any]:
        """Do what `generate` says, of `[B]`."""
        # Strings to ids, and the plan of what stands where.
        asked = one_value_a_row(given)
        pieces = self._tokenizer.cut(tf.concat([asked["begin"], asked["acrostic"]], axis=0))  # [2B, L]
        ids = self._ids(pieces)
        begin_length = tf.split(_lengths(ids), 2)[0]
        seed = _fresh(asked["seed"])
        plan = self._planner(asked, ids, seed)
        titles = normal_titles(asked["title"])
        problem = problems(asked, begin_length, titles if self._reads_titles else None)
        problem = tf.where(problem == "", plan["problem"], problem)
        good = tf.equal(problem, "")

        # Ids to ids.
        rows = self._rows_of(asked, plan, good, begin_length)
        rows |= {"seed": seed, "title": self._ids(self._tokenizer.cut(tf.where(good, titles, "")))}
        tokens, log_probability = self._decode(rows)

        # Ids to strings: what was typed stays as it was typed.
        size = tf.shape(tokens)[1]
        after = tf.range(size) >= begin_length[:, tf.newaxis]
        texts = tf.gather(self._texts, tf.where(after, tokens, PAD))
        heads = tf.pad(plan["heads"], [[0, 0], [0, size]])[:, :size]
        typed = tf.pad(tf.split(pieces, 2)[0], [[0, 0], [0, size]])[:, :size]
        text = self._tokenizer.continued(asked["begin"], typed, tf.where(heads == "", texts, heads))
        return {
            "poem": tf.where(good, text, ""),
            "log_probability": tf.where(good, log_probability, 0.0),
            "length": tf.math.count_nonzero((tokens != PAD) & (tokens != EOS), axis=1, dtype=tf.int32),
            "seed": seed,
            "problem": tf.where(good, plan["note"], problem),
        }

    def _rows_of(self, asked: Mapping[str, Any], plan: Mapping[str, Any], good: Any, begin_length: Any) -> Any:
        """Return the rows that the decoder writes; of those that are not good, with default knobs and ended."""
        rows = {name: tf.where(good, asked[name], tf.constant(INPUTS[name][1], INPUTS[name][0])) for name in _KNOBS}
        most = asked["max_length"]
        limit = tf.where(most > 0, most, begin_length + AUTOMATIC_LENGTH)
        limit = tf.where(plan["length"] > 0, tf.minimum(limit, plan["length"] + 1), limit)
        return rows | {"limit": limit, "ended": ~good} | {name: plan[name] for name in ("typed", "slots", "groups")}

    def _decode(self, rows: dict[str, Any]) -> tuple[Any, Any]:
        """Write any number of rows: one as two, as a product over one row rounds differently."""
        count = tf.size(rows["seed"])
        copies = tf.range(tf.where(count == 1, 2, count)) % tf.maximum(count, 1)
        rows = {name: tf.gather(value, copies) for name, value in rows.items()}
        state = self._layout.initial(rows["seed"], rows.pop("init_state") == "random")
        tokens, log_probability = self._decoder.write(rows, state)
        return tokens[:count], log_probability[:count]


def _take_step(model: PoetryModel, token: Any, **states: Any) -> dict[str, Any]:
    """Take a step with a flat state, once it is checked."""
    logits, after = model.step(token, list(states.values()))
    likeliest = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return {"token": likeliest, "logits": logits, **dict(zip(states, after, strict=True))}


def _of_any_rows(value: Any) -> Any:
    """Hide how many rows there are until the graph runs: the check tells what is required, TensorFlow does not."""
    return tf.raw_ops.PlaceholderWithDefault(input=value, shape=[None, *value.shape[1:]])


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
