"""Look up typed characters and names inside the graph: their sounds, the forms and rhymes they mean.

Plain tensors do it: lookup tables of TensorFlow would be saved among a model's weights.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.corpus.cleaning import character_table
from tangshi_tf.generation.inputs import without_white_space
from tangshi_tf.verse.forms import FORM_NAMES, FORMS, MARKS, OPENING_NAMES, OPENINGS
from tangshi_tf.verse.prosody import EITHER, EVERY_GROUP, LEVEL_GROUPS, RHYME_NAMES, generous

__all__ = ["MARK", "meanings", "sounds"]

MARK = 4  # the nature of a mark, beside the two tones


def sounds() -> Callable[[Any], Any]:
    """Return a function from code points to tones (or `MARK`) and level groups as bits, on one more axis of two.

    Variants sound like what they are folded to; a character that no rhyme book knows fits everything.
    """
    prosody = generous()
    known = {char: (prosody.tones(char), prosody.rhyme_bits(char)) for char in prosody}
    known |= dict.fromkeys(MARKS, (MARK, 0))
    known |= {variant: known[char] for variant, char in character_table().items() if char in known}
    keys = sorted(known)
    patterns, index = np.unique([known[key] for key in keys], axis=0, return_inverse=True)
    kinds = index.reshape(-1).astype(np.uint16)  # most are alike
    in_order, found = np.array([ord(key) for key in keys], np.int32), patterns.astype(np.int32)

    def look_up(codes: Any) -> Any:
        chars = tf.constant(in_order)
        place = tf.searchsorted(chars, tf.reshape(codes, [-1]))
        place = tf.reshape(tf.minimum(place, len(keys) - 1), tf.shape(codes))
        own = tf.gather(found, tf.cast(tf.gather(kinds, place), tf.int32))
        return tf.where((tf.gather(chars, place) == codes)[..., tf.newaxis], own, (EITHER, EVERY_GROUP))

    return look_up


def meanings() -> Callable[[Any], Any]:
    """Return a function from names, string `[3, B]`: of a form, an opening and a rhyme, to the options meant.

    These are bits, int32 `[3, B]`. An empty name means every option, an unknown one gives -1. Case, white space,
    hyphens and variants of characters do not matter.
    """
    books = ((FORM_NAMES, tuple(FORMS)), (OPENING_NAMES, OPENINGS), (RHYME_NAMES, tuple(LEVEL_GROUPS)))
    written: dict[str, str] = {}  # a character to itself and its variants
    for variant, char in character_table().items():
        written[char] = written.get(char, char) + variant
    meant = {"": [2 ** len(options) - 1 for _, options in books]}
    for i, (names, options) in enumerate(books):
        for name, own in names.items():
            for chars in product(*(written.get(char, char) for char in name)):
                meant.setdefault("".join(chars), [-1] * 3)[i] = sum(1 << options.index(option) for option in set(own))
    words, bits = list(meant), np.array(list(meant.values()), np.int32).T  # [3, N]

    def look_up(said: Any) -> Any:
        word = tf.strings.regex_replace(without_white_space(tf.strings.lower(said, "utf-8")), "[-_'’·]", "")
        return tf.reduce_max(tf.where(word[..., tf.newaxis] == words, bits[:, np.newaxis], -1), axis=-1)

    return look_up
