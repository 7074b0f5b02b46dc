"""Write a model, or the best weights of a run, as a SavedModel; load one."""

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tangshi_tf.config import BOX, FORMAT, to_dict
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.errors import CheckpointError, ConfigError, CorpusError, ModelError, TangshiError, first_line
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.phases import phase
from tangshi_tf.saving.fine_tuning import score_base
from tangshi_tf.saving.model_card import course_of, model_card, results_of, short_card
from tangshi_tf.saving.versions import add_version, find_model
from tangshi_tf.storage.digests import DIGESTS, digests_of
from tangshi_tf.storage.version_folder import CARD, EXTRA, read_card, read_version, require_undamaged
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import make_task
from tangshi_tf.version import __version__

__all__ = ["export_again", "export_model", "load", "load_model", "load_poet", "publish"]

_OFFERS_TITLE = "\n## What the loaded object offers\n"
_OFFERS = """
Docstrings do not survive loading; this is what its function `about` returns.

```text
{about}
```
"""


@phase("exporting the model")
def export_model(
    model: PoetryModel, directory: str | Path, *, readme: str = "", metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write a model as the next version in `directory`; no version is ever overwritten.

    Args:
        model: the model to write.
        directory: holds the versions; made if it is missing.
        readme: text of `assets.extra/README.md`, to which what the object offers is added; by default how to load it.
        metadata: further entries of `assets.extra/config.json`, such as training settings and perplexities.

    Returns:
        The folder of the new version.

    Raises:
        ModelError: if the folder cannot be written. Nothing is left behind.

    Example:
        >>> from tangshi_tf import ModelConfig, Vocabulary
        >>> vocabulary = Vocabulary.build(["白日依山尽，黄河入海流。"], min_count=1)
        >>> model = PoetryModel(ModelConfig(units=8, embedding=8, titles=False), vocabulary)
        >>> export_model(model, "saved_models/mine").name
        '1'
    """
    if any(getattr(layer, "lora_enabled", False) for layer in model.layers):
        model = copy.copy(model)  # which has the sum of weights and LoRA as its weights
    poet = Poet(model)
    signatures = poet.signatures()
    config = {
        "format": FORMAT,
        "model": to_dict(model.config) | {"cell": model.state_layout.cell},
        "tensorflow": tf.__version__,
        "package": __version__,
        **(metadata or {}),
    }

    def write(made: Path) -> None:
        tf.saved_model.save(poet, str(made), signatures=signatures)
        extra = made / EXTRA
        extra.mkdir()
        text = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
        (extra / "config.json").write_text(text, encoding="utf-8")
        (extra / "vocabulary.txt").write_text(model.vocabulary.dumps(), encoding="utf-8", newline="\n")
        offers = _OFFERS_TITLE + _OFFERS.format(about=poet.about().numpy().decode())
        (made / CARD).write_text((readme or short_card(model.config.kind)) + offers, encoding="utf-8")
        (extra / DIGESTS).write_text(digests_of(made), encoding="utf-8")

    return add_version(directory, write)


def publish(run: Run, directory: str | Path, corpus: Corpus | Prose, *, last: bool = False) -> Path:
    """Score the best weights of a run in float32 and export them, with a card that says how they came about.

    Args:
        run: a run that has learnt something. Before its first epoch is finished, its last weights are exported.
        directory: ``saved_models/NAME``; the next free number in it is taken.
        corpus: what the run was trained on.
        last: export the last weights, those of the checkpoint, in place of the best.

    Returns:
        The folder of the new version.

    Raises:
        TangshiError: if the run has learnt nothing, was trained on another corpus, cannot be exported, or is being
            trained and has replaced the weights while they were read.

    Example:
        >>> from tangshi_tf import ModelConfig, TrainingConfig, fit, read_corpus
        >>> for file, poem in {"a.txt": "春眠不觉晓，处处闻啼鸟。", "b.txt": "红豆生南国，春来发几枝。"}.items():
        ...     _ = Path(file).write_text(poem, encoding="utf-8")
        >>> corpus = read_corpus(["a.txt", "b.txt"])
        >>> run = fit(corpus, "runs/ours", ModelConfig(units=8, embedding=8), TrainingConfig(epochs=1, min_count=1))
        >>> publish(run, "saved_models/ours", corpus).name
        '1'
    """
    last = last or not run.history
    if last and run.progress is None:
        raise CheckpointError(f"A run that has saved a checkpoint is required. Received: {run.folder}.")
    task = make_task(corpus, run.model_config, run.training_config, run.vocabulary)
    if run.manifest.get("corpus") != task.digest:
        raise CorpusError(f"The corpus that {run.folder} was trained on is required. Received: another one.")
    # To score the model takes minutes, in which the run may be trained further: all that is told of it is read before.
    digest = run.weights_digest(last=last)
    course = course_of(run, last=last)
    model = run.load_model(last=last)
    if run.weights_digest(last=last) != digest:
        raise CheckpointError(f"Weights that stay while they are read are required. Received new ones: {run.folder}.")
    results = results_of(model, corpus)
    metadata = {
        "training": asdict(run.training_config),
        "manifest": course.manifest,
        "perplexity": results.perplexity | score_base(run, model),
        "weights": digest,
    }
    card = model_card(run.model_config, course, task, results, last=last)
    return export_model(model, directory, readme=card, metadata=metadata)


def export_again(version: str | Path, directory: str | Path) -> Path:
    """Write a version once more, with the graph of this package and the same weights, card and metadata.

    Args:
        version: a version folder.
        directory: holds the versions; the next free number in it is taken.

    Returns:
        The folder of the new version.

    Raises:
        ModelError: if the version is missing or damaged, or the folder cannot be written.
    """
    version = Path(version)
    model = PoetryModel.from_saved_model(version)
    own = {"format", "model", "tensorflow", "package"}
    metadata = {name: value for name, value in read_version(version).items() if name not in own}
    readme = read_card(version).partition(_OFFERS_TITLE)[0]
    return export_model(model, directory, readme=readme, metadata=metadata)


@phase("loading the model")
def load(path: str | Path) -> Any:
    """Open a version folder: the loaded object has the functions that its `about` describes.

    Raises:
        ModelError: if the folder is missing, damaged, or not one of ours.
    """
    path = Path(path)
    try:
        read_version(path)
        require_undamaged(path)
        if (path / "fingerprint.pb").exists():  # of a damaged one, load logs a traceback and goes on
            tf.saved_model.experimental.read_fingerprint(str(path))
        poet = tf.saved_model.load(str(path))
    except ModelError:
        raise
    except (
        ConfigError,
        tf.errors.OpError,
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise ModelError(f"An undamaged model folder is required: {path}. Received: {first_line(error)}.") from None
    if not hasattr(poet, "generate"):
        raise ModelError(f"A model folder with a function generate is required. Received: {path}.")
    return poet


def load_poet(name_or_path: str | Path = BOX) -> Any:
    """Open a model to write with, by default the one inside the package; see `load`.

    Args:
        name_or_path: a name, a folder of versions or a version folder, as `find_model` takes them.

    Raises:
        ModelError: if there is none, or it is damaged.

    Example:
        >>> poet = load_poet()
        >>> poet.generate("山", seed=1, temperature=1.0, top_p=0.85)["poem"].numpy()[0].decode()[0]
        '山'
    """
    return load(find_model(str(name_or_path)))


def load_model(name_or_path: str | Path = BOX, precision: str | None = "float32") -> PoetryModel:
    """Return a Keras model with its weights, by default the one inside the package: to train on, or to take apart.

    Args:
        name_or_path: as of `load_poet`; or a file `.keras` that `model.save` has written, which is loaded in the
            precision and with the optimizer that it was saved with.
        precision: see `PoetryModel`.

    Raises:
        ModelError: if there is none, or it is damaged.

    Example:
        >>> model = load_model()
        >>> model.config.cell, model.config.units
        ('lstm', 640)
    """
    if not str(name_or_path).endswith(".keras"):
        return PoetryModel.from_saved_model(find_model(str(name_or_path)), precision)
    try:
        model = keras.models.load_model(name_or_path)
    except (TangshiError, OSError, ValueError, TypeError, LookupError) as error:
        raise ModelError(
            f"A file of a PoetryModel is required: {name_or_path}. Received: {first_line(error)}."
        ) from None
    if not isinstance(model, PoetryModel):
        raise ModelError(f"A file of a PoetryModel is required. Received: one of {type(model).__name__}.")
    return model
