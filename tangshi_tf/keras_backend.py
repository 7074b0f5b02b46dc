"""Refuse a Keras that computes with something else than TensorFlow, before it is imported."""

import json
import os
import sys
from pathlib import Path

from tangshi_tf.errors import ConfigError

__all__ = ["require_tensorflow"]


def require_tensorflow() -> None:
    """Look where Keras looks for its backend: in itself, if it is loaded, in KERAS_BACKEND, in `keras.json`.

    Raises:
        ConfigError: if it is not TensorFlow.
    """
    chosen = _chosen()
    if chosen != "tensorflow":
        raise ConfigError(f"Keras on TensorFlow is required (KERAS_BACKEND=tensorflow). Received: {chosen}.")


def _chosen() -> str:
    if keras := sys.modules.get("keras"):
        return str(keras.config.backend())
    if backend := os.environ.get("KERAS_BACKEND"):
        return backend
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return str(json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
