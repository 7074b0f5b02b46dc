"""What Keras asks of a model that it saves, copies, exports and fits."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tangshi_tf.config import ModelConfig, from_dict
from tangshi_tf.errors import ConfigError
from tangshi_tf.vocabulary import EOS, PAD, Vocabulary

__all__ = ["KerasModel"]


class KerasModel(keras.Model):
    """The base of `PoetryModel`, which has its attributes, and its layers in `recurrent`."""

    config: ModelConfig
    vocabulary: Vocabulary
    has_own_cell: bool
    recurrent: Any

    # To save and to copy: the configuration holds all that the constructor asks for, the vocabulary among it.

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads: with the weights beside it, that is the whole model."""
        cells = [keras.saving.serialize_keras_object(layer.cell) for layer in self.recurrent]
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype_policy.name,
            "config": asdict(self.config),
            "vocabulary": self.vocabulary.dumps(),
            "cell": cells if self.has_own_cell else None,
            "frozen": [layer.name for layer in self.layers if not layer.trainable],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        """Build the model that `get_config` describes, with new weights.

        Raises:
            TangshiError: if it describes none.
        """
        values = dict(config)
        if not {"config", "vocabulary"} <= values.keys():
            raise ConfigError(
                "A configuration with config and vocabulary, from get_config, is required. "
                f"Received: {', '.join(map(str, values)) or 'nothing'}."
            )
        frozen, cells = values.pop("frozen", ()), values.pop("cell", None)
        settings = from_dict(ModelConfig, values.pop("config"))
        vocabulary = Vocabulary.loads(values.pop("vocabulary"))
        if cells:
            with keras.saving.custom_object_scope(custom_objects or {}):
                values["cell"] = [keras.saving.deserialize_keras_object(cell) for cell in cells]
        model = cls(settings, vocabulary, **values)
        for name in frozen:
            model.get_layer(name).trainable = False
        return model

    def save(self, filepath: str | Path, *args: Any, **kwargs: Any) -> None:
        """Write the whole model, see `keras.Model.save`.

        Raises:
            ConfigError: for a file of HDF5, from which Keras could not read the model again.
        """
        if Path(filepath).suffix in (".h5", ".hdf5"):
            raise ConfigError(
                "A file .keras is required (for the weights alone, save_weights and .weights.h5). "
                f"Received: {filepath}."
            )
        super().save(filepath, *args, **kwargs)

    # To export: the input is tokens, where Keras takes its default, float32.

    @property
    def _default_save_signature(self) -> Any:
        """The signature of `tf.saved_model.save`."""

        @tf.function(input_signature=[self._get_save_spec()])
        def serving_default(X_t: Any) -> Any:  # noqa: N803
            return self(X_t)

        return serving_default

    def _get_save_spec(self, dynamic_batch: bool = True) -> Any:
        """Return the input that TensorFlow's exporters take."""
        return tf.TensorSpec([None if dynamic_batch else 1, None], tf.int32, name="X_t")

    def export(self, filepath: str | Path, *args: Any, **kwargs: Any) -> None:
        """Write `call` for inference, see `keras.Model.export`; its input is tokens, int32 `[B, T]`.

        A whole poet, which turns strings into poems, is what `tangshi_tf.export_model` writes.
        """
        if "input_signature" in inspect.signature(super().export).parameters:
            kwargs.setdefault("input_signature", [self._get_save_spec()])
        super().export(filepath, *args, **kwargs)

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        """Refuse to quantize.

        Raises:
            ConfigError: always: Keras quantizes no recurrent layers, and the embedding is the output matrix too.
        """
        raise ConfigError(
            "An exported step is required to quantize (tangshi-tf export --format litert or onnx, and the tools of "
            "these formats). Received: a Keras model, whose recurrent layers Keras cannot quantize."
        )

    # To fit: what has no target has no loss.

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return which logits have a target, bool `[B, T]`: losses and metrics of Keras leave the others out.

        Padding, the end token and a title, which is all before a separator, have no target.
        """
        ops = keras.ops  # those of TensorFlow cannot compute with what `keras.Input` gives
        tokens = ops.cast(inputs, "int32")
        learnt = ops.logical_and(ops.not_equal(tokens, PAD), ops.not_equal(tokens, EOS))
        if self.vocabulary.separator is None:
            return learnt
        ends = ops.cast(ops.equal(tokens, self.vocabulary.separator), "int32")
        return ops.logical_and(learnt, ops.equal(ops.cumsum(ends, axis=1), ops.sum(ends, axis=1, keepdims=True)))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch, see `keras.Model.compute_loss`.

        Raises:
            ConfigError: for a loss of probabilities, which would read the logits as such; or for one weight a row,
                which Keras makes of `class_weight` too: of the likeliest class, where there are sequences.
        """
        if _answers_logits(self) and any(map(_takes_probabilities, tf.nest.flatten(self.loss))):
            raise ConfigError(
                "A loss of logits is required, such as SparseCategoricalCrossentropy(from_logits=True). "
                f"Received: {self.loss}."
            )
        if sample_weight is not None and tf.convert_to_tensor(sample_weight).shape.rank == 1:
            raise ConfigError(
                "Weights of tokens [B, T], or of rows [B, 1], are required in sample_weight, and no class_weight. "
                f"Received: {sample_weight.shape}."
            )
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_output_shape(self, input_shape: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Return the shape of the logits."""
        return (*input_shape, len(self.vocabulary))


def _answers_logits(model: KerasModel) -> bool:
    """Tell whether `call` is that of `PoetryModel`, and not one of the user's own."""
    return any(cls.__base__ is KerasModel and type(model).call is vars(cls)["call"] for cls in type(model).__mro__)


def _takes_probabilities(loss: Any) -> bool:
    """Tell whether a loss, as `compile` takes it, has the argument `from_logits` and leaves it False."""
    if isinstance(loss, keras.losses.Loss):
        return loss.get_config().get("from_logits") is False
    function = keras.losses.get(loss)
    if isinstance(function, keras.losses.Loss):
        return _takes_probabilities(function)
    parameter = inspect.signature(function).parameters.get("from_logits") if callable(function) else None
    return parameter is not None and parameter.default is False
