"""The ear's bookkeeping, without weights: the place in the verse and the latest rhymes, after each token.

A recurrent model soon learns lines by itself and most tones, but is slow to learn to rhyme: the character to be
answered stands a dozen tokens back. So the position is carried along with the state. The verse is int32 `[B, 4]`:

- metre: 16 times the length of the first line (0 while it lasts), plus the characters read of this line,
- line: the lines that have ended; after 15 come 14 and 15 again, so that even lines stay even,
- last: the last token, if it is a character of this line, else 0,
- rhyme: the character to be answered, the last of the first line, then of each even line; 0 before that.

The four earlier rhymes, the latest first, are packed into the high bits of the four entries, so token ids must be below
2¹⁵; 0 stands for no rhyme.

A line ends at a mark. BOS and SEP begin a text; a character unknown to the vocabulary is a character; everything else
changes nothing. Lengths count up to 15. All zeros are the beginning.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tangshi_tf.verse.forms import MARKS
from tangshi_tf.verse.prosody import GROUPS, load_entries, tones_of
from tangshi_tf.vocabulary import BOS, SEPARATOR, SPECIALS, UNK

__all__ = [
    "LINES",
    "METRES",
    "MOST_TOKENS",
    "SOUNDS",
    "VERSE",
    "advance",
    "advance_all",
    "kinds_of",
    "parts_of",
    "sounds_of",
]

VERSE = 4  # entries
METRES, LINES = 256, 16  # the values of the first two
SOUNDS = len(GROUPS) + 2
MOST_TOKENS = 2**15  # of a vocabulary

_WIDE = 16
_SILENT, _CHARACTER, _MARK, _BEGINNING = range(4)  # kinds of token


def kinds_of(tokens: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return what each token of a vocabulary is to the ear, int32 `[V]`."""
    kinds = {SPECIALS[BOS]: _BEGINNING, SEPARATOR: _BEGINNING, SPECIALS[UNK]: _CHARACTER}
    kinds = dict.fromkeys(SPECIALS, _SILENT) | kinds | dict.fromkeys(MARKS, _MARK)
    return np.array([kinds.get(token, _CHARACTER) for token in tokens], np.int32)


def sounds_of(tokens: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Return which of the 106 rhyme groups each token has, then whether it is level, oblique: bool `[V, 108]`.

    A character has the groups that both sources of the table give it, or those of one, if they share none, or those
    derived; where only the tone is known, it has no group.
    """
    entries = load_entries()
    sounds = []
    for token in tokens:
        groups = (entries[token].both or entries[token].one) if token in entries else ""
        tones = tones_of(groups)
        sounds.append([*(group in groups for group in GROUPS), tones & 1, tones >> 1])
    return np.array(sounds, np.bool_)


def parts_of(verse: Any) -> tuple[Any, Any, Any, Any]:
    """Return metre, line and last of verses int32 `[..., 4]`, and the five latest rhymes `[..., 5]`, the last first."""
    metre, line, last, rhyme = tf.unstack(verse % MOST_TOKENS, axis=-1)
    return metre, line, last, tf.concat([rhyme[..., tf.newaxis], verse // MOST_TOKENS], axis=-1)


def advance(kinds: Any, token: Any, verse: Any) -> Any:
    """Read one token of every row.

    Args:
        kinds: what `kinds_of` returns.
        token: int32 `[B]`.
        verse: int32 `[B, 4]`.

    Returns:
        The verse after the token, int32 `[B, 4]`.
    """
    kind = tf.gather(kinds, token)
    metre, line, last, rhymes = parts_of(verse)
    first, place = metre // _WIDE, metre % _WIDE
    is_character = kind == _CHARACTER
    ends = (kind == _MARK) & (place > 0)
    answered = ends & ((line == 0) | (line % 2 == 1))
    first = tf.where(ends & (line == 0), place, first)
    place = tf.where(is_character, tf.minimum(place + 1, _WIDE - 1), tf.where(ends, 0, place))
    answers = tf.concat([last[:, tf.newaxis], rhymes[:, :-1]], axis=1)
    rhymes = tf.where(answered[:, tf.newaxis], answers, rhymes)
    after = [
        _WIDE * first + place,
        tf.where(ends, tf.where(line == LINES - 1, LINES - 2, line + 1), line),
        tf.where(is_character, token, tf.where(ends, 0, last)),
        rhymes[:, 0],
    ]
    verse = tf.stack(after, axis=1) + MOST_TOKENS * rhymes[:, 1:]
    return tf.where((kind == _BEGINNING)[:, tf.newaxis], 0, verse)


def advance_all(kinds: Any, tokens: Any, verse: Any) -> Any:
    """Read whole sequences at once; the result is that of `advance`, token by token.

    Each number of a verse is set at some tokens and kept at the others, or it counts the tokens since the last of them.

    Args:
        kinds: what `kinds_of` returns.
        tokens: integers `[B, T]`.
        verse: int32 `[B, 4]`, before the first token.

    Returns:
        The verse after each token, int32 `[B, T, 4]`.
    """
    metre_0, line_0, last_0, rhymes_0 = parts_of(verse[:, tf.newaxis])
    first_0, place_0 = metre_0 // _WIDE, metre_0 % _WIDE
    tokens = tf.cast(tokens, tf.int32)
    kind = tf.gather(kinds, tokens)
    is_character, begins = kind == _CHARACTER, kind == _BEGINNING
    place = tf.minimum(_count(is_character, begins | (kind == _MARK), place_0), _WIDE - 1)
    place_before = _before(place, place_0)
    ends = (kind == _MARK) & (place_before > 0)
    line = _count(ends, begins, line_0)
    first = _hold(place_before, ends & (line == 1), begins, first_0)
    last = _hold(tokens, is_character, begins | ends, last_0)
    answered, rhymes, was = ends & ((line == 1) | (line % 2 == 0)), [last], last_0
    for rhyme_0 in tf.unstack(rhymes_0, axis=2):
        rhymes.append(_hold(_before(rhymes[-1], was), answered, begins, rhyme_0))
        was = rhyme_0
    line = tf.where(line < LINES, line, LINES - 2 + line % 2)
    latest = tf.stack([_WIDE * first + place, line, *rhymes[:2]], axis=2)
    return latest + MOST_TOKENS * tf.stack(rhymes[2:], axis=2)


def _before(values: Any, start: Any) -> Any:
    """Return what `[B, T]` was one token earlier; `start` `[B, 1]` at first."""
    return tf.concat([start, values[:, :-1]], axis=1)


def _hold(values: Any, sets: Any, clears: Any, start: Any) -> Any:
    """Return the value `[B, T]` at the last token that sets it, 0 since one that clears it, `start` `[B, 1]` before."""
    values = tf.concat([start, tf.where(clears, 0, values)], axis=1)
    changes = tf.concat([tf.ones_like(start, tf.bool), sets | clears], axis=1)
    place = tf.cumsum(tf.reshape(tf.cast(changes, tf.int32), [-1])) - 1  # every row begins with a change
    return tf.reshape(tf.gather(tf.boolean_mask(values, changes), place), tf.shape(values))[:, 1:]


def _count(counted: Any, clears: Any, start: Any) -> Any:
    """Return how many tokens were counted since one that clears the count, `[B, T]`; `start` `[B, 1]` were before."""
    total = start + tf.cumsum(tf.cast(counted, tf.int32), axis=1)
    return total - _hold(total, clears, tf.zeros_like(clears), tf.zeros_like(start))
