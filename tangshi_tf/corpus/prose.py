"""Files of running text to one stream of tokens, with a part each for training, validation and test.

The stream holds the number of each token's type: 4 bytes a token, which is all that stays in memory.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tangshi_tf.corpus.readers import read_text, text_files
from tangshi_tf.corpus.splitting import SPLITS
from tangshi_tf.corpus.unpacking import LIMIT_GB
from tangshi_tf.corpus.words import segmenter as find_segmenter
from tangshi_tf.errors import ConfigError, CorpusError
from tangshi_tf.vocabulary import Vocabulary, count_ids

__all__ = ["SHARES", "Prose", "read_prose"]

SHARES = (90.0, 5.0, 5.0)
_BLOCK = 1 << 20  # characters, or tokens, that are dealt with at once
_Stream = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Prose:
    """A text, or several one after the other.

    Attributes:
        types: the distinct tokens.
        stream: int32 `[N]`, each token as the place of its type.
        shares: of the stream, for each name in `SPLITS`, in percent.

    Example:
        >>> prose = Prose(("山", "水"), np.array([0, 1, 0, 0], np.int32), (50.0, 25.0, 25.0))
        >>> prose.part("train").tolist(), prose.counts()
        ([0, 1], {'山': 3, '水': 1})
    """

    types: tuple[str, ...]
    stream: _Stream
    shares: tuple[float, float, float] = SHARES

    def part(self, split: str = "all") -> _Stream:
        """Return a part of the stream: of a name in `SPLITS`, in the order of which they follow each other, or all.

        Raises:
            CorpusError: for any other name.
        """
        if split == "all":
            return self.stream
        if split not in SPLITS:
            raise CorpusError(f"A split is required: {', '.join(SPLITS)} or all. Received: split={split!r}")
        place = SPLITS.index(split)
        edges = np.round(len(self.stream) * np.cumsum([0.0, *self.shares]) / sum(self.shares)).astype(np.int64)
        return self.stream[edges[place] : edges[place + 1]]

    def counts(self, split: str = "all") -> dict[str, int]:
        """Return how often each type occurs in a part; types that do not are left out."""
        counts = count_ids(self.part(split), len(self.types)).tolist()
        return {token: times for token, times in zip(self.types, counts, strict=True) if times}

    def ids(self, vocabulary: Vocabulary, split: str = "all") -> _Stream:
        """Return a part of the stream as ids of a vocabulary."""
        return self.ids_of_types(vocabulary)[self.part(split)]

    def ids_of_types(self, vocabulary: Vocabulary) -> _Stream:
        """Return the id of each type, int32."""
        return np.array(vocabulary.encode(self.types), np.int32)

    @cached_property
    def digest(self) -> str:
        """A SHA-256 of the text and its split."""
        digest = hashlib.sha256("\t".join([*self.types, *map(str, self.shares)]).encode())
        for first in range(0, len(self.stream), _BLOCK):
            digest.update(self.stream[first : first + _BLOCK].tobytes())
        return digest.hexdigest()


def read_prose(
    paths: Sequence[str | Path],
    unit: str = "char",
    segmenter: str = "whitespace",
    shares: tuple[float, float, float] = SHARES,
    progress: Callable[[float], None] = lambda share: None,
    limit_gb: float = LIMIT_GB,
) -> Prose:
    r"""Read plain text, in any encoding that `corpus.encodings` knows, plain or packed with gzip, xz or bzip2.

    Args:
        paths: files, and folders whose files are taken in the order of their names. A text ends with a line break.
        unit: see `corpus.words.segmenter`.
        segmenter: see `corpus.words.segmenter`.
        shares: of the text to train on, to validate and to test, in this order: in percent, or any other measure.
        progress: told now and then which share of the files is read.
        limit_gb: the most that is read of a file, in GB, unpacked.

    Raises:
        CorpusError: if a file is missing, empty, damaged or no text.
        ConfigError: if the shares are none, or the segmenter is not installed.

    Example:
        >>> file = Path("text.txt")
        >>> _ = file.write_text("To be, or not to be.", encoding="utf-8")
        >>> prose = read_prose([file], unit="word")
        >>> prose.types
        ('To', 'be,', 'or', 'not', 'to', 'be.', '\n')
    """
    if min(shares) < 0 or shares[0] <= 0 or shares[1] <= 0:
        raise ConfigError(
            "Shares to train on and to validate above 0, and to test of at least 0, are required. "
            f"Received: {' '.join(f'{share:g}' for share in shares)}."
        )
    cut = find_segmenter(unit, segmenter)
    files = [file for path in paths for file in text_files(Path(path))]
    if not files:
        raise CorpusError("At least one text file is required. Received: none")
    numbers: dict[str, int] = {}
    stream = array("i")  # it grows in place
    for done, file in enumerate(files):
        text = read_text(file, limit_gb)
        text += "" if text.endswith("\n") else "\n"
        for block, read in _blocks(text):
            if unit == "char":
                stream.frombytes(_characters(block, numbers).tobytes())
            else:
                stream.extend(numbers.setdefault(word, len(numbers)) for word in cut(block))
            progress((done + read / len(text)) / len(files))
    return Prose(tuple(numbers), np.frombuffer(stream, np.int32), shares)


def _blocks(text: str) -> Iterator[tuple[str, int]]:
    """Yield whole lines, about a million characters of them at a time, and how many characters that makes so far."""
    first = 0
    while first < len(text):
        end = text.find("\n", first + _BLOCK) + 1 or len(text)
        yield text[first:end], end
        first = end


def _characters(text: str, numbers: dict[str, int]) -> _Stream:
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    present = np.flatnonzero(np.bincount(codes))
    places = np.zeros(present[-1] + 1, np.int32)
    places[present] = [numbers.setdefault(chr(code), len(numbers)) for code in present.tolist()]
    return places[codes]
