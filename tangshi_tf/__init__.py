"""Recurrent generation of classical Chinese poems with TensorFlow and Keras.

The public names stand in `__init__.pyi`. Each is loaded on first use, so that `tangshi-tf --help` and the corpus
start without TensorFlow.
"""

import sys

import lazy_loader

from tangshi_tf.old_paths import OldPaths

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
sys.meta_path.append(OldPaths(__name__))
