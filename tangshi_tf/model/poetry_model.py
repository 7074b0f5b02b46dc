"""The Keras model: `call` over whole sequences, `step` over single tokens.

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
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError, ModelError, TangshiError, first_line
from tangshi_tf.model.dropout import NO_DROPOUT, Dropout
from tangshi_tf.model.keras_model import KerasModel
from tangshi_tf.model.kernels import kernels
from tangshi_tf.model.own_cell import layers_of, sizes_of
from tangshi_tf.model.policy import policy_of
from tangshi_tf.model.sequence import logits_of, output_of, read_sequence
from tangshi_tf.model.state import STATE_STDDEV, StateLayout
from tangshi_tf.model.step import LoopWeights, StepWeights, take_step
from tangshi_tf.model.tokens import as_tokens
from tangshi_tf.model.verse_features import Ear
from tangshi_tf.phases import phase
from tangshi_tf.storage.version_folder import require_undamaged, version_settings, version_vocabulary
from tangshi_tf.vocabulary import Vocabulary

__all__ = ["PoetryModel"]

_LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@keras.saving.register_keras_serializable(package="tangshi_tf")
class PoetryModel(KerasModel):
    """A recurrent language model over the tokens of a vocabulary.

    Args:
        config: cell, sizes, dropout, kind of output.
        vocabulary: the tokens; V is their number.
        precision: ``"float32"``, or ``"bfloat16"`` to compute `call` in bfloat16 over float32 variables.
            `step` always computes in float32. By default Keras' global dtype policy decides.
        cell: a cell of your own, as `keras.layers.RNN` takes it, in place of the one that `config` names, or a list of
            them, one for each layer. It computes by plain Keras, and `config.recurrent_dropout` must be 0.
        name: of the model.
        dtype: in place of `precision`, a dtype policy of Keras or its name: float32, mixed_bfloat16 or mixed_float16.
        trainable: whether the weights are.

    Raises:
        ConfigError: if the precision is another one, or the cell does not fit.

    Attributes:
        state_layout: the entries of its state.

    Example:
        >>> from tangshi_tf import ModelConfig, Vocabulary
        >>> vocabulary = Vocabulary.build(["白日依山尽，黄河入海流。"], min_count=1)
        >>> model = PoetryModel(ModelConfig(cell="gru", units=8, embedding=8, titles=False), vocabulary)
        >>> model(tf.constant([[1, 4, 5]])).shape  # [B, T] to [B, T, V]
        TensorShape([1, 3, 16])
        >>> logits, state = model.step(tf.constant([1]), model.get_initial_state(1))
        >>> logits.shape, len(state)  # a state of the layer, and the verse
        (TensorShape([1, 16]), 2)
    """

    built: bool

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        precision: str | None = None,
        *,
        cell: Any = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        """See the class."""
        super().__init__(dtype=policy_of(precision, dtype), name=name, trainable=trainable)
        self.supports_masking = True
        self.supports_jit = False  # XLA would compile the step of Keras' fit anew for every length of poem
        self.config = config
        self.vocabulary = vocabulary
        self.has_own_cell = cell is not None
        size, policy = len(vocabulary), self.dtype_policy
        normal = keras.initializers.RandomNormal(stddev=config.embedding**-0.5)
        self.embedding = keras.layers.Embedding(
            size, config.embedding, embeddings_initializer=normal, dtype=policy, name="embedding"
        )
        if self.has_own_cell:
            self.recurrent = layers_of(cell, config, policy)
        else:
            self.recurrent = [
                _LAYERS[config.cell](
                    config.units, return_sequences=True, return_state=True, dtype=policy, name=f"{config.cell}_{i}"
                )
                for i in range(config.layers)
            ]
        for layer in self.recurrent:  # tf.train.Checkpoint does not look into lists of Keras
            self._track_trackable(layer, layer.name)
        if config.tied:
            self.projection = keras.layers.Dense(config.embedding, dtype=policy, name="projection")
            self.output_bias = self.add_weight(shape=(size,), initializer="zeros", name="output_bias", autocast=False)
        else:
            self.projection = keras.layers.Dense(size, dtype=policy, name="output")
        # The ear; files of weights know it by this name.
        self.hearing = Ear(config.ear, vocabulary.tokens, config.embedding, config.units, config.rhymes, policy)
        first = self.recurrent[0].cell
        self.state_layout = StateLayout(
            type(first).__name__ if self.has_own_cell else config.cell,
            config.units,
            config.layers,
            self.hearing.has_verse,
            sizes_of(first),
        )
        self.build((None, None))

    def build(self, input_shape: Any) -> None:
        """Create every variable, once; an optimizer must know them all before the first step."""
        if self.built:
            return
        self.embedding.build(input_shape)
        width = self.config.embedding + self.hearing.width
        for layer in self.recurrent:
            layer.build((None, None, width))
            width = self.config.units
        self.projection.build((None, width + self.hearing.width))
        self.built = True

    def initialize_from(self, counts: Any, embeddings: Any = None) -> None:
        """Start from the frequencies of tokens: set the output bias to log (n + 1), normalized.

        Otherwise the state of an untrained model learns to hold this bias, which asks for steps of several nats, and a
        deep one may never get over it.

        Args:
            counts: how often each token occurs, int `[V]`.
            embeddings: `[V, embedding]`, in place of the random ones where they are not zeros.
        """
        self.logit_bias.assign(np.log(np.add(counts, 1) / np.sum(np.add(counts, 1))))
        if embeddings is not None:
            known = np.any(embeddings, axis=1, keepdims=True)
            self.embedding.embeddings.assign(np.where(known, embeddings, self.embedding.embeddings))

    def count_params(self) -> int:
        """Return the number of parameters, also of layers that are frozen; the table of sounds is none."""
        return sum(math.prod(weight.shape) for weight in self.weights if weight.dtype != "bool")

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
            X_t: integers `[B, T]`.
            state: the state before the first token, in any nesting `step` takes; zeros by default.
            training: whether dropout is applied, and the gradients are those written by hand.
            dropout_seed: int `[2]`; the same seed drops the same values. A fresh one by default.
            first_row: the number of the first row in the batch that is spread over all replicas; dropout belongs
                to the row's number there.

        Returns:
            float32 `[B, T, V]`.

        Raises:
            TokenError: if the tokens have another shape, or are no integers.
            StateError: as `step`.
        """
        tokens = as_tokens(X_t, 2)
        if state is not None and tf.executing_eagerly():
            self.state_layout.require(state, tf.shape(tokens)[0])
        masks = Dropout(self.config, dropout_seed, first_row) if training else NO_DROPOUT
        return logits_of(self, read_sequence(self, tokens, state, masks))

    def read(self, X_t: Any, state: Any) -> tuple[Any, Any]:  # noqa: N803
        """Return the logits of every next token, as `call`, and the layers' state after the last one, flat."""
        read = read_sequence(self, X_t, state)
        return logits_of(self, read), read.after

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
        read = read_sequence(self, X_t, state, Dropout(self.config, dropout_seed, first_row))
        x, table, bias = output_of(self, read, tf.float32)
        return kernels().summed_nll(
            x, table, bias, tf.reshape(Y_t, [-1]), self.compute_dtype, *read.bonus_at
        ), read.after

    @property
    def logit_bias(self) -> Any:
        """The variable `[V]` that is added to the logits."""
        return self.output_bias if self.config.tied else self.projection.bias

    def step(self, token: Any, state: Any) -> tuple[Any, Any]:
        """Read one token of every row.

        Computed in float32, by plain operations, so that a traced step runs on any device.

        Args:
            token: integers `[B]`.
            state: canonically a tuple over layers of float32 `[B, units]` or, for the LSTM, pairs of them.
                Also taken, and returned as they came: a list over layers, pairs as lists, the flat sequence
                h0, c0, h1, c1, …, and for one layer the bare tensor or pair. If the model hears the verse, that is one
                more entry, int32 `[B, 4]`, the last of all; then nothing is bare.

        Returns:
            Logits float32 `[B, V]`, and the state after the token.

        Raises:
            TokenError: if the tokens have another shape, or are no integers.
            StateError: if the state has another number of entries or other widths than the model, or not as many rows
                as there are tokens, or numbers that are not finite. Within a graph, the last two are an
                `InvalidArgumentError` when it runs.
        """
        token, nested = as_tokens(token, 1), self.state_layout.nest(state)
        self.state_layout.require(nested, tf.shape(token)[0])
        logits, after = take_step(StepWeights(self), token, nested)
        return logits, tf.nest.pack_sequence_as(state, tf.nest.flatten(after))

    def loop_step(self) -> Callable[[Any, Any], tuple[Any, Any]]:
        """Return `step` for a loop, of canonical states, with `LoopWeights`."""
        return partial(take_step, LoopWeights(self))

    def get_next_token(self, token: Any, state: Any, sampler: Callable[[Any], Any] | None = None) -> tuple[Any, Any]:
        """Read one token of every row and choose the next one.

        Args:
            token: integers `[B]`.
            state: as in `step`.
            sampler: logits `[B, V]` to int32 `[B]`; the likeliest token by default.

        Returns:
            The next token, int32 `[B]`, and the state in the nesting it came in.
        """
        logits, state = self.step(token, state)
        chosen = tf.argmax(logits, axis=-1, output_type=tf.int32) if sampler is None else sampler(logits)
        return chosen, state

    def get_initial_state(
        self, batch_size: int, kind: str = "zero", stddev: float = STATE_STDDEV, seed: int | None = None
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
        if kind not in ("zero", "random"):
            raise ConfigError(f"An initial state of kind zero or random is required. Received: {kind}.")
        fresh = kind == "random" and seed is None
        first = tf.random.uniform([], 0, 2**31, tf.int64) if fresh else tf.constant(seed or 0, tf.int64)
        return self.state_layout.initial(first + tf.range(batch_size, dtype=tf.int64), kind == "random", stddev)

    def require_finite_weights(self) -> None:
        """Refuse weights that no training leaves behind.

        Raises:
            ValueError: if a weight is infinite or no number.
        """
        if not all(np.isfinite(weight).all() for weight in self.get_weights()):
            raise ValueError("weights that are no finite numbers")

    @classmethod
    @phase("loading the model")
    def from_saved_model(cls, path: str | Path, precision: str | None = "float32") -> "PoetryModel":
        """Rebuild the Keras model from a version folder, weights included.

        Raises:
            ModelError: if the folder is not a SavedModel written by this package, or is damaged.
        """
        path = Path(path)
        try:
            require_undamaged(path)
            config, _ = version_settings(path)
            model = cls(config, version_vocabulary(path), precision)
            reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
            keys = [f"weights/{i}/.ATTRIBUTES/VARIABLE_VALUE" for i in range(len(model.weights))]
            model.set_weights([reader.get_tensor(key) for key in keys])
            model.require_finite_weights()
        except ModelError:
            raise
        except (TangshiError, tf.errors.OpError, LookupError, ValueError, RuntimeError) as error:
            raise ModelError(f"An undamaged model folder is required: {path}. Received: {first_line(error)}.") from None
        return model
