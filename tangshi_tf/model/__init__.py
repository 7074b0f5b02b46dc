"""The network: its cells, its loss, one step of it, and its ear for tones and rhymes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
