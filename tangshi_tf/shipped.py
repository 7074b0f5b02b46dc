"""Find the files inside the package: the corpus, the tables of characters, the trained model.

In a wheel these files lie inside the package; in a checkout (editable install) they lie at the
repository's root, under the same relative names.
"""

import lzma
from functools import lru_cache
from pathlib import Path

from tangshi_tf.errors import TangshiError

__all__ = ["find_resource", "shipped_types"]

_PACKAGE = Path(__file__).resolve().parent


def find_resource(name: str) -> Path:
    """Return the path of a shipped file or folder, inside the package first, else beside it.

    Args:
        name: path relative to the repository's root, for example ``"data/tangshi.tsv.xz"``.

    Raises:
        TangshiError: if neither place holds it.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        path = root / name
        if path.exists():
            return path
    raise TangshiError(
        f"A shipped file is required: {name}. Received: an installation without it; reinstall tangshi-tf."
    )


@lru_cache(maxsize=1)
def shipped_types() -> frozenset[str]:
    """Return the types of the shipped corpus: every character and mark of its texts."""
    rows = lzma.decompress(find_resource("data/tangshi.tsv.xz").read_bytes()).decode().splitlines()[1:]
    return frozenset().union(*(row.rsplit("\t", 1)[1] for row in rows))
