"""Recurrent generation of classical Chinese poems with TensorFlow and Keras.

Names are loaded on first use, so that `tangshi-tf --help` and the corpus tools start without TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tangshi_tf.config import ModelConfig, TrainingConfig
    from tangshi_tf.corpus import Corpus, Poem, read_corpus
    from tangshi_tf.errors import TangshiError
    from tangshi_tf.evaluation import evaluate
    from tangshi_tf.model import PoetryModel
    from tangshi_tf.poet import Poet
    from tangshi_tf.publication import publish
    from tangshi_tf.run import fit
    from tangshi_tf.vocabulary import Vocabulary

__version__ = "0.1.0"

_MODULES = {
    "Corpus": "corpus",
    "ModelConfig": "config",
    "Poem": "corpus",
    "Poet": "poet",
    "PoetryModel": "model",
    "TangshiError": "errors",
    "TrainingConfig": "config",
    "Vocabulary": "vocabulary",
    "evaluate": "evaluation",
    "fit": "run",
    "publish": "publication",
    "read_corpus": "corpus",
}

__all__ = [
    "Corpus",
    "ModelConfig",
    "Poem",
    "Poet",
    "PoetryModel",
    "TangshiError",
    "TrainingConfig",
    "Vocabulary",
    "evaluate",
    "fit",
    "publish",
    "read_corpus",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tangshi_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tangshi_tf.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
