"""How a model learns: tasks, optimizer, trainer, and the run that holds them together."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
