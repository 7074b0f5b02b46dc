"""Which lines and runs of characters of a poem stand in the training poems already."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tangshi_tf.corpus.cleaning import fold, han_only
from tangshi_tf.verse.forms import lines_of

__all__ = ["SHORTEST", "TrainingLines", "longest_shared"]

SHORTEST = 5  # characters of a line that counts as copied; shorter ones, such as 君不见, are everybody's
_SEPARATOR = 10  # the code of a line break
_CODE_BITS = 21  # of a character in Unicode


class TrainingLines:
    """The lines of training poems.

    Args:
        texts: clean, as `corpus.clean` returns them.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """See the class."""
        self._lines = frozenset(line for text in texts for line in lines_of(text) if len(line) >= SHORTEST)

    def __contains__(self, line: object) -> bool:
        """Tell whether a line stands in a training poem."""
        return line in self._lines

    def copied(self, poem: str, begin: str = "") -> list[str]:
        """Return the lines of a poem, of at least `SHORTEST` characters, that stand in a training poem.

        Args:
            poem: as a poet writes it.
            begin: what it was told to begin with; lines that end within it are not the poet's.
        """
        poem, begin = (fold("".join(text.split())) for text in (poem, begin))
        found, end = [], 0
        for line in lines_of(poem):
            end = poem.index(line, end) + len(line)
            if line in self and end > len(begin):
                found.append(line)
        return found


def longest_shared(texts: Sequence[str], others: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return for each text `[N]` the length of the longest run of characters that it shares with any of the others.

    Marks do not count. All runs of n characters that stand on both sides are numbered. Only these, followed by one more
    character, can be shared at n + 1.
    """
    own, foreign = ("".join(han_only(text) + "\n" for text in side) for side in (texts, others))
    codes = np.frombuffer((own + foreign).encode("utf-32-le"), np.uint32).astype(np.int64)
    owner = np.cumsum(codes == _SEPARATOR)
    longest = np.zeros(len(texts), np.int64)
    starts = np.flatnonzero(codes != _SEPARATOR)
    names = np.zeros(len(starts), np.int64)
    size = 0
    while starts.size:
        longest[owner[starts[starts < len(own)]]] = size
        inside = codes[starts + size] != _SEPARATOR
        starts, names = starts[inside], names[inside]
        names = np.unique(names << _CODE_BITS | codes[starts + size], return_inverse=True)[1]
        ours = starts < len(own)
        shared = (np.bincount(names, ours) > 0) & (np.bincount(names, ~ours) > 0)
        starts, names = starts[shared[names]], names[shared[names]]
        size += 1
    return longest
