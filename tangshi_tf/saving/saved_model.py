"""A model to a SavedModel folder, and back to an object that writes poems."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tangshi_tf.config import FORMAT, read_version, to_dict
from tangshi_tf.errors import ConfigError, ModelError, first_line
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.versions import add_version
from tangshi_tf.version import __version__

__all__ = ["export_model", "load"]

_README = """# A poet

A recurrent language model of Tang poems, written by tangshi-tf. TensorFlow alone can use it:

```python
import tensorflow as tf

poet = tf.saved_model.load("path/of/this/version")
poem = poet.generate("山", temperature=0.8, top_p=0.95, repetition_penalty=3.0, seed=1)["poem"]
print(poem.numpy()[0].decode())
```

`config.json` holds the model's sizes, `vocabulary.txt` its tokens, one a line in the order of their ids.
"""

_OFFERS = """
## What the loaded object offers

Docstrings do not survive loading; this is what its function `about` returns.

```text
{about}
```
"""


def export_model(
    model: PoetryModel, directory: str | Path, readme: str = "", metadata: Mapping[str, Any] | None = None
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
    """
    poet = Poet(model)
    poet.trace_steps()
    signatures = poet.signatures()
    config = {
        "format": FORMAT,
        "model": to_dict(model.config),
        "tensorflow": tf.__version__,
        "package": __version__,
        **(metadata or {}),
    }

    def write(made: Path) -> None:
        tf.saved_model.save(poet, str(made), signatures=signatures)
        extra = made / "assets.extra"
        extra.mkdir()
        text = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
        (extra / "config.json").write_text(text, encoding="utf-8")
        (extra / "vocabulary.txt").write_text(model.vocabulary.dumps(), encoding="utf-8", newline="\n")
        offers = _OFFERS.format(about=poet.about().numpy().decode())
        (extra / "README.md").write_text((readme or _README) + offers, encoding="utf-8")

    return add_version(directory, write)


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
