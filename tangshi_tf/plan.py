"""Request to plan: which form, opening and rhyme a row's verse takes, what stands where, and why it cannot be.

What was typed always stands. Among the combinations of form and opening that were not excluded, those are considered
in which the typed text breaks the fewest rules, and one of them is drawn as often as real poems have it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.corpus import character_table
from tangshi_tf.request import shown, without_white_space
from tangshi_tf.sampling import row_choice
from tangshi_tf.verse.constraints import (
    COMBINATIONS,
    EVERY_GROUP,
    LENGTH,
    WAYS,
    Constraints,
    Slot,
    group_bits,
    slot_table,
)
from tangshi_tf.verse.forms import (
    FORM_NAMES,
    FORM_SHARES,
    FORMS,
    MARKS,
    OPENING_NAMES,
    OPENING_SHARES,
    OPENINGS,
    rhyming_lines,
)
from tangshi_tf.verse.prosody import CIRCLES, LEVEL, LEVEL_GROUPS, OBLIQUE, RHYME_NAMES, generous
from tangshi_tf.vocabulary import PAD, UNK

__all__ = ["Planner"]

_MARK = 4  # a nature beside the two tones
_LINES = max(lines for lines, _ in FORMS.values())
_TAKEN = {
    Slot.ANY: LEVEL | OBLIQUE,
    Slot.LEVEL: LEVEL,
    Slot.OBLIQUE: OBLIQUE,
    Slot.RHYME: LEVEL,
    Slot.GUARD: LEVEL,
    Slot.CLOSE: OBLIQUE,
    Slot.COMMA: _MARK,
    Slot.STOP: _MARK,
    Slot.END: 0,
}
_CIRCLES = [sum(1 << LEVEL_GROUPS.index(group) for group in circle) for circle in CIRCLES]
_DUE = {Slot.LEVEL: "平", Slot.OBLIQUE: "仄", Slot.CLOSE: "仄", Slot.GUARD: "平 here or two before"}


class Planner(tf.Module):
    """Plans the verse of rows, inside the graph; a module, so that its tables are saved.

    Args:
        constraints: the masks for the model's vocabulary.
        read: strings `[B]` to their characters, string `[B, L]`, and their ids, int32 `[B, L]`, PAD after the shorter.
    """

    def __init__(self, constraints: Constraints, read: Callable[[Any], tuple[Any, Any]]) -> None:
        """See the class."""
        super().__init__(name="planner")
        self._read = read
        self._groups = constraints.groups
        self._names = {
            "form": _lookup(FORM_NAMES, tuple(FORMS)),
            "opening": _lookup(OPENING_NAMES, OPENINGS),
            "rhyme": _lookup(RHYME_NAMES, tuple(LEVEL_GROUPS)),
        }
        names = {char for names in (FORM_NAMES, OPENING_NAMES, RHYME_NAMES) for name in names for char in name}
        folded = {variant: char for variant, char in character_table().items() if char in names}
        self._fold = _table(list(folded), list(folded.values()), tf.string, "")

        self._sounds = _sounds()

        slots = slot_table()
        self._slots = tf.constant(slots)  # [C, W, T]
        self._taken = tf.constant(np.vectorize(_TAKEN.__getitem__)(slots), tf.int32)
        self._couplet = np.array(
            [
                [min(t // (2 * FORMS[form][1] + 2), FORMS[form][0] // 2 - 1) for t in range(LENGTH)]
                for form, _ in COMBINATIONS
            ]
        )
        self._shares = tf.constant(
            [FORM_SHARES[form] * OPENING_SHARES[form][OPENINGS.index(opening)] for form, opening in COMBINATIONS],
            tf.float32,
        )
        by_form = slots[:: len(OPENINGS), 0]  # [F, T]
        self._marks = np.isin(by_form, [Slot.COMMA, Slot.STOP])
        self._after = by_form == Slot.END
        starts = np.full((len(FORMS), LENGTH), _LINES)
        places = np.full((len(FORMS), LENGTH), "", object)
        for f, (lines, size) in enumerate(FORMS.values()):
            for line in range(lines):
                starts[f, line * (size + 1)] = line
                for i in range(size):
                    places[f, line * (size + 1) + i] = f"line {line + 1}, character {i + 1}"
        self._starts = tf.constant(starts, tf.int32)
        self._places = tf.constant(places.tolist())
        self._due = tf.constant([_DUE.get(slot, "") for slot in Slot])
        self._labels = tf.constant([f"{form} {opening}" for form, opening in COMBINATIONS])

    def __call__(self, asked: Mapping[str, Any], begin: Any, seed: Any) -> dict[str, Any]:
        """Plan every row.

        Args:
            asked: strings `[B]`: begin, form, opening, rhyme, acrostic; and `max_length` int32 `[B]`.
            begin: the ids of the begin, int32 `[B, L]`, PAD after the shorter.
            seed: int64 `[B]`.

        Returns:
            `slots` int32 `[B, T]`; `typed` int32 `[B, T]`, the tokens that are given, PAD elsewhere; `heads` string
            `[B, T]`, what those of an acrostic print as; `groups` int32 `[B]`; `length` int32 `[B]`, the tokens of the
            text, 0 for free verse; `problem` string `[B]`, why a row cannot be served; `note` string `[B]`, which typed
            characters break which rule.
        """
        verse = reduce(tf.logical_or, (asked[name] != "" for name in ("form", "opening", "rhyme", "acrostic")))
        count = tf.size(seed)
        free = tf.concat([tf.fill([count, 1], int(Slot.FIRST)), tf.fill([count, LENGTH - 1], int(Slot.FREE))], axis=1)
        nothing = tf.fill([count], "")
        none = {
            "slots": free,
            "typed": tf.pad(begin, [[0, 0], [0, tf.maximum(0, LENGTH - tf.shape(begin)[1])]], constant_values=PAD),
            "heads": tf.fill([count, LENGTH], ""),
            "groups": tf.fill([count], EVERY_GROUP),
            "length": tf.zeros([count], tf.int32),
            "problem": nothing,
            "note": nothing,
        }

        def planned() -> dict[str, Any]:
            plan = self._plan(asked, begin, seed)
            plan["typed"] = tf.pad(plan["typed"], [[0, 0], [0, tf.shape(none["typed"])[1] - LENGTH]])
            return {
                name: tf.where(
                    verse[:, tf.newaxis] if value.shape.rank == 2 else verse,
                    tf.ensure_shape(plan[name], value.shape),
                    value,
                )
                for name, value in none.items()
            }

        return tf.cond(tf.reduce_any(verse), planned, lambda: none)

    def _plan(self, asked: Mapping[str, Any], begin: Any, seed: Any) -> dict[str, Any]:
        meant = {name: self._meaning(name, asked[name]) for name in self._names}
        head_texts, head_ids = self._read(asked["acrostic"])
        begin_texts, _ = self._read(asked["begin"])
        heads = tf.math.count_nonzero(head_ids != PAD, axis=1, dtype=tf.int32)
        begin_length = tf.math.count_nonzero(begin != PAD, axis=1, dtype=tf.int32)
        begin, begin_texts = _cut(begin, LENGTH, PAD), _cut(begin_texts, LENGTH, "")
        head_ids, head_texts = (
            tf.gather(_cut(_cut(values, _LINES, nothing), _LINES + 1, nothing), self._starts, axis=1)
            for values, nothing in ((head_ids, PAD), (head_texts, ""))
        )  # [B, F, T]
        begun = (begin != PAD)[:, tf.newaxis]
        typed = tf.where(begun, begin[:, tf.newaxis], head_ids)  # [B, F, T]
        texts = tf.where(begun, begin_texts[:, tf.newaxis], head_texts)
        sounds = self._sounds.lookup(texts)
        natures = tf.cast(sounds // 2 ** len(LEVEL_GROUPS), tf.int32)

        # Shape: what kind of token stands where, by form.
        wrong = (typed != PAD) & (self._after | ((natures == _MARK) != self._marks))
        lines = tf.constant([lines for lines, _ in FORMS.values()])
        begin_fits = ~tf.reduce_any(wrong & begun, axis=2) & (begin_length[:, tf.newaxis] < LENGTH)
        heads_fit = ~tf.reduce_any(wrong & ~begun, axis=2) & (heads[:, tf.newaxis] <= lines)
        both = begun & (head_ids != PAD)
        other = ~_same(head_ids, begin[:, tf.newaxis], head_texts, begin_texts[:, tf.newaxis])
        agree = ~tf.reduce_any(both & other, axis=2)
        wanted = _bits(meant["form"], len(FORMS))
        possible = wanted & begin_fits & heads_fit & agree  # [B, F]

        # Rules: how many of them the typed text breaks, by combination of form and opening.
        tone_faults, broken, way = self._tones(typed, natures)
        rhymes = tf.cast(sounds & EVERY_GROUP, tf.int32)
        _, free_faults = _rhymes(typed, texts, rhymes, tf.fill([tf.size(seed)], self._groups))
        groups, rhyme_faults = _rhymes(typed, texts, rhymes, meant["rhyme"] & self._groups)
        possible = tf.repeat(possible, len(OPENINGS), axis=1)  # [B, C]
        least_of_all = _least(tone_faults + free_faults, possible)
        faults = tone_faults + rhyme_faults
        possible &= tf.tile(_bits(meant["opening"], len(OPENINGS)), [1, len(FORMS)])
        least = _least(faults, possible)
        chances = tf.where(possible & (faults == least[:, tf.newaxis]), self._shares, 0.0)
        chosen = row_choice(seed, chances)  # [B]
        form = chosen // len(OPENINGS)

        slots, broken, typed, groups, rhyme_faults, texts = (
            tf.gather(values, index, batch_dims=1)
            for values, index in (
                (way, chosen),
                (broken, chosen),
                (typed, form),
                (groups, chosen),
                (rhyme_faults, chosen),
                (texts, form),
            )
        )
        length = tf.gather([lines * (size + 1) for lines, size in FORMS.values()], form)
        note = tf.cond(
            tf.reduce_any(least > 0),
            lambda: self._faults(chosen, slots, texts, broken, rhyme_faults),
            lambda: tf.fill(tf.shape(chosen), ""),
        )
        note = tf.where(least > 0, note, "")
        problem = _first(
            [
                *(
                    (meant[name] < 0, f"{name} of {_EXAMPLES[name]} is required; received ", shown(asked[name]))
                    for name in meant
                ),
                (
                    tf.fill(tf.shape(chosen), self._groups == 0),
                    "a model whose characters can rhyme and end lines is required for a form; received ",
                    shown(asked["form"]),
                ),
                (
                    meant["rhyme"] & self._groups == 0,
                    "rhyme of a group with more characters in the model's vocabulary is required; received ",
                    shown(asked["rhyme"]),
                ),
                (
                    ~tf.reduce_any(wanted & begin_fits, axis=1),
                    "begin of lines as long as those of the form, a mark after each, is required; received ",
                    shown(asked["begin"]),
                ),
                (
                    ~tf.reduce_any(wanted & heads_fit, axis=1),
                    "acrostic of a character for each line at most is required; received ",
                    shown(asked["acrostic"]),
                ),
                (
                    ~tf.reduce_any(possible, axis=1),
                    "acrostic, form and opening that begin agrees with are required; received ",
                    shown(asked["acrostic"]),
                ),
                (
                    (asked["max_length"] > 0) & (asked["max_length"] < length),
                    "max_length of at least the length of the form, marks included, is required; received ",
                    shown(asked["max_length"]),
                ),
                (least > least_of_all, "opening and rhyme that the text leaves possible are required; received ", note),
            ]
        )
        return {
            "slots": slots,
            "typed": typed,
            "heads": tf.where(begin != PAD, "", texts),
            "groups": groups,
            "length": length,
            "problem": problem,
            "note": tf.where(
                note == "", "", tf.strings.join(["text that keeps the rules is required; received ", note, "."])
            ),
        }

    def _meaning(self, name: str, said: Any) -> Any:
        """Return what a name stands for, as bits `[B]`: every option if it is empty, -1 if it is unknown."""
        characters = tf.strings.unicode_split(tf.strings.lower(without_white_space(said), "utf-8"), "UTF-8")
        folded = self._fold.lookup(characters.values)
        characters = characters.with_values(tf.where(folded == "", characters.values, folded))
        word = tf.strings.regex_replace(tf.strings.reduce_join(characters, axis=-1), "[-_'’·]", "")
        return self._names[name].lookup(word)

    def _tones(self, typed: Any, natures: Any) -> tuple[Any, Any, Any]:
        """Return how many typed characters break a tone, int32 `[B, C]`, which, `[B, C, T]`, and the slots `[B, C, T]`.

        Of the ways to write a couplet, that is the one which the typed text breaks least.
        """
        before = tf.pad(tf.where(typed == PAD, 0, natures), [[0, 0], [0, 0], [2, 0]])[:, :, :-2] & LEVEL
        rows = tf.shape(typed)[0]

        def by_combination(values: Any) -> Any:
            return tf.repeat(values, len(OPENINGS), axis=1)[:, :, tf.newaxis]  # [B, C, 1, T]

        guarded = by_combination(natures | before)
        fits = tf.where(self._slots == Slot.GUARD, guarded, by_combination(natures)) & self._taken != 0  # [B, C, W, T]
        is_word = by_combination((typed != PAD) & (natures != _MARK))
        broken = is_word & ~fits & (self._taken != 0) & (self._slots != Slot.RHYME)  # which `_rhymes` looks at
        couplets = np.eye(_LINES // 2, dtype=np.float32)[self._couplet]  # [C, T, K]
        faults = tf.einsum("bcwt,ctk->bckw", tf.cast(broken, tf.float32), couplets)
        best = tf.argmin(faults, axis=-1, output_type=tf.int32)  # [B, C, K]
        place = tf.broadcast_to(self._couplet, [rows, *self._couplet.shape])
        way = tf.gather(best, place, batch_dims=2)  # [B, C, T]
        slots = tf.broadcast_to(self._slots, [rows, *self._slots.shape])
        choose = tf.one_hot(way, WAYS, on_value=True, off_value=False, axis=2, dtype=tf.bool)  # [B, C, W, T]
        return (
            tf.cast(tf.reduce_sum(tf.reduce_min(faults, axis=-1), axis=-1), tf.int32),
            tf.reduce_any(broken & choose, axis=2),
            tf.reduce_sum(tf.where(choose, slots, 0), axis=2),
        )

    def _faults(self, chosen: Any, slots: Any, texts: Any, broken: Any, rhyme_faults: Any) -> Any:
        """Say what typed characters break, string `[B]`."""
        places = tf.gather(self._places, chosen // len(OPENINGS))
        each = tf.strings.join([texts, " (", places, ", where ", tf.gather(self._due, slots), " is due) "])
        tones = tf.strings.reduce_join(tf.where(broken, each, ""), axis=1)
        ends = tf.strings.reduce_join(tf.where((slots == Slot.RHYME) & (texts != ""), texts, ""), axis=1)
        rhymes = tf.strings.join([ends, " (at the rhymes, which are to be of one level group and different) "])
        rhymes = tf.where(rhyme_faults > 0, rhymes, "")
        return tf.strings.join([tones, rhymes, "in ", tf.gather(self._labels, chosen)])


_EXAMPLES = {
    "form": "五绝, 七绝, 五律 or 七律 (or wujue, qijue, wulv, qilv)",
    "opening": "仄起, 平起, 仄起入韵 or 平起入韵 (or zeqi, pingqi, zeqiruyun, pingqiruyun)",
    "rhyme": "a level group of 平水韵, as 东, 一东 or yidong,",
}


def _sounds() -> Any:
    """Return a table from a character to the groups it rhymes in, as bits, and its tones, in the two bits above those.

    A mark has the bit above, and a character that no rhyme book knows fits everything.
    """
    prosody, size = generous(), len(LEVEL_GROUPS)
    sounds = {char: group_bits(prosody, char) | prosody.tones(char) << size for char in prosody}
    sounds |= dict.fromkeys(MARKS, _MARK << size)
    sounds |= {variant: sounds[char] for variant, char in character_table().items() if char in sounds}
    return _table(list(sounds), list(sounds.values()), tf.int64, EVERY_GROUP | (LEVEL | OBLIQUE) << size)


def _same(ids: Any, other_ids: Any, texts: Any, other_texts: Any) -> Any:
    """Tell where the same character was typed, perhaps as a variant."""
    return (ids != PAD) & (ids == other_ids) & ((ids != UNK) | (texts == other_texts))


def _rhymes(typed: Any, texts: Any, rhymes: Any, offered: Any) -> tuple[Any, Any]:
    """Return the groups that the rhymes may be of, and how many rules of rhyme the text breaks, `[B, C]` each.

    Args:
        typed: int32 `[B, F, T]`, the tokens that are given.
        texts: string `[B, F, T]`, their characters.
        rhymes: int32 `[B, F, T]`, the groups that each rhymes in, all for what is not given.
        offered: int32 `[B]`, the groups to choose from.
    """

    def near(groups: Any) -> Any:
        return reduce(tf.bitwise.bitwise_or, (tf.where(groups & circle != 0, circle, 0) for circle in _CIRCLES), groups)

    columns = []
    for form, (name, (lines, size)) in enumerate(FORMS.items()):
        ends = [line * (size + 1) + size - 1 for line in range(lines)]

        def twice(one: int, other: int, form: int = form) -> Any:
            pairs = ((values[:, form, one], values[:, form, other]) for values in (typed, texts))
            return tf.cast(_same(*(value for pair in pairs for value in pair)), tf.int32)

        even = ends[1::2]
        answered = reduce(tf.bitwise.bitwise_and, (rhymes[:, form, end] for end in even), offered)
        faults = tf.cast(answered == 0, tf.int32) + sum(twice(a, b) for i, b in enumerate(even) for a in even[:i])
        answered = tf.where(answered == 0, offered, answered)
        own = rhymes[:, form, ends[0]]
        first = tf.where(answered & own != 0, answered & own, answered & near(own))
        more = tf.cast(first == 0, tf.int32) + sum(twice(ends[0], end) for end in even)
        for opening in OPENINGS:
            if 0 in rhyming_lines(name, opening):
                columns.append((tf.where(first == 0, answered, first), faults + more))
            else:
                columns.append((answered, faults))
    return tf.stack([groups for groups, _ in columns], axis=1), tf.stack([faults for _, faults in columns], axis=1)


def _table(keys: list[str], values: list[Any], dtype: Any, default: Any) -> Any:
    pairs = tf.lookup.KeyValueTensorInitializer(keys, values, key_dtype=tf.string, value_dtype=dtype)
    return tf.lookup.StaticHashTable(pairs, default_value=default)


def _lookup(names: Mapping[str, Iterable[str]], options: tuple[str, ...]) -> Any:
    """Return a table from names to the options they mean, as bits; the empty name means all."""
    meant = {name: sum(1 << options.index(option) for option in set(own)) for name, own in names.items()}
    meant[""] = 2 ** len(options) - 1
    return _table(list(meant), list(meant.values()), tf.int32, -1)


def _bits(values: Any, size: int) -> Any:
    """Return bool `[B, size]`."""
    return tf.bitwise.right_shift(values[:, tf.newaxis], tf.range(size)) & 1 == 1


def _cut(values: Any, size: int, nothing: Any) -> Any:
    """Return the first columns `[B, size]`, with nothing in those that are missing."""
    return tf.pad(values[:, :size], [[0, 0], [0, tf.maximum(0, size - tf.shape(values)[1])]], constant_values=nothing)


def _least(faults: Any, possible: Any) -> Any:
    return tf.reduce_min(tf.where(possible, faults, LENGTH), axis=1)


def _first(rules: list[tuple[Any, str, Any]]) -> Any:
    """Return the message of the first rule that is broken, string `[B]`; empty if none is."""
    problem = tf.zeros_like(rules[0][2])
    for broken, requirement, received in reversed(rules):
        problem = tf.where(broken, tf.strings.join([requirement, received, "."]), problem)
    return problem
