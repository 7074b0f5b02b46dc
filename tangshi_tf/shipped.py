"""Find what the package carries: the corpus, the character table and the model in the box.

In a wheel these files lie inside the package; in a checkout (editable install) they lie at the
repository's root, under the same relative names.
"""

from pathlib import Path

from tangshi_tf.errors import TangshiError

__all__ = ["find_resource"]

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
