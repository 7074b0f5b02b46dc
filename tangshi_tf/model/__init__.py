"""The network: its cells, its loss, one step of it, and its ear for tones and rhymes."""

import lazy_loader

from tangshi_tf.keras_backend import require_tensorflow

require_tensorflow()  # before a module of this package imports Keras
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
