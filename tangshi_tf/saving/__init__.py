"""What training leaves behind: numbered SavedModels with their cards, and single steps for other runtimes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
