"""Request to plan: which form, opening and rhyme a row's verse takes, what stands where, and why it cannot be.

What was typed always stands. Among the combinations of form and opening that were not excluded, those are considered
in which the typed text breaks the fewest rules, and one of them is drawn as often as real poems have it.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.lookup import MARK, meanings, sounds
from tangshi_tf.request import NOTHING, characters, code_points, shown, without_white_space
from tangshi_tf.sampling import row_choice
from tangshi_tf.verse.constraints import COMBINATIONS, LENGTH, WAYS, Constraints, Slot, slot_table
from tangshi_tf.verse.forms import FORM_SHARES, FORMS, OPENING_SHARES, OPENINGS, rhyming_lines
from tangshi_tf.verse.prosody import CIRCLES, EVERY_GROUP, LEVEL, LEVEL_GROUPS, OBLIQUE
from tangshi_tf.vocabulary import PAD, UNK

__all__ = ["Planner"]

_LINES = max(lines for lines, _ in FORMS.values())
_TAKEN = {
    Slot.ANY: LEVEL | OBLIQUE,
    Slot.LEVEL: LEVEL,
    Slot.OBLIQUE: OBLIQUE,
    Slot.RHYME: LEVEL,
    Slot.GUARD: LEVEL,
    Slot.CLOSE: OBLIQUE,
    Slot.COMMA: MARK,
    Slot.STOP: MARK,
    Slot.END: 0,
}
_FORM = np.arange(len(COMBINATIONS)) // len(OPENINGS)  # of each combination
_CIRCLES = [sum(1 << LEVEL_GROUPS.index(group) for group in circle) for circle in CIRCLES]
_DUE = {Slot.LEVEL: "平", Slot.OBLIQUE: "仄", Slot.CLOSE: "仄", Slot.GUARD: "平 here or two before"}


class Planner:
    """Plans the verse of rows, inside the graph.

    Args:
        constraints: the masks for the model's vocabulary.
    """

    def __init__(self, constraints: Constraints) -> None:
        """See the class."""
        self._groups = constraints.groups
        self._meanings, self._sounds = meanings(), sounds()

        slots = slot_table()
        self._slots = slots  # [C, W, T]
        self._taken = np.vectorize(_TAKEN.__getitem__)(slots).astype(np.int32)
        self._couplet = np.array(
            [
                [min(t // (2 * FORMS[form][1] + 2), FORMS[form][0] // 2 - 1) for t in range(LENGTH)]
                for form, _ in COMBINATIONS
            ]
        )
        self._shares = np.array(
            [FORM_SHARES[form] * OPENING_SHARES[form][OPENINGS.index(opening)] for form, opening in COMBINATIONS],
            np.float32,
        )
        by_form = slots[:: len(OPENINGS), 0]  # [F, T]
        self._marks = np.isin(by_form, [Slot.COMMA, Slot.STOP])
        self._after = by_form == Slot.END
        starts, self._ends = np.full((len(FORMS), LENGTH), _LINES), np.full((len(FORMS), _LINES), LENGTH - 1)
        places = np.full((len(FORMS), LENGTH), "", object)
        for f, (lines, size) in enumerate(FORMS.values()):
            for line in range(lines):
                starts[f, line * (size + 1)], self._ends[f, line] = line, line * (size + 1) + size - 1
                for i in range(size):
                    places[f, line * (size + 1) + i] = f"line {line + 1}, character {i + 1}"
        self._starts = starts.astype(np.int32)
        self._places = places.astype(str)
        self._due = np.array([_DUE.get(slot, "") for slot in Slot])
        self._labels = np.array([f"{form} {opening}" for form, opening in COMBINATIONS])

    def __call__(self, asked: Mapping[str, Any], ids: Any, seed: Any) -> dict[str, Any]:
        """Plan every row.

        Args:
            asked: strings `[B]`: begin, form, opening, rhyme, acrostic; and `max_length` int32 `[B]`.
            ids: those of begin, then of acrostic, int32 `[2 B, L]`, PAD after the shorter.
            seed: int64 `[B]`.

        Returns:
            `slots` int32 `[B, T]`; `typed` int32 `[B, T]`, the tokens that are given, PAD elsewhere; `heads` string
            `[B, T]`, what those of an acrostic print as; `groups` int32 `[B]`; `length` int32 `[B]`, the tokens of the
            text, 0 for free verse; `problem` string `[B]`, why a row cannot be served; `note` string `[B]`, which typed
            characters break which rule.
        """
        wishes = tf.stack([asked[name] for name in ("form", "opening", "rhyme", "acrostic")])
        verse = tf.reduce_any(without_white_space(wishes) != "", axis=0)
        count = tf.size(seed)
        free = tf.concat([tf.fill([count, 1], int(Slot.FIRST)), tf.fill([count, LENGTH - 1], int(Slot.FREE))], axis=1)
        nothing = tf.fill([count], "")
        begin, heads = tf.split(ids, 2)
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
            plan = self._plan(asked, begin, heads, seed)
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

    def _plan(self, asked: Mapping[str, Any], begin: Any, heads: Any, seed: Any) -> dict[str, Any]:
        names = ("form", "opening", "rhyme")
        meant = self._meanings(tf.stack([asked[name] for name in names]))
        forms, openings, wanted_rhymes = tf.unstack(meant)
        codes = code_points(tf.concat([asked["begin"], asked["acrostic"]], axis=0))
        length = tf.math.count_nonzero(codes != NOTHING, axis=1, keepdims=True, dtype=tf.int32)
        (begin_length, head_count), (begin_codes, head_codes) = tf.split(length, 2), tf.split(codes, 2)
        begin, begin_codes = (
            tf.expand_dims(_cut(values, LENGTH, none), 1) for values, none in ((begin, PAD), (begin_codes, NOTHING))
        )  # [B, 1, T]
        head_ids, head_codes = (
            tf.gather(_cut(_cut(values, _LINES, none), _LINES + 1, none), self._starts, axis=1)
            for values, none in ((heads, PAD), (head_codes, NOTHING))
        )  # [B, F, T]
        begun = begin_codes != NOTHING
        typed, codes = tf.where(begun, begin, head_ids), tf.where(begun, begin_codes, head_codes)  # [B, F, T]
        natures, rhymes = tf.unstack(self._sounds(codes), axis=-1)

        # Shape: what kind of token stands where, by form.
        wrong = (typed != PAD) & (self._after | ((natures == MARK) != self._marks))
        begin_fits = ~tf.reduce_any(wrong & begun, axis=2) & (begin_length < LENGTH)
        heads_fit = ~tf.reduce_any(wrong & ~begun, axis=2) & (head_count <= [lines for lines, _ in FORMS.values()])
        both = begun & (head_ids != PAD)
        other = ~_same(head_ids, begin, head_codes, begin_codes)
        agree = ~tf.reduce_any(both & other, axis=2)
        wanted = _bits(forms, len(FORMS))
        possible = wanted & begin_fits & heads_fit & agree  # [B, F]

        # Rules: how many of them the typed text breaks, by combination of form and opening.
        tone_faults, broken, way = self._tones(typed, natures)
        offered = tf.stack([tf.fill(tf.shape(seed), self._groups), wanted_rhymes & self._groups])
        groups, rhyme_faults = self._rhymes(typed, codes, rhymes, offered)
        groups, free_faults, rhyme_faults = groups[1], rhyme_faults[0], rhyme_faults[1]
        exact = possible & (head_count == [lines for lines, _ in FORMS.values()])  # an acrostic of the whole poem
        possible = tf.where(tf.reduce_any(exact, axis=1, keepdims=True), exact, possible)
        possible = tf.gather(possible, _FORM, axis=1)  # [B, C]
        least_of_all = _least(tone_faults + free_faults, possible)
        faults = tone_faults + rhyme_faults
        possible &= tf.tile(_bits(openings, len(OPENINGS)), [1, len(FORMS)])
        least = _least(faults, possible)
        chances = tf.where(possible & (faults == tf.expand_dims(least, 1)), self._shares, 0.0)
        chosen = row_choice(seed, chances)  # [B]
        form = chosen // len(OPENINGS)

        slots, broken, typed, groups, rhyme_faults, codes = (
            tf.gather(values, index, batch_dims=1)
            for values, index in (
                (way, chosen),
                (broken, chosen),
                (typed, form),
                (groups, chosen),
                (rhyme_faults, chosen),
                (codes, form),
            )
        )
        length = tf.gather([lines * (size + 1) for lines, size in FORMS.values()], form)
        texts = characters(codes)
        note = self._faults(chosen, slots, texts, broken, rhyme_faults, asked["rhyme"])
        unknown = dict(zip(names, tf.unstack(meant < 0), strict=True))
        problem = _first(
            [
                *((own, f"{name} of {_EXAMPLES[name]}", asked[name]) for name, own in unknown.items()),
                (
                    tf.fill(tf.shape(chosen), self._groups == 0),
                    "for verse, a model whose characters can rhyme and end lines",
                    tf.strings.join([asked[name] for name in (*names, "acrostic")]),
                ),
                (
                    wanted_rhymes & self._groups == 0,
                    "rhyme of a group with more characters in the model's vocabulary",
                    asked["rhyme"],
                ),
                (
                    ~tf.reduce_any(wanted & begin_fits, axis=1),
                    "begin of lines as long as those of the form, with a mark after each,",
                    asked["begin"],
                ),
                (
                    ~tf.reduce_any(wanted & heads_fit, axis=1),
                    "acrostic of a character for each line at most, without marks,",
                    asked["acrostic"],
                ),
                (
                    ~tf.reduce_any(possible, axis=1),
                    "acrostic that begin, form and opening agree with",
                    asked["acrostic"],
                ),
                (
                    (asked["max_length"] > 0) & (asked["max_length"] < length),
                    "max_length of at least the length of the form, marks included,",
                    shown(asked["max_length"]),
                ),
            ]
        )
        contradiction = tf.where(
            least > least_of_all, _received("opening and rhyme that the text leaves possible", note), ""
        )
        return {
            "slots": slots,
            "typed": typed,
            "heads": tf.where(tf.squeeze(begun, 1), "", texts),
            "groups": groups,
            "length": length,
            "problem": tf.where(problem == "", contradiction, problem),
            "note": tf.where(least > 0, _received("text that keeps the rules", note), ""),
        }

    def _tones(self, typed: Any, natures: Any) -> tuple[Any, Any, Any]:
        """Return how many typed characters break a tone, int32 `[B, C]`, which, `[B, C, T]`, and the slots `[B, C, T]`.

        Of the ways to write a couplet, that is the one which the typed text breaks least.
        """
        before = tf.pad(tf.where(typed == PAD, 0, natures), [[0, 0], [0, 0], [2, 0]])[:, :, :-2] & LEVEL
        rows = tf.shape(typed)[0]

        def by_combination(values: Any) -> Any:
            return tf.gather(values, _FORM, axis=1)[:, :, tf.newaxis]  # [B, C, 1, T]

        guarded = by_combination(natures | before)
        fits = tf.where(self._slots == Slot.GUARD, guarded, by_combination(natures)) & self._taken != 0  # [B, C, W, T]
        is_word = by_combination((typed != PAD) & (natures != MARK))
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

    def _rhymes(self, typed: Any, codes: Any, rhymes: Any, offered: Any) -> tuple[Any, Any]:
        """Return the groups that the rhymes may be of, and how many rules of rhyme the text breaks, `[2, B, C]` each.

        Args:
            typed: int32 `[B, F, T]`, the tokens that are given.
            codes: int32 `[B, F, T]`, their code points.
            rhymes: int32 `[B, F, T]`, the groups that each rhymes in, every one for what is not given.
            offered: int32 `[2, B]`, the groups to choose from: two such sets.
        """
        rows = tf.shape(typed)[0]
        ends = tf.broadcast_to(self._ends, [rows, *self._ends.shape])
        typed, codes, rhymes = (tf.gather(values, ends, batch_dims=2) for values in (typed, codes, rhymes))  # [B, F, L]
        own, *others = tf.unstack(rhymes, axis=2)
        offered = offered[:, :, tf.newaxis]
        fitting = reduce(tf.bitwise.bitwise_and, others[::2], offered)  # [2, B, F]
        pairs = (tf.expand_dims(values, axis) for values in (typed, codes) for axis in (2, 3))
        later = np.triu(np.ones((_LINES, _LINES), bool), 1) & (np.arange(_LINES) % 2 == 1)
        twice = tf.math.count_nonzero(_same(*pairs) & later, axis=3, dtype=tf.int32)  # [B, F, L]
        faults = tf.cast(fitting == 0, tf.int32) + tf.reduce_sum(twice * (np.arange(_LINES) % 2), axis=2)
        fitting = tf.where(fitting == 0, offered, fitting)
        near = reduce(tf.bitwise.bitwise_or, (tf.where(own & circle != 0, circle, 0) for circle in _CIRCLES), own)
        first = tf.where(fitting & own != 0, fitting & own, fitting & near)
        first_faults = tf.cast(first == 0, tf.int32) + twice[:, :, 0]
        rhyming = np.array([0 in rhyming_lines(form, opening) for form, opening in COMBINATIONS])
        fitting, faults, first, first_faults = (
            tf.gather(values, _FORM, axis=2) for values in (fitting, faults, first, first_faults)
        )
        return tf.where(rhyming & (first != 0), first, fitting), tf.where(rhyming, faults + first_faults, faults)

    def _faults(self, chosen: Any, slots: Any, texts: Any, broken: Any, rhyme_faults: Any, rhyme: Any) -> Any:
        """Say what typed characters break, string `[B]`."""
        places = tf.gather(self._places, chosen // len(OPENINGS))
        each = tf.strings.join([texts, " (", places, ", where ", tf.gather(self._due, slots), " is due) "])
        tones = tf.strings.reduce_join(tf.where(broken, each, ""), axis=1)
        ends = tf.strings.reduce_join(tf.where((slots == Slot.RHYME) & (texts != ""), texts, ""), axis=1)
        group = tf.where(rhyme == "", "of one level group", tf.strings.join(["of ", shown(rhyme)]))
        rhymes = tf.strings.join([ends, " (at the rhymes, which are to be ", group, ", and different) "])
        rhymes = tf.where(rhyme_faults > 0, rhymes, "")
        return tf.strings.join([tones, rhymes, "in ", tf.gather(self._labels, chosen)])


_EXAMPLES = {
    "form": "五绝, 七绝, 五律 or 七律 (or wujue, qijue, wulv, qilv)",
    "opening": "仄起, 平起, 仄起入韵 or 平起入韵 (or zeqi, pingqi, zeqiruyun, pingqiruyun)",
    "rhyme": "a level group of 平水韵, as 东, 一东 or yidong,",
}


def _same(ids: Any, other_ids: Any, codes: Any, other_codes: Any) -> Any:
    """Tell where the same character was typed, perhaps as a variant."""
    return (ids != PAD) & (ids == other_ids) & ((ids != UNK) | (codes == other_codes))


def _bits(values: Any, size: int) -> Any:
    """Return bool `[B, size]`."""
    return tf.bitwise.right_shift(values[:, tf.newaxis], tf.range(size)) & 1 == 1


def _cut(values: Any, size: int, none: int) -> Any:
    """Return the first columns `[B, size]`, `none` in those that are missing."""
    missing = tf.maximum(0, size - tf.shape(values)[1])
    return tf.pad(values[:, :size], [[0, 0], [0, missing]], constant_values=none)


def _least(faults: Any, possible: Any) -> Any:
    return tf.reduce_min(tf.where(possible, faults, LENGTH), axis=1)


def _first(rules: list[tuple[Any, str, Any]]) -> Any:
    """Return the message of the first rule that is broken, string `[B]`; empty if none is.

    Args:
        rules: whether it is broken, bool `[B]`; what it requires; and what was received, string `[B]`.
    """
    broken, requirements, received = zip(*rules, strict=True)
    first = tf.argmax(tf.cast(tf.stack(broken), tf.int32), output_type=tf.int32)
    said = tf.gather(tf.stack(received, axis=1), first, batch_dims=1)
    message = _received(tf.gather(requirements, first), shown(said))
    return tf.where(tf.reduce_any(broken, axis=0), message, "")


def _received(required: Any, received: Any) -> Any:
    return tf.strings.join([required, " is required; received ", received, "."])
