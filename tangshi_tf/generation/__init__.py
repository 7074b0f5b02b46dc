"""From a request to a poem, inside one graph: strings to ids, ids to ids, ids to strings."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
