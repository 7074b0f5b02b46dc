"""How a model learns: tasks, optimizer, trainer, and the run that holds them together."""

from typing import Any

import lazy_loader

from tangshi_tf.keras_backend import require_tensorflow

require_tensorflow()  # before a module of this package imports Keras
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "token_nll":  # stood here in version 0.1
        from tangshi_tf.model.loss import token_nll

        return token_nll
    return _load(name)
