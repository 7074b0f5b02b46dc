"""Scan what was typed: for every form and opening, the rules it breaks, and what may follow it.

B counts rows, F forms, C combinations of form and opening, W ways to write a couplet, L lines and T tokens.
"""

from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tangshi_tf.generation.lookup import MARK
from tangshi_tf.generation.masks import COMBINATIONS, LENGTH, TONES, WAYS, Slot, slot_table
from tangshi_tf.verse.forms import FORMS, OPENINGS, rhyming_lines
from tangshi_tf.verse.prosody import CIRCLES, EITHER, LEVEL, LEVEL_GROUPS
from tangshi_tf.vocabulary import PAD, UNK

__all__ = ["FORM", "HEAD", "LINE", "LINES", "POSITION", "SIZE", "TypedText", "rhymes_of", "same", "tones_of"]

# Of each form, [F, 1], and of each of its tokens, [F, T].
LINES, SIZE = np.array(list(FORMS.values()), np.int32).T[:, :, np.newaxis]
LINE, POSITION = np.divmod(np.arange(LENGTH, dtype=np.int32), SIZE + 1)
HEAD = np.where((POSITION == 0) & (LINE < LINES), LINE + 1, 0)  # which line starts here, from 1, or 0
# Of each line, [L], and of each line of a form, [F, L].
_NUMBER = np.arange(LINES.max())
_END = np.where(_NUMBER < LINES, _NUMBER * (SIZE + 1) + SIZE - 1, LENGTH - 1)
# Of each combination, [C].
FORM = np.arange(len(COMBINATIONS)) // len(OPENINGS)
_FIRST_RHYMES = np.array([0 in rhyming_lines(form, opening) for form, opening in COMBINATIONS])
# Of each combination, way to write a couplet and token, [C, W, T]; and, alike for all ways, [C, T].
_SLOTS = slot_table()
_NEEDED = np.array([TONES.get(slot, EITHER | MARK) for slot in Slot], np.int32)[_SLOTS]
_COUPLET = np.minimum(LINE // 2, LINES // 2 - 1)[FORM]

_CIRCLES = [sum(1 << LEVEL_GROUPS.index(group) for group in circle) for circle in CIRCLES]


class TypedText(NamedTuple):
    """What is typed, placed in each form: of its tokens, int32 `[B, F, T]`; of rows and forms, bool `[B, F]`."""

    tokens: Any  # PAD where nothing is typed
    codes: Any  # their code points
    natures: Any  # their tones, or `MARK`; every tone where nothing is typed
    rhymes: Any  # the level groups that they rhyme in, as bits; every group where nothing is typed
    begun: Any  # bool `[B, T]`, whether begin goes so far
    begin_fits: Any  # whether it has marks at the ends of lines, no others, and is not too long
    begin_fills: Any  # whether it ends with the last character of a line
    acrostic_fits: Any  # whether it has no marks and no character too many
    acrostic_fills: Any  # whether it has a character for every line
    agree: Any  # whether both have the same characters where both have some


def tones_of(text: TypedText) -> tuple[Any, Any]:
    """Return the slots int32 `[B, C, T]`, and where a typed character breaks a tone, bool `[B, C, T]`.

    Of the ways to write a couplet, that is the one which the typed text breaks least.
    """
    before = tf.pad(tf.where(text.tokens == PAD, 0, text.natures), [[0, 0], [0, 0], [2, 0]])[:, :, :-2] & LEVEL
    natures, guarded = (
        tf.gather(values, FORM, axis=1)[:, :, tf.newaxis] for values in (text.natures, text.natures | before)
    )  # [B, C, 1, T]
    broken = tf.where(_SLOTS == Slot.GUARD, guarded, natures) & _NEEDED == 0  # [B, C, W, T]
    couplets = np.eye(LINES.max() // 2, dtype=np.float32)[_COUPLET]  # [C, T, K]
    faults = tf.einsum("bcwt,ctk->bckw", tf.cast(broken, tf.float32), couplets)
    best = tf.argmin(faults, axis=-1, output_type=tf.int32)  # [B, C, K]
    way = tf.gather(best, tf.broadcast_to(_COUPLET, [tf.shape(best)[0], *_COUPLET.shape]), batch_dims=2)  # [B, C, T]
    choose = tf.one_hot(way, WAYS, on_value=True, off_value=False, axis=2, dtype=tf.bool)  # [B, C, W, T]
    return tf.reduce_sum(tf.where(choose, _SLOTS, 0), axis=2), tf.reduce_any(broken & choose, axis=2)


def rhymes_of(text: TypedText, offered: Any) -> tuple[Any, Any]:
    """Return the groups that the rhymes may be of, and how many rules of rhyme the text breaks.

    Args:
        text: what is typed.
        offered: int32 `[2, B]`, the groups to choose from: two such sets.

    Returns:
        int32 `[B, C]`, out of the second set; and int32 `[2, B, C]`.
    """
    ends = tf.broadcast_to(_END, [tf.shape(text.tokens)[0], *_END.shape])
    tokens, codes, rhymes = (tf.gather(values, ends, batch_dims=2) for values in (text.tokens, text.codes, text.rhymes))
    own, *others = tf.unstack(rhymes, axis=2)
    offered = offered[:, :, tf.newaxis]
    fitting = reduce(tf.bitwise.bitwise_and, others[::2], offered)  # [2, B, F]
    pairs = (tf.expand_dims(values, axis) for values in (tokens, codes) for axis in (2, 3))
    later = (_NUMBER[:, np.newaxis] < _NUMBER) & (_NUMBER % 2 == 1)
    twice = tf.math.count_nonzero(same(*pairs) & later, axis=3, dtype=tf.int32)  # [B, F, L]
    faults = tf.cast(fitting == 0, tf.int32) + tf.reduce_sum(twice * (_NUMBER % 2), axis=2)
    fitting = tf.where(fitting == 0, offered, fitting)
    near = reduce(tf.bitwise.bitwise_or, (tf.where(own & circle != 0, circle, 0) for circle in _CIRCLES), own)
    first = tf.where(fitting & own != 0, fitting & own, fitting & near)
    first_faults = faults + tf.cast(first == 0, tf.int32) + twice[:, :, 0]
    first = tf.where(first != 0, first, fitting)
    fitting, first, faults, first_faults = (
        tf.gather(values, FORM, axis=-1) for values in (fitting[1], first[1], faults, first_faults)
    )
    return tf.where(_FIRST_RHYMES, first, fitting), tf.where(_FIRST_RHYMES, first_faults, faults)


def same(ids: Any, other_ids: Any, codes: Any, other_codes: Any) -> Any:
    """Tell where the same character was typed, perhaps as a variant."""
    return (ids != PAD) & (ids == other_ids) & ((ids != UNK) | (codes == other_codes))
