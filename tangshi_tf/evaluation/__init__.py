"""How good a model is: perplexity, and generated verse beside real verse."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
