"""A model to a numbered SavedModel folder, and back to an object that writes poems.

`saved_models/NAME/1`, `2`, …: TensorFlow Serving's own layout. A version appears complete or not at all.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

import tangshi_tf
from tangshi_tf.config import BOX, FORMAT, read_version
from tangshi_tf.errors import ConfigError, ModelError, first_line
from tangshi_tf.model import PoetryModel
from tangshi_tf.poet import Poet
from tangshi_tf.resources import find_resource

__all__ = ["export", "find_model", "latest_version", "load"]


_GRAPH = "saved_model.pb"

_README = """# A poet

A recurrent language model of Tang poems, written by tangshi-tf. TensorFlow alone can use it:

    import tensorflow as tf

    poet = tf.saved_model.load("path/of/this/version")
    print(poet.generate("山", temperature=0.8, seed=1)["poem"].numpy()[0].decode())
    print(poet.about().numpy().decode())

`config.json` holds the model's sizes, `vocabulary.txt` its tokens, one a line in the order of their ids.
"""


def export(
    model: PoetryModel, directory: str | Path, readme: str = "", metadata: Mapping[str, Any] | None = None
) -> Path:
    """Write a model as the next version in `directory`; no version is ever overwritten.

    Args:
        model: the model to write.
        directory: holds the versions; made if it is missing.
        readme: text of `assets.extra/README.md`; by default how to load the folder.
        metadata: further entries of `assets.extra/config.json`, such as training settings and perplexities.

    Returns:
        The folder of the new version.

    Raises:
        ModelError: if the folder cannot be written. Nothing is left behind.
    """
    directory = Path(directory)
    poet = Poet(model)
    poet.trace_steps()
    signatures = poet.signatures()
    config = {
        "format": FORMAT,
        "model": asdict(model.config),
        "tensorflow": tf.__version__,
        "package": tangshi_tf.__version__,
        **(metadata or {}),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=directory) as hidden:
            made = Path(hidden) / "version"
            tf.saved_model.save(poet, str(made), signatures=signatures)
            extra = made / "assets.extra"
            extra.mkdir()
            text = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
            (extra / "config.json").write_text(text, encoding="utf-8")
            (extra / "vocabulary.txt").write_text(model.vocabulary.dumps(), encoding="utf-8", newline="\n")
            (extra / "README.md").write_text(readme or _README, encoding="utf-8")
            return _publish(made, directory)
    except (OSError, tf.errors.OpError) as error:
        raise ModelError(f"A writable folder is required: {directory}. Received: {first_line(error)}.") from None


def latest_version(directory: str | Path) -> Path | None:
    """Return the version folder with the highest number in `directory`, or None if there is none."""
    directory = Path(directory)
    numbers = [number for number in _numbers(directory) if (directory / str(number) / _GRAPH).is_file()]
    return directory / str(max(numbers)) if numbers else None


def find_model(model: str) -> Path:
    """Return the version folder that a user means.

    Args:
        model: a version folder, or a folder of versions, whose highest is taken; or a name, which means the highest
            version in ``./saved_models/NAME`` and, for the name of the model in the box, else that one.

    Raises:
        ModelError: if there is none.
    """
    path = Path(model)
    found: Path | None = None
    if (path / _GRAPH).is_file():
        found = path
    elif path.name != model:
        found = latest_version(path)
    elif model:
        found = latest_version(Path("saved_models") / model)
        if found is None and model == BOX:
            found = latest_version(find_resource(f"saved_models/{BOX}"))
    if found is None:
        names = sorted(entry.name for entry in Path("saved_models").glob("*") if latest_version(entry))
        raise ModelError(
            f"A name in ./saved_models ({', '.join(names) or 'none here'}) or a folder with a SavedModel is required. "
            f"Received: {model!r}."
        )
    return found


def load(path: str | Path) -> Any:
    """Open a version folder: the loaded object has the functions that its `about` describes.

    Raises:
        ModelError: if the folder is missing, damaged, or not one of ours.
    """
    path = Path(path)
    try:
        read_version(path)
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


def _publish(made: Path, directory: Path) -> Path:
    """Move a finished folder to the next free number; another process may take that number first."""
    while True:
        version = directory / str(max(_numbers(directory), default=0) + 1)
        try:
            return made.rename(version)
        except OSError:
            if not version.exists():
                raise


def _numbers(directory: Path) -> list[int]:
    names = [entry.name for entry in directory.iterdir()] if directory.is_dir() else []
    return [int(name) for name in names if name.isascii() and name.isdecimal() and name == str(int(name))]
