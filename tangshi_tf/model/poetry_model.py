"""The recurrent language model: `call` over whole sequences, `step` over single tokens.

One step reads the token x_t and the state h_{t-1} (for the LSTM also c_{t-1}); e is the embedding.

RNN (Elman 1990):
    h_t = tanh(e(x_t) W + h_{t-1} U + b)

LSTM (Hochreiter and Schmidhuber 1997, forget gate by Gers et al. 2000):
    i_t, f_t, o_t = sigmoid(e(x_t) W_{i,f,o} + h_{t-1} U_{i,f,o} + b_{i,f,o})
    g_t = tanh(e(x_t) W_g + h_{t-1} U_g + b_g)
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)

GRU (Cho et al. 2014, reset after the product, as in cuDNN):
    z_t, r_t = sigmoid(e(x_t) W_{z,r} + b_{z,r} + h_{t-1} U_{z,r} + d_{z,r})
    g_t = tanh(e(x_t) W_g + b_g + r_t * (h_{t-1} U_g + d_g))
    h_t = z_t * h_{t-1} + (1 - z_t) * g_t

Output: tied, logits = (h_t P + p) Eᵀ + b with E the embedding (Press and Wolf 2017); plain, logits = h_t O + b.

With an ear, `verse_features` adds the sounds of characters to E, sets features of the verse so far beside e(x_t) and
h_t, and adds a bonus to the logits of characters that would rhyme, or have rhymed.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tangshi_tf.config import ModelConfig, from_dict, read_version
from tangshi_tf.errors import ConfigError, ModelError, StateError, TangshiError, first_line
from tangshi_tf.model.dropout import NO_DROPOUT, Dropout
from tangshi_tf.model.loss import raised, summed_nll
from tangshi_tf.model.random import row_normal
from tangshi_tf.model.recurrence import CELLS, unroll
from tangshi_tf.model.step import padded_size
from tangshi_tf.model.verse_features import Hearing
from tangshi_tf.model.verse_tracker import VERSE
from tangshi_tf.vocabulary import PAD, Vocabulary

__all__ = ["PoetryModel"]

_LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


class PoetryModel(keras.Model):
    """A recurrent language model over the tokens of a vocabulary.

    Args:
        config: cell, sizes, dropout, kind of output.
        vocabulary: the tokens; V is their number.
        precision: ``"float32"``, or ``"bfloat16"`` to compute `call` in bfloat16 over float32 variables.
            `step` always computes in float32.
    """

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, precision: str = "float32") -> None:
        """See the class."""
        super().__init__(dtype="mixed_bfloat16" if precision == "bfloat16" else precision)
        self.config = config
        self.vocabulary = vocabulary
        size, policy = len(vocabulary), self.dtype_policy
        self.embedding = keras.layers.Embedding(
            size,
            config.embedding,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=config.embedding**-0.5),
            dtype=policy,
            name="embedding",
        )
        self.recurrent = [
            _LAYERS[config.cell](
                config.units, return_sequences=True, return_state=True, dtype=policy, name=f"{config.cell}_{i}"
            )
            for i in range(config.layers)
        ]
        if config.tied:
            self.projection = keras.layers.Dense(config.embedding, dtype=policy, name="projection")
            self.output_bias = self.add_weight(shape=(size,), initializer="zeros", name="output_bias", autocast=False)
        else:
            self.projection = keras.layers.Dense(size, dtype=policy, name="output")
        self.hearing = Hearing(config.ear, vocabulary.tokens, config.embedding, config.units, config.rhymes)
        self.build((None, None))

    def build(self, input_shape: Any) -> None:
        """Create every variable; an optimizer must know them all before the first step."""
        self.embedding.build(input_shape)
        width = self.config.embedding + self.hearing.width
        for layer in self.recurrent:
            layer.build((None, None, width))
            width = self.config.units
        self.projection.build((None, width + self.hearing.width))
        self.built = True

    def begin_with(self, counts: Any, embeddings: Any = None) -> None:
        """Predict tokens by their frequency alone: set the output bias to log (n + 1), normalized.

        Otherwise the state of an untrained model learns to hold this bias, which asks for steps of several nats, and a
        deep one may never get over it.

        Args:
            counts: how often each token occurs, int `[V]`.
            embeddings: `[V, embedding]`, in place of the random ones where they are not zeros.
        """
        bias = self.output_bias if self.config.tied else self.projection.bias
        bias.assign(np.log(np.add(counts, 1) / np.sum(np.add(counts, 1))))
        if embeddings is not None:
            known = np.any(embeddings, axis=1, keepdims=True)
            self.embedding.embeddings.assign(np.where(known, embeddings, self.embedding.embeddings))

    @property
    def has_verse(self) -> bool:
        """Whether the verse so far is the last entry of the state."""
        return bool(self.hearing.has_verse)

    @property
    def state_widths(self) -> tuple[int, ...]:
        """The width of each float32 state entry in flat order: h0, or h0, c0, then the next layer."""
        return (self.config.units,) * (len(self.recurrent) * (2 if self.config.cell == "lstm" else 1))

    @property
    def state_specs(self) -> list[Any]:
        """The `tf.TensorSpec` of every state entry in flat order; with an ear that hears verse, int32 `[B, 4]` last."""
        entries = [(width, tf.float32) for width in self.state_widths] + [(VERSE, tf.int32)] * self.has_verse
        return [tf.TensorSpec([None, width], dtype, f"state_{i}") for i, (width, dtype) in enumerate(entries)]

    def count_params(self) -> int:
        """Return the number of parameters that are trained; the table of sounds is not."""
        return sum(math.prod(weight.shape) for weight in self.trainable_weights)

    def call(
        self,
        X_t: Any,  # noqa: N803
        state: Any = None,
        training: bool = False,
        dropout_seed: Any = None,
        first_row: Any = 0,
    ) -> Any:
        """Return the logits of every next token.

        Args:
            X_t: int32 `[B, T]`.
            state: the state before the first token, in any nesting `step` takes; zeros by default.
            training: whether dropout is applied.
            dropout_seed: int `[2]`; the same seed drops the same values. A fresh one by default.
            first_row: the number of the first row in the batch that is spread over all replicas; dropout belongs
                to the row's number there.

        Returns:
            float32 `[B, T, V]`.
        """
        x, _, raises = self._read(X_t, state, training, dropout_seed, first_row)
        return self._logits(x, raises)

    def read(self, X_t: Any, state: Any) -> tuple[Any, Any]:  # noqa: N803
        """Return the logits of every next token, as `call`, and the layers' state after the last one, flat."""
        x, after, raises = self._read(X_t, state, False, None, 0)
        return self._logits(x, raises), after

    def summed_nll(
        self,
        X_t: Any,  # noqa: N803
        Y_t: Any,  # noqa: N803
        dropout_seed: Any,
        first_row: Any = 0,
        state: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Return the loss of a training batch; as from `call` with training, but without its `[B, T, V]`.

        Args:
            X_t: int32 `[B, T]`.
            Y_t: int32 `[B, T]`; where it is PAD, there is no loss.
            dropout_seed: see `call`.
            first_row: see `call`.
            state: see `call`.

        Returns:
            Nats, summed over the tokens, a float32 scalar; and the state after the last token, flat, without the verse,
            to be carried on: no gradient goes back through it.
        """
        x, after, raises = self._read(X_t, state, True, dropout_seed, first_row)
        targets = tf.reshape(Y_t, [-1])
        if tf.config.list_physical_devices("GPU"):
            logits = tf.reshape(self._logits(x, raises), [-1, len(self.vocabulary)])
            nll = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            return tf.reduce_sum(tf.where(targets == PAD, 0.0, nll)), after
        flat, table, bias = self._output(x, raises, tf.float32)
        return summed_nll(flat, table, bias, targets, self.compute_dtype, raises and raises[1:]), after

    def _logits(self, x: Any, raises: Any) -> Any:
        """Return float32 logits `[B, T, V]` of what `_read` returns."""
        flat, table, bias = self._output(x, raises, self.compute_dtype)
        logits = tf.cast(tf.matmul(flat, table, transpose_b=True), tf.float32) + tf.cast(bias, tf.float32)
        return tf.reshape(raised(logits, raises and raises[1:]), [*tf.unstack(tf.shape(x)[:2]), len(self.vocabulary)])

    def _output(self, x: Any, raises: Any, dtype: Any) -> tuple[Any, Any, Any]:
        """Return flat x `[N, D]`, table `[V, D]` of that dtype and bias `[V]`; x tableᵀ + bias are the logits.

        But for what single tokens are raised by.
        """
        x = tf.reshape(x, [-1, x.shape[-1]])
        if self.config.tied:
            x, table, bias = self.projection(x), self._table(dtype), self.output_bias
        else:
            table, bias = tf.transpose(tf.cast(self.projection.kernel, dtype)), self.projection.bias
        if raises:
            x, table = _beside(x, tf.cast(raises[0], x.dtype)), _beside(table, self.hearing.groups(dtype))
        return x, tf.convert_to_tensor(table), tf.convert_to_tensor(bias)

    def _read(self, X_t: Any, state: Any, training: bool, dropout_seed: Any, first_row: Any) -> Any:  # noqa: N803
        """Return what the last layer says of every token, and what the verse means, `[B, T, units (+ meaning)]`.

        And the layers' state after the last token, flat; and what `Hearing.raises` says of each.
        """
        entries = [None] * (len(self.recurrent) + self.has_verse) if state is None else [*self._nest(state)]
        masks = Dropout(self.config, dropout_seed, first_row) if training else NO_DROPOUT
        x = masks(self.hearing.embedded(self.embedding(X_t), X_t))
        heard, meaning = None, None
        if self.has_verse:
            heard = self.hearing.heard(tf.reshape(self.hearing.verses(X_t, entries.pop()), [-1, VERSE]))
            meaning = tf.reshape(self.hearing.meaning(heard, x.dtype), [*tf.unstack(tf.shape(X_t)), self.hearing.width])
        x, after = _beside(x, meaning), []
        for layer, entry in zip(self.recurrent, entries, strict=True):
            recurrent = masks.of_weights(tf.convert_to_tensor(layer.cell.recurrent_kernel))
            h, last = self._unroll(layer, recurrent, x, None if entry is None else tf.nest.flatten(entry))
            x = masks(h)
            after += [tf.cast(value, tf.float32) for value in last]
        x = _beside(x, meaning)
        return x, after, heard and self.hearing.raises(heard, tf.reshape(x, [-1, x.shape[-1]]))

    def _table(self, dtype: Any = tf.float32) -> Any:
        """Return the embedding of every token, `[V, embedding]`."""
        return self.hearing.table(tf.cast(self.embedding.embeddings, dtype))

    def _unroll(self, layer: Any, recurrent: Any, x: Any, initial: Any) -> Any:
        """Run a layer over `[B, T, D]` from a state, zeros if None, to `[B, T, units]` and the last state."""
        if tf.config.list_physical_devices("GPU"):
            initial = initial and [tf.cast(entry, self.compute_dtype) for entry in initial]
            weights = [recurrent if w is layer.cell.recurrent_kernel else w.value for w in layer.trainable_variables]
            rest = [w.value for w in layer.non_trainable_variables]
            (h, *last), _ = layer.stateless_call(weights, rest, x, initial_state=initial)
            return h, [tf.stop_gradient(entry) for entry in last]
        cell, dtype = CELLS[self.config.cell], self.compute_dtype
        kernel, recurrent = tf.cast(layer.cell.kernel, dtype), tf.cast(recurrent, dtype)
        rows, steps, width = tf.unstack(tf.shape(x))
        by_time = tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, width])
        products = tf.reshape(tf.matmul(by_time, kernel), [steps, rows, cell.gates * self.config.units])
        initial = initial or [tf.zeros([rows, self.config.units])] * cell.states
        h, last = unroll(cell, products, recurrent, tf.convert_to_tensor(layer.cell.bias), initial)
        return tf.cast(tf.transpose(h, [1, 0, 2]), dtype), last

    def step(self, token: Any, state: Any) -> tuple[Any, Any]:
        """Read one token of every row.

        Computed in float32 through the layers' cells, so that a traced step runs on any device.

        Args:
            token: int32 `[B]`.
            state: canonically a tuple over layers of float32 `[B, units]` or, for the LSTM, pairs of them.
                Also taken, and returned as they came: a list over layers, pairs as lists, the flat sequence
                h0, c0, h1, c1, …, and for one layer the bare tensor or pair. If the model hears the verse, that is one
                more entry, int32 `[B, 4]`, the last of all; then nothing is bare.

        Returns:
            Logits float32 `[B, V]`, and the state after the token.

        Raises:
            StateError: if the state has another number of entries or other widths than the model.
        """
        entries = [*self._nest(state)]
        x = self.hearing.embedded(tf.gather(tf.convert_to_tensor(self.embedding.embeddings), token), token)
        *verse, heard, meaning = self.hearing.read(token, entries.pop()) if self.has_verse else (None, None)
        x = _beside(x, meaning)
        after: list[Any] = []
        for layer, entry in zip(self.recurrent, entries, strict=True):
            x, entry = layer.cell.call(x, tf.nest.flatten(entry))
            after.extend(tf.nest.flatten(entry))
        x = _beside(x, meaning)
        raises = heard and self.hearing.raises(heard, x)
        x = x @ self.projection.kernel + self.projection.bias
        if self.config.tied:
            x = self.hearing.logits(x, tf.matmul(x, self.embedding.embeddings, transpose_b=True) + self.output_bias)
        if raises:
            x = raised(x + tf.matmul(raises[0], self.hearing.groups(tf.float32), transpose_b=True), raises[1:])
        return x, tf.nest.pack_sequence_as(state, after + verse)

    def stepper(self) -> Callable[[Any, Any], tuple[Any, Any]]:
        """Return `step` for a loop, of canonical states: with the output matrix laid out once, as its product wants it.

        From two rows on, it gives a row the same bits in every batch, as the product with the transposed embedding
        does not; so it was measured with AVX512 for units that are a multiple of 16, up to 768. Others may differ in
        the last bits. The logits are filled up with -inf to `padded_size` tokens.
        """
        cell, table = CELLS[self.config.cell], self._table()
        layers = [[tf.convert_to_tensor(w) for w in layer.cell.weights] for layer in self.recurrent]
        output = tf.transpose(table) if self.config.tied else tf.convert_to_tensor(self.projection.kernel)
        bias = tf.convert_to_tensor(self.output_bias if self.config.tied else self.projection.bias)
        read = self.hearing.listener() if self.has_verse else None
        if self.hearing.has_rhymes:
            output = tf.concat([output, tf.transpose(self.hearing.groups(tf.float32))], axis=0)
        missing = padded_size(len(self.vocabulary)) - len(self.vocabulary)
        output, bias = tf.pad(output, [[0, 0], [0, missing]]), tf.pad(bias, [[0, missing]], constant_values=-math.inf)

        def step(token: Any, state: Any) -> tuple[Any, Any]:
            entries, after = [*state], []
            *verse, heard, meaning = read(token, entries.pop()) if read else (None, None)
            x = _beside(tf.gather(table, token), meaning)
            for (kernel, recurrent, biases), entry in zip(layers, entries, strict=True):
                entry = entry if isinstance(entry, tuple) else (entry,)
                of_x, of_h = tf.matmul(x, kernel), tf.matmul(entry[0], recurrent)
                if cell.one_sum:
                    of_x = tf.nn.bias_add(of_x, biases)
                else:
                    of_x, of_h = tf.nn.bias_add(of_x, biases[0]), tf.nn.bias_add(of_h, biases[1])
                entry, _ = cell.forward(of_x, of_h, entry)
                x = entry[0]
                after.append(entry if cell.states > 1 else x)
            x = _beside(x, meaning)
            raises = heard and self.hearing.raises(heard, x)
            if self.config.tied:
                x = tf.nn.bias_add(tf.matmul(x, self.projection.kernel), self.projection.bias)
            logits = tf.nn.bias_add(tf.matmul(_beside(x, raises and raises[0]), output), bias)
            return raised(logits, raises and raises[1:]), (*after, *verse)

        return step

    def get_next_token(self, token: Any, state: Any, sampler: Callable[[Any], Any] | None = None) -> tuple[Any, Any]:
        """Read one token of every row and choose the next one.

        Args:
            token: int32 `[B]`.
            state: as in `step`.
            sampler: logits `[B, V]` to int32 `[B]`; the likeliest token by default.

        Returns:
            The next token, int32 `[B]`, and the state in the nesting it came in.
        """
        logits, state = self.step(token, state)
        chosen = tf.argmax(logits, axis=-1, output_type=tf.int32) if sampler is None else sampler(logits)
        return chosen, state

    def get_initial_state(
        self, batch_size: int, kind: str = "zero", stddev: float = 0.5, seed: int | None = None
    ) -> Any:
        """Return a state to begin from, in canonical nesting.

        Args:
            batch_size: B.
            kind: ``"zero"``, or ``"random"`` for normal values.
            stddev: standard deviation of the random kind.
            seed: rows draw from the seeds seed, seed + 1, …; a fresh seed by default.

        Raises:
            ConfigError: if `kind` is neither.
        """
        if kind == "zero":
            return self.split_state(tf.zeros([batch_size, sum(self.state_widths)]))
        if kind != "random":
            raise ConfigError(f"An initial state of kind zero or random is required. Received: {kind}.")
        first = tf.random.uniform([], 0, 2**31, tf.int64) if seed is None else tf.constant(seed, tf.int64)
        seeds = first + tf.range(batch_size, dtype=tf.int64)
        return self.split_state(stddev * row_normal(seeds, sum(self.state_widths)))

    def split_state(self, values: Any) -> Any:
        """Cut float32 `[B, sum(state_widths)]` into a state of canonical nesting, at the beginning of a text."""
        verse = [self.hearing.beginning(tf.shape(values)[0])] * self.has_verse
        return self._nest([*tf.split(values, self.state_widths, axis=-1), *verse])

    def _nest(self, state: Any) -> tuple[Any, ...]:
        """Return the state as a tuple over layers, and the verse, whichever accepted nesting it came in."""
        flat, specs = tf.nest.flatten(state), self.state_specs
        if len(flat) != len(specs):
            raise StateError(
                f"A state of {len(specs)} tensors is required ({self.config.layers} layers of {self.config.cell}"
                f"{' and the verse' * self.has_verse}). Received: {len(flat)}."
            )
        entries = [tf.convert_to_tensor(entry, spec.dtype) for entry, spec in zip(flat, specs, strict=True)]
        for entry, spec in zip(entries, specs, strict=True):
            if entry.shape.rank != 2 or entry.shape[-1] not in (None, spec.shape[-1]):
                raise StateError(f"State tensors of shape [B, {spec.shape[-1]}] are required. Received: {entry.shape}.")
        if self.config.cell == "lstm":
            last = entries[len(self.state_widths) :]
            return (
                *zip(entries[: len(self.state_widths) : 2], entries[1 : len(self.state_widths) : 2], strict=True),
                *last,
            )
        return tuple(entries)

    def require_finite_weights(self) -> None:
        """Refuse weights that no training leaves behind.

        Raises:
            ValueError: if a weight is infinite or no number.
        """
        if not all(np.isfinite(weight).all() for weight in self.get_weights()):
            raise ValueError("weights that are no finite numbers")

    @classmethod
    def from_saved_model(cls, path: str | Path, precision: str = "float32") -> "PoetryModel":
        """Rebuild the Keras model from a version folder, weights included.

        Raises:
            ModelError: if the folder is not a SavedModel written by this package, or is damaged.
        """
        path = Path(path)
        try:
            config = from_dict(ModelConfig, read_version(path).get("model", {}))
            model = cls(config, Vocabulary.load(path / "assets.extra" / "vocabulary.txt"), precision)
            reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
            keys = [f"weights/{i}/.ATTRIBUTES/VARIABLE_VALUE" for i in range(len(model.weights))]
            model.set_weights([reader.get_tensor(key) for key in keys])
            model.require_finite_weights()
        except ModelError:
            raise
        except (TangshiError, tf.errors.OpError, LookupError, ValueError, RuntimeError) as error:
            raise ModelError(f"An undamaged model folder is required: {path}. Received: {first_line(error)}.") from None
        return model


def _beside(x: Any, meaning: Any) -> Any:
    return x if meaning is None else tf.concat([x, meaning], axis=-1)
