"""Plan a verse: choose form, opening and rhyme; refuse forms, rhymes and begins that do not fit.

What was typed always stands. A begin as long as a line takes a form with such lines, and an acrostic one of as many
lines. Of the combinations of form and opening that are left, those remain in which the typed text breaks the fewest
rules. One of them is drawn, as often as real poems have it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tangshi_tf.generation.inputs import NOTHING, characters, code_points, shown, without_white_space
from tangshi_tf.generation.lookup import MARK, meanings, sounds
from tangshi_tf.generation.masks import COMBINATIONS, LENGTH, Constraints, Slot
from tangshi_tf.generation.scansion import FORM, HEAD, LINE, LINES, POSITION, SIZE, TypedText, rhymes_of, same, tones_of
from tangshi_tf.model.random import row_choice
from tangshi_tf.verse.forms import FORM_SHARES, FORMS, OPENING_SHARES, OPENINGS, VERSE_INPUTS
from tangshi_tf.verse.prosody import EVERY_GROUP
from tangshi_tf.vocabulary import PAD

__all__ = ["PLANNERS", "Planner", "plan_prose"]

_NAMES = {
    "form": "五绝, 七绝, 五律 or 七律 (or wujue, qijue, wulv, qilv)",
    "opening": "仄起, 平起, 仄起入韵 or 平起入韵 (or zeqi, pingqi, zeqiruyun, pingqiruyun)",
    "rhyme": "a level group of 平水韵, as 东, 一东 or yidong,",
}
_DUE = {Slot.LEVEL: "平", Slot.OBLIQUE: "仄", Slot.CLOSE: "仄", Slot.GUARD: "平 here or two before"}
_PLACE = [[f"line {t // size + 1}, character {t % size + 1}" for t in range(LENGTH)] for size in SIZE[:, 0] + 1]
_LABEL = [f"{form} {opening}" for form, opening in COMBINATIONS]
_SHARES = np.array([FORM_SHARES[form] * share for form in FORMS for share in OPENING_SHARES[form]], np.float32)


def plan_prose(asked: Mapping[str, Any], ids: Any, seed: Any) -> dict[str, Any]:
    """Plan rows of prose, which has no verse: see `Planner.__call__`."""
    plan = _unplanned(ids)
    for name, wished in zip(VERSE_INPUTS, tf.unstack(_wishes(asked)), strict=True):
        refused = tf.strings.join([f"a model of poems is required for {name}; received ", shown(asked[name]), "."])
        plan["problem"] = tf.where(wished & (plan["problem"] == ""), refused, plan["problem"])
    return plan


def _wishes(asked: Mapping[str, Any]) -> Any:
    """Return whether each input that asks for verse is given, bool `[4, B]`."""
    return without_white_space(tf.stack([asked[name] for name in VERSE_INPUTS])) != ""


def _unplanned(ids: Any) -> dict[str, Any]:
    """Return the plan of rows of which begin alone is given; `ids` as for `Planner.__call__`."""
    begin = tf.split(ids, 2)[0]
    count = tf.shape(begin)[0]
    return {
        "slots": tf.concat(
            [tf.fill([count, 1], int(Slot.FIRST)), tf.fill([count, LENGTH - 1], int(Slot.FREE))], axis=1
        ),
        "typed": tf.pad(begin, [[0, 0], [0, tf.maximum(0, LENGTH - tf.shape(begin)[1])]], constant_values=PAD),
        "heads": tf.fill([count, LENGTH], ""),
        "groups": tf.fill([count], EVERY_GROUP),
        "length": tf.zeros([count], tf.int32),
        "problem": tf.fill([count], ""),
        "note": tf.fill([count], ""),
    }


class Planner:
    """Plans the verse of rows, inside the graph.

    Args:
        constraints: the masks for the model's vocabulary.
    """

    def __init__(self, constraints: Constraints) -> None:
        """See the class."""
        self._groups = constraints.groups
        self._meanings, self._sounds = meanings(), sounds()

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
        verse = tf.reduce_any(_wishes(asked), axis=0)
        none = _unplanned(ids)

        def planned() -> dict[str, Any]:
            plan = self._plan(asked, ids, seed)
            # Of a row with a problem none might fit.
            plan["slots"] = tf.where(plan["problem"][:, tf.newaxis] == "", plan["slots"], none["slots"])
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

    def _plan(self, asked: Mapping[str, Any], ids: Any, seed: Any) -> dict[str, Any]:
        """Plan every row as verse."""
        meant = dict(zip(_NAMES, tf.unstack(self._meanings(tf.stack([asked[name] for name in _NAMES]))), strict=True))
        text = self._place(
            ids, code_points(without_white_space(tf.concat([asked["begin"], asked["acrostic"]], axis=0)))
        )

        # Shape: the forms in which it can stand. If it can be, an acrostic is that of a whole poem, and a begin ends
        # with a line.
        wanted = _bits(meant["form"], len(FORMS))
        possible = wanted & text.begin_fits & text.acrostic_fits & text.agree  # [B, F]
        for liked in (text.acrostic_fills, text.begin_fills):
            possible = tf.where(tf.reduce_any(possible & liked, axis=1, keepdims=True), possible & liked, possible)
        fitting = wanted & text.begin_fits, wanted & text.acrostic_fits, possible

        # Rules: how many of them it breaks, by combination of form and opening.
        slots, broken = tones_of(text)
        offered = tf.stack([tf.fill(tf.shape(seed), self._groups), meant["rhyme"] & self._groups])
        groups, rhyme_faults = rhymes_of(text, offered)
        faults = tf.math.count_nonzero(broken, axis=2, dtype=tf.int32) + rhyme_faults
        chosen, least, avoidable = _choose(possible, meant["opening"], faults, seed)

        form = chosen // len(OPENINGS)
        tokens, codes = (tf.gather(values, form, batch_dims=1) for values in (text.tokens, text.codes))
        slots, broken, groups, rhyme_faults = (
            tf.gather(values, chosen, batch_dims=1) for values in (slots, broken, groups, rhyme_faults[1])
        )
        texts = characters(codes)
        length = tf.gather((LINES * (SIZE + 1))[:, 0], form)
        note = _note(chosen, slots, texts, broken, rhyme_faults, asked["rhyme"])
        problem = self._problem(asked, meant, fitting, length)
        contradiction = tf.where(avoidable, _received("opening and rhyme that the text leaves possible", note), "")
        problem = tf.where(problem == "", contradiction, problem)
        return {
            "slots": slots,
            "typed": tokens,
            "heads": tf.where(text.begun, "", texts),
            "groups": groups,
            "length": length,
            "problem": problem,
            "note": tf.where(least > 0, _received("text that keeps the rules", note), ""),
        }

    def _place(self, ids: Any, codes: Any) -> TypedText:
        """Place begin and acrostic, whose ids and code points are given, `[2 B, L]`, in each form."""

        def placed(values: Any, none: int) -> Any:
            values = tf.pad(values, [[0, 0], [1, LENGTH]], constant_values=none)
            begin, heads = tf.split(values, 2)
            return begin[:, tf.newaxis, 1 : LENGTH + 1], tf.gather(heads, HEAD, axis=1)  # [B, 1, T], [B, F, T]

        (begin, heads), (begin_codes, head_codes) = placed(ids, PAD), placed(codes, NOTHING)
        begun = begin != PAD
        tokens, codes = tf.where(begun, begin, heads), tf.where(begun, begin_codes, head_codes)
        natures, rhymes = tf.unstack(self._sounds(codes), axis=-1)
        wrong = (tokens != PAD) & ((LINE >= LINES) | ((natures == MARK) != (POSITION == SIZE)))
        begin_count, count = tf.split(tf.math.count_nonzero(ids != PAD, axis=1, keepdims=True, dtype=tf.int32), 2)
        other = begun & (heads != PAD) & ~same(heads, begin, head_codes, begin_codes)
        return TypedText(
            tokens,
            codes,
            natures,
            rhymes,
            begun=tf.squeeze(begun, 1),
            begin_fits=~tf.reduce_any(wrong & begun, axis=2),
            begin_fills=begin_count % (SIZE + 1)[:, 0] == SIZE[:, 0],
            acrostic_fits=~tf.reduce_any(wrong & ~begun, axis=2) & (count <= LINES[:, 0]),
            acrostic_fills=count == LINES[:, 0],
            agree=~tf.reduce_any(other, axis=2),
        )

    def _problem(self, asked: Mapping[str, Any], meant: Mapping[str, Any], fitting: Any, length: Any) -> Any:
        """Say why no combination is possible, string `[B]`.

        Args:
            asked: what was.
            meant: by form, opening and rhyme, as bits.
            fitting: the forms, bool `[B, F]`, that begin fits, that the acrostic fits, and that both fit together.
            length: of the text, int32 `[B]`.
        """
        no_begin, no_acrostic, no_form = (~tf.reduce_any(forms, axis=1) for forms in fitting)
        verse = tf.strings.join([asked[name] for name in VERSE_INPUTS])
        mute, poor = tf.fill(tf.shape(length), self._groups == 0), meant["rhyme"] & self._groups == 0
        short = (asked["max_length"] > 0) & (asked["max_length"] < length)
        return _first(
            [
                *((meant[name] < 0, f"{name} of {examples}", asked[name]) for name, examples in _NAMES.items()),
                (mute, "for verse, a model whose characters can rhyme and end lines", verse),
                (poor, "rhyme of a group with more characters in the model's vocabulary", asked["rhyme"]),
                (no_begin, "begin of lines as long as those of the form, with a mark after each,", asked["begin"]),
                (no_acrostic, "acrostic of a character for each line at most, without marks,", asked["acrostic"]),
                (no_form, "acrostic that begin, form and opening agree with", asked["acrostic"]),
                (short, "max_length of at least the length of the form, marks included,", shown(asked["max_length"])),
            ]
        )


PLANNERS: Mapping[str, Callable[[Constraints], Callable[..., dict[str, Any]]]] = {
    "poems": Planner,
    "prose": lambda constraints: plan_prose,
}
"""By kind of text, what makes the planner from the masks of a vocabulary."""


def _choose(possible: Any, openings: Any, faults: Any, seed: Any) -> tuple[Any, Any, Any]:
    """Choose a combination of form and opening.

    Args:
        possible: the forms, bool `[B, F]`.
        openings: as bits, int32 `[B]`.
        faults: of the combinations, int32 `[2, B, C]`: with any rhyme, with the one that was asked for.
        seed: int64 `[B]`.

    Returns:
        Its number int32 `[B]`, its faults, and whether another opening or rhyme would have had fewer, bool `[B]`.
    """
    possible = tf.gather(possible, FORM, axis=1)  # [B, C]
    asked_for = possible & tf.tile(_bits(openings, len(OPENINGS)), [1, len(FORMS)])
    least_of_all, least = (
        tf.reduce_min(tf.where(some, own, LENGTH), axis=1)
        for some, own in zip((possible, asked_for), tf.unstack(faults), strict=True)
    )
    chances = tf.where(asked_for & (faults[1] == least[:, tf.newaxis]), _SHARES, 0.0)
    return row_choice(seed, chances), least, least > least_of_all


def _note(chosen: Any, slots: Any, texts: Any, broken: Any, rhyme_faults: Any, rhyme: Any) -> Any:
    """Say what typed characters break, string `[B]`."""
    places = tf.gather(_PLACE, chosen // len(OPENINGS))
    due = tf.gather([_DUE.get(slot, "") for slot in Slot], slots)
    each = tf.strings.join([texts, " (", places, ", where ", due, " is due) "])
    tones = tf.strings.reduce_join(tf.where(broken, each, ""), axis=1)
    ends = tf.strings.reduce_join(tf.where((slots == Slot.RHYME) & (texts != ""), texts, ""), axis=1)
    group = tf.where(rhyme == "", "of one level group", tf.strings.join(["of ", shown(rhyme)]))
    rhymes = tf.strings.join([ends, " (at the rhymes, which are to be ", group, ", and different) "])
    rhymes = tf.where(rhyme_faults > 0, rhymes, "")
    return tf.strings.join([tones, rhymes, "in ", tf.gather(_LABEL, chosen)])


def _bits(values: Any, size: int) -> Any:
    """Return bool `[B, size]`."""
    return tf.bitwise.right_shift(values[:, tf.newaxis], tf.range(size)) & 1 == 1


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
