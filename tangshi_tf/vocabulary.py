r"""Tokens and their ids, both ways, in Python and as a table inside the graph.

A vocabulary file holds one token a line; the line number is its id. After the token, separated by tabs, stand the
characters that are read as it: after 风 its traditional form 風, and after the unknown token the characters or words
that were too rare to be learnt. So one file says how any text is read. A line break is written \n, a tab \t, a carriage
return \r and a backslash \\.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tangshi_tf.errors import VocabularyError, first_line
from tangshi_tf.shipped import shipped_types

__all__ = ["BOS", "EOS", "PAD", "SEPARATOR", "SPECIALS", "UNK", "Vocabulary", "count_ids"]

PAD, BOS, EOS, UNK = range(4)
SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")
SEPARATOR = "<sep>"  # between title and text: a fifth special token, if titles are read

_BLOCK = 1 << 20  # ids counted at a time
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_MEANT = {escape: character for character, escape in _ESCAPES.items()}


class Vocabulary:
    """An ordered list of characters, or words, after the special tokens.

    Args:
        tokens: the characters or words in the order of their ids, specials left out.
        variants: a character to the character it is read as; pairs whose target is not in `tokens` are ignored.
        rare: characters known to exist that are read as the unknown token. When a text is scored, they share its
            probability equally.
        titled: whether a separator is among the special tokens.

    Attributes:
        tokens: all of them, specials first: id to token.
        ids: token to id.
        specials: the number of special tokens.
        separator: the id of SEP; None without it.

    Example:
        >>> vocabulary = Vocabulary.build(["春眠不觉晓，", "春风，"], min_count=2, variants={"風": "风"})
        >>> vocabulary.tokens
        ('<pad>', '<bos>', '<eos>', '<unk>', '春', '，')
        >>> vocabulary.encode("春風，")
        [4, 3, 5]
        >>> vocabulary.decode([4, 5, 2])
        '春，'
    """

    def __init__(
        self,
        tokens: Sequence[str],
        variants: Mapping[str, str] | None = None,
        rare: Iterable[str] = (),
        titled: bool = False,
    ) -> None:
        """See the class."""
        self.separator = len(SPECIALS) if titled else None
        self.specials = len(SPECIALS) + titled
        self.tokens: tuple[str, ...] = (*SPECIALS, *[SEPARATOR] * titled, *tokens)
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self.ids) != len(self.tokens):
            repeated = next(token for token, n in Counter(self.tokens).items() if n > 1)
            raise VocabularyError(f"Tokens that occur once each are required. Received twice: {repeated!r:.100}.")
        self.rare: tuple[str, ...] = tuple(sorted(set(rare) - set(self.ids)))
        self.variants: dict[str, str] = {
            variant: token
            for variant, token in sorted((variants or {}).items())
            if token in self.ids and variant not in self.ids
        }

    @classmethod
    def build(
        cls,
        texts: Iterable[Iterable[str]],
        min_count: int,
        variants: Mapping[str, str] | None = None,
        known: Iterable[str] | None = None,
        titled: bool = False,
    ) -> "Vocabulary":
        """Count the tokens of texts, strings or lists of words; for the rest see `from_counts`."""
        return cls.from_counts(Counter(token for text in texts for token in text), min_count, variants, known, titled)

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int],
        min_count: int,
        variants: Mapping[str, str] | None = None,
        known: Iterable[str] | None = None,
        titled: bool = False,
    ) -> "Vocabulary":
        """Take every token that occurs at least `min_count` times, by falling frequency, then by code point.

        Args:
            counts: how often each character or word occurs in the training texts, variants already folded.
            min_count: the least number of occurrences.
            variants: a character to the character it is read as.
            known: tokens known to exist; those that are not taken become `rare`, so that an unknown token costs its
                share. By default, as the protocol has it, the types of the shipped corpus.
            titled: whether a separator is among the special tokens.

        Raises:
            VocabularyError: if no token is frequent enough.
        """
        names = {*SPECIALS, SEPARATOR}  # as words of a text they are unknown
        taken = sorted(
            (c for c, n in counts.items() if n >= min_count and c not in names), key=lambda c: (-counts[c], c)
        )
        if not taken:
            raise VocabularyError(
                f"A token that occurs at least {min_count} times is required. "
                f"Received: {sum(counts.values())} tokens, the most frequent "
                f"{max(counts.values(), default=0)} times."
            )
        return cls(taken, variants, rare=shipped_types() if known is None else known, titled=titled)

    def extended(self, counts: Mapping[str, int], min_count: int) -> "Vocabulary":
        """Return a vocabulary with more tokens after its own: what a text has that is read as the unknown token.

        Args:
            counts: how often each character or word occurs in the text.
            min_count: the least number of occurrences of a new token.

        Example:
            >>> vocabulary = Vocabulary("春眠", rare="晓龘")
            >>> vocabulary.extended({"春": 3, "晓": 2, "鸟": 1}, min_count=2).tokens[4:]
            ('春', '眠', '晓')
        """
        unknown = {token: n for token, n in counts.items() if token not in self._reading}
        new = sorted((c for c, n in unknown.items() if n >= min_count), key=lambda c: (-unknown[c], c))
        tokens = [*self.tokens[self.specials :], *[c for c in new if c not in (*SPECIALS, SEPARATOR)]]
        return type(self)(tokens, self.variants, self.rare, titled=self.separator is not None)

    def __len__(self) -> int:
        """Return the number of tokens, specials included: V."""
        return len(self.tokens)

    @property
    def unknown_types(self) -> int:
        """The number of characters that share the probability of the unknown token, at least 1."""
        return max(1, len(self.rare))

    @cached_property
    def _reading(self) -> dict[str, int]:
        tokens = {token: self.ids[token] for token in self.tokens[self.specials :]}
        return tokens | {variant: self.ids[token] for variant, token in self.variants.items()}

    def encode(self, text: Iterable[str]) -> list[int]:
        """Return one id a token, of a string or a list of words; variants are folded, what is unknown becomes UNK."""
        reading = self._reading
        return [reading.get(token, UNK) for token in text]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids; special tokens have none."""
        return "".join(self.tokens[i] for i in ids if i >= self.specials)

    def count(self, texts: Iterable[Iterable[str]]) -> npt.NDArray[np.int64]:
        """Return how often each token is to be predicted in texts that end, int64 `[V]`."""
        rows = [self.encode(text) for text in texts]
        counts = np.bincount(np.fromiter(chain.from_iterable(rows), np.int64), minlength=len(self))
        counts[EOS] = len(rows)
        return counts

    def lookup_table(self) -> Any:
        """Return the same reading as a `tf.lookup.StaticHashTable`: string character to int32 id.

        The pairs live in the graph, not in a file, so that a SavedModel needs no asset.
        """
        import tensorflow as tf

        pairs = tf.lookup.KeyValueTensorInitializer(
            list(self._reading), list(self._reading.values()), key_dtype=tf.string, value_dtype=tf.int32
        )
        return tf.lookup.StaticHashTable(pairs, default_value=UNK)

    def texts(self) -> list[str]:
        """Return what each id prints as: specials print nothing."""
        return [""] * self.specials + list(self.tokens[self.specials :])

    def is_punctuation(self) -> list[bool]:
        """Tell of each id whether its text has neither letters nor digits; specials, which print nothing, have none."""
        return [not any(char.isalnum() for char in text) for text in self.texts()]

    def dumps(self) -> str:
        """Return the vocabulary in its file format."""
        read_as: dict[str, list[str]] = {SPECIALS[UNK]: list(self.rare)}
        for variant, token in self.variants.items():
            read_as.setdefault(token, []).append(variant)
        return "".join("\t".join(map(_escaped, [token, *read_as.get(token, [])])) + "\n" for token in self.tokens)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read a vocabulary file.

        Raises:
            VocabularyError: if the file is missing, or is not what `dumps` gives.
        """
        try:
            if path.exists() and not path.is_file():
                raise VocabularyError(f"A vocabulary file is required: {path}. Received what is no plain file.")
            return cls.from_bytes(path.read_bytes(), path)
        except OSError as error:
            raise VocabularyError(f"A vocabulary file is required: {path}. Received: {first_line(error)}.") from None

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> "Vocabulary":
        """Read the bytes of a vocabulary file; errors call it by this path.

        Raises:
            VocabularyError: if they are not what `dumps` gives, to the byte.
        """
        try:
            return cls.loads(data.decode(), str(path))
        except UnicodeDecodeError as error:
            raise VocabularyError(f"A vocabulary file is required: {path}. Received: {first_line(error)}.") from None

    @classmethod
    def loads(cls, text: str, name: str = "the text") -> "Vocabulary":
        """Read what `dumps` returns; errors call it by this name.

        Raises:
            VocabularyError: if it is another text.
        """
        rows = [[_meant(entry) for entry in line.split("\t")] for line in text.split("\n")[:-1]]
        tokens = [row[0] for row in rows]
        if tuple(tokens[: len(SPECIALS)]) != SPECIALS:
            raise VocabularyError(
                f"A vocabulary that begins with {' '.join(SPECIALS)} is required in {name}. "
                f"Received: {' '.join(tokens[: len(SPECIALS)])!r:.80}."
            )
        titled = tokens[len(SPECIALS) :][:1] == [SEPARATOR]
        rest = rows[len(SPECIALS) + titled :]
        variants = {variant: row[0] for row in rest for variant in row[1:]}
        vocabulary = cls([row[0] for row in rest], variants, rare=rows[UNK][1:], titled=titled)
        if vocabulary.dumps() != text or "" in vocabulary.ids:
            raise VocabularyError(f"A vocabulary as tangshi-tf writes it is required: {name}. Received another file.")
        return vocabulary


def count_ids(ids: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.int64]:
    """Return how often each number below `size` occurs, a part at a time: NumPy counts in a copy of 8 bytes a token."""
    counts = np.zeros(size, np.int64)
    for first in range(0, len(ids), _BLOCK):
        counts += np.bincount(ids[first : first + _BLOCK], minlength=size)
    return counts


def _escaped(token: str) -> str:
    return re.sub(r"[\\\n\t\r]", lambda match: _ESCAPES[match[0]], token)


def _meant(entry: str) -> str:
    return re.sub(r"\\[\\ntr]", lambda match: _MEANT[match[0]], entry)
