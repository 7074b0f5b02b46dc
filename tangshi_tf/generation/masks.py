"""Masks for the decoder: which tokens may stand in which place of a verse.

Every place of a poem is a slot of some class, and every class allows some tokens: one boolean mask a class. The groups
that a rhyme may be of are carried along as bits. Characters are read narrowly here (`prosody.narrow`), so that a judge
with other tables agrees.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from itertools import product
from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.model.step import padded_size
from tangshi_tf.verse.forms import FORMS, LINE_TYPES, OPENINGS, rhyming_lines, ways
from tangshi_tf.verse.prosody import LEVEL, LEVEL_GROUPS, OBLIQUE, generous, narrow
from tangshi_tf.vocabulary import EOS, PAD, SEPARATOR, SPECIALS

__all__ = ["COMBINATIONS", "LENGTH", "TONES", "WAYS", "Constraints", "Slot", "slot_table"]

COMBINATIONS = tuple(product(FORMS, OPENINGS))
LENGTH = max(lines * (size + 1) for lines, size in FORMS.values()) + 1  # tokens of the longest form, its end included
WAYS = 3  # the most ways to write a couplet
_NEVER = {*SPECIALS, SEPARATOR} - {SPECIALS[EOS]}  # what is never written
_ENDS = max(lines for lines, _ in FORMS.values())  # of lines


class Slot(IntEnum):
    """What may stand in a place."""

    FIRST = 0  # of free verse: anything but the end
    FREE = 1  # anything
    ANY = 2  # a character
    LEVEL = 3
    OBLIQUE = 4
    RHYME = 5  # a level character in the group of the rhymes before, at the end of no line before
    GUARD = 6  # 护: level, unless the token two places before is
    CLOSE = 7  # the end of a line that does not rhyme: oblique in every reading
    COMMA = 8
    STOP = 9
    END = 10


TONES = {Slot.LEVEL: LEVEL, Slot.OBLIQUE: OBLIQUE, Slot.GUARD: LEVEL, Slot.CLOSE: OBLIQUE}
"""The tone that a place needs; that of a guard may stand two tokens before."""
_SIGNS = {"中": Slot.ANY, "平": Slot.LEVEL, "仄": Slot.OBLIQUE, "护": Slot.GUARD}


def slot_table() -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return int32 `[C, W, LENGTH]`: the slots of every combination of form and opening, strict.

    The second axis counts the ways to write a couplet, the plainest first; couplets with fewer repeat theirs.
    """
    table = np.full((len(COMBINATIONS), WAYS, LENGTH), Slot.END, np.int32)
    for combination, (form, opening) in enumerate(COMBINATIONS):
        lines, size = FORMS[form]
        rhyming = rhyming_lines(form, opening)
        for k, pair in enumerate(LINE_TYPES[form][opening][: lines // 2]):
            choices = ways(pair, size, "strict")
            for way in range(WAYS):
                patterns = choices[way] if way < len(choices) else choices[0]
                for line, pattern in enumerate(patterns, 2 * k):
                    slots = [_SIGNS[sign] for sign in pattern] + [Slot.STOP if line % 2 else Slot.COMMA]
                    slots[-2] = Slot.RHYME if line in rhyming else Slot.CLOSE
                    table[combination, way, line * (size + 1) :][: size + 1] = slots
    return table


class Constraints:
    """The masks for a vocabulary, and what a row has to remember of its verse between two tokens.

    Args:
        tokens: of the vocabulary, in the order of their ids.
        ends: whether free text may end by itself.

    Attributes:
        groups: the level groups, as bits, that have characters enough for every rhyme of a poem; 0 if the vocabulary
            cannot serve any form.
    """

    def __init__(self, tokens: Sequence[str], ends: bool = True) -> None:
        """See the class."""
        prosody, size = narrow(), padded_size(len(tokens))
        known = [(i, token) for i, token in enumerate(tokens) if token in prosody]
        tones, rhymes, every = (np.zeros(size, np.int32) for _ in range(3))
        for i, token in known:
            tones[i], rhymes[i], every[i] = prosody.tones(token), prosody.rhyme_bits(token), generous().tones(token)
        rich = [group for group in range(len(LEVEL_GROUPS)) if np.sum(rhymes >> group & 1) > _ENDS]
        rhymes &= np.int32(sum(1 << group for group in rich))

        allowed = np.zeros((len(Slot), size), bool)
        allowed[[Slot.FIRST, Slot.FREE], : len(tokens)] = True
        allowed[:, [i for i, token in enumerate(tokens) if token in _NEVER]] = False
        allowed[Slot.FIRST, EOS] = False  # no empty poem
        allowed[Slot.FREE, EOS] = ends
        allowed[Slot.ANY, : len(tokens)] = [token.isalpha() for token in tokens]
        for slot, tone in TONES.items():
            allowed[slot] = tones & tone > 0
        allowed[Slot.CLOSE] &= every == OBLIQUE
        allowed[Slot.RHYME] = rhymes > 0
        allowed[Slot.COMMA, : len(tokens)] = [token == "，" for token in tokens]
        allowed[Slot.STOP, : len(tokens)] = [token == "。" for token in tokens]
        allowed[Slot.END, EOS] = True

        self.groups = int(np.bitwise_or.reduce(rhymes)) if allowed.any(axis=1).all() else 0
        bits = np.sum(allowed << np.arange(len(Slot))[:, np.newaxis], axis=0)
        self._allowed = tf.constant(bits, tf.int32)  # [V], the classes as bits
        self._rhymes = rhymes  # [V]
        self._level = tones == LEVEL  # [V]

    def masks(self) -> Any:
        """Return what every class adds to the logits, 0 or -inf, float32 `[classes, V]`: once for many steps."""
        classes = tf.range(len(Slot))[:, tf.newaxis]
        return tf.where(tf.bitwise.right_shift(self._allowed, classes) & 1 == 1, 0.0, -math.inf)

    def start(self, rows: Any, groups: Any) -> dict[str, Any]:
        """Return the memory of rows before their first token.

        Args:
            rows: how many.
            groups: int32 `[B]`, the groups that the rhymes may be chosen from.
        """
        return {"groups": groups, "ends": tf.fill([rows, _ENDS], PAD), "last": tf.fill([rows, 2], PAD)}

    def costs(self, masks: Any, slot: Any, memory: dict[str, Any]) -> Any:
        """Return what is to be added to the logits, 0 or -inf, float32 `[B, V]`.

        Args:
            masks: what `masks` returns.
            slot: int32 `[B]`, of `Slot`.
            memory: of the rows.
        """
        guarded = (slot == Slot.GUARD) & tf.gather(self._level, memory["last"][:, 0])
        costs = tf.gather(masks, tf.where(guarded, Slot.ANY, slot))
        rhyming = slot == Slot.RHYME

        def with_rhymes() -> Any:
            fits = tf.bitwise.bitwise_and(self._rhymes, memory["groups"][:, tf.newaxis]) != 0  # [B, V]
            answered = tf.where(fits | ~rhyming[:, tf.newaxis], costs, -math.inf)
            used = tf.where(rhyming[:, tf.newaxis], memory["ends"], PAD)  # PAD is never allowed
            rows = tf.repeat(tf.range(tf.size(slot))[:, tf.newaxis], _ENDS, axis=1)
            return tf.tensor_scatter_nd_update(
                answered, tf.stack([rows, used], axis=-1), tf.fill(tf.shape(used), -math.inf)
            )

        return tf.cond(tf.reduce_any(rhyming), with_rhymes, lambda: costs)

    def remember(self, memory: dict[str, Any], slot: Any, token: Any, typed: Any) -> dict[str, Any]:
        """Return the memory after tokens `[B]` in these slots; what was typed does not narrow the groups."""
        rhyming = slot == Slot.RHYME
        ending = rhyming | (slot == Slot.CLOSE)
        left = tf.bitwise.bitwise_and(memory["groups"], tf.gather(self._rhymes, token))
        ends = tf.concat([token[:, tf.newaxis], memory["ends"][:, :-1]], axis=1)
        return {
            "groups": tf.where(rhyming & ~typed, left, memory["groups"]),
            "ends": tf.where(ending[:, tf.newaxis], ends, memory["ends"]),
            "last": tf.stack([memory["last"][:, 1], token], axis=1),
        }
