"""One step of a model for other runtimes: ONNX, LiteRT.

Strings, loops and random numbers stay behind: a program of the user's reads a token and a state, gets logits and the
next state, and chooses. The examples show such programs.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from tangshi_tf.config import FORMAT, PORTABLE, to_dict
from tangshi_tf.errors import ConfigError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.step import StepWeights, take_step
from tangshi_tf.saving.versions import add_version
from tangshi_tf.storage.temporaries import temporary
from tangshi_tf.vocabulary import SEPARATOR

__all__ = ["export_step"]

_FILES = {"onnx": "step.onnx", "litert": "step.tflite"}
_OPSET = 17  # of ONNX: understood by every onnxruntime since 1.12, of 2022

_README = """# One step of a poet: {file}

Inputs: `token` int32 [rows]; {states}.
Outputs: `next_token` int32 [rows], the likeliest; `logits` float32 [rows, {size}]; and, as the inputs, the state after
the token: {nexts}.

Begin with a state of zeros, or of normal numbers of standard deviation 0.5 (int32: zeros), and with the token 1,
`<bos>`; then feed one token after the other, each with the state before it, and choose the next by its logits until it
is 2, `<eos>`.

`vocabulary.txt` has one token a line in the order of their ids and, after tabs, the characters that are read as it.
The first ones are special and never printed: {specials}. `<unk>` stands for what is unknown{titled}.
"""


class _Step(tf.Module):
    """The step alone, over the variables of a model."""

    def __init__(self, model: PoetryModel) -> None:
        super().__init__()
        self.weights = [weight.value for weight in model.weights]
        self.inputs = [tf.TensorSpec([None], tf.int32, name="token"), *model.state_layout.specs]

        def step(token: Any, *state: Any) -> dict[str, Any]:
            # Without the checks of `PoetryModel.step`, which these formats have no operations for.
            logits, nested = take_step(StepWeights(model), token, model.state_layout.nest(state))
            after = tf.nest.flatten(nested)
            outputs = {"next_token": tf.argmax(logits, axis=-1, output_type=tf.int32), "logits": logits}
            return outputs | {f"next_state_{i}": entry for i, entry in enumerate(after)}

        self.step = tf.function(step, input_signature=self.inputs)


def export_step(version: str | Path, directory: str | Path, form: str) -> Path:
    """Write the step of a SavedModel in another format, as the next version in `directory`.

    Args:
        version: a version folder written by this package.
        directory: holds the versions; made if it is missing.
        form: ``"onnx"``, which asks for tf2onnx, or ``"litert"``.

    Returns:
        The folder of the new version: the step, `vocabulary.txt`, `config.json` and `README.md`.

    Raises:
        ConfigError: if the format is another one.
        ImportError: if what the format asks for is not installed.
        ModelError: if the version is not one of ours, or the folder cannot be written. Nothing is left behind.
    """
    if form not in PORTABLE:
        raise ConfigError(f"A format out of {', '.join(PORTABLE)} is required. Received: {form}.")
    model = PoetryModel.from_saved_model(version)
    step = _Step(model)
    converted = _onnx(step) if form == "onnx" else _litert(step)
    vocabulary, specs = model.vocabulary, model.state_layout.specs
    readme = _README.format(
        file=_FILES[form],
        states=", ".join(f"`{spec.name}` {spec.dtype.name} [rows, {spec.shape[1]}]" for spec in specs),
        nexts=", ".join(f"`next_{spec.name}`" for spec in specs),
        size=len(vocabulary),
        specials=", ".join(f"`{token}`" for token in vocabulary.tokens[: vocabulary.specials]),
        titled=f"; a title may be fed after `<bos>`, with `{SEPARATOR}` after it" if vocabulary.separator else "",
    )

    def write(made: Path) -> None:
        (made / _FILES[form]).write_bytes(converted)
        (made / "vocabulary.txt").write_text(model.vocabulary.dumps(), encoding="utf-8", newline="\n")
        config = {"format": FORMAT, "model": to_dict(model.config), "tensorflow": tf.__version__}
        (made / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (made / "README.md").write_text(readme, encoding="utf-8")

    return add_version(directory, write)


def _onnx(step: _Step) -> bytes:
    import tf2onnx

    proto, _ = tf2onnx.convert.from_function(step.step, input_signature=step.inputs, opset=_OPSET)
    for value in [*proto.graph.input, *proto.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "rows"
    return proto.SerializeToString()


def _litert(step: _Step) -> bytes:
    folder = tempfile.mkdtemp()
    with temporary(Path(folder)):  # only a SavedModel's names of inputs and outputs are kept
        tf.saved_model.save(step, folder, signatures={"step": step.step.get_concrete_function()})
        return tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["step"]).convert()
