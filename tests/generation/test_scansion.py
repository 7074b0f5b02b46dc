"""The scan of typed text, beside the judge that knows the rules of finished poems."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.generation.inputs import NOTHING
from tangshi_tf.generation.lookup import sounds
from tangshi_tf.generation.masks import COMBINATIONS, LENGTH, Slot
from tangshi_tf.generation.scansion import LINES, SIZE, TypedText, rhymes_of, same, tones_of
from tangshi_tf.verse.checker import RHYME_RULES, judge
from tangshi_tf.verse.forms import FORMS, form_of
from tangshi_tf.verse.prosody import EVERY_GROUP, LEVEL_GROUPS
from tangshi_tf.vocabulary import PAD, UNK

TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
BEGINNING = COMBINATIONS.index(("五绝", "仄起"))


def typed(texts: Sequence[str]) -> TypedText:
    """Return texts as they are placed in every form, all characters known."""
    codes = np.full([len(texts), LENGTH], NOTHING, np.int32)
    for row, text in enumerate(texts):
        codes[row, : len(text)] = [ord(char) for char in text]
    codes = np.repeat(codes[:, np.newaxis], len(FORMS), axis=1)
    tokens = np.where(codes == NOTHING, PAD, codes % 20_000 + UNK + 1)
    natures, rhymes = tf.unstack(sounds()(tf.constant(codes)), axis=-1)
    all_forms = tf.fill([len(texts), len(FORMS)], True)
    return TypedText(
        tf.constant(tokens),
        tf.constant(codes),
        natures,
        rhymes,
        begun=tf.constant(tokens[:, 0] != PAD),
        begin_fits=all_forms,
        begin_fills=all_forms,
        acrostic_fits=all_forms,
        acrostic_fills=all_forms,
        agree=all_forms,
    )


def scanned(texts: Sequence[str]) -> tuple[Any, Any]:
    """Return where tones are broken, bool `[B, C, T]`, and the faults of rhyme, int32 `[B, C]`."""
    text = typed(texts)
    offered = tf.fill([2, len(texts)], EVERY_GROUP)
    return tones_of(text)[1].numpy(), rhymes_of(text, offered)[1].numpy()[1]


def test_the_sizes_are_those_of_the_forms() -> None:
    assert list(zip(LINES[:, 0].tolist(), SIZE[:, 0].tolist(), strict=True)) == list(FORMS.values())


@pytest.mark.parametrize("form", FORMS)
def test_real_poems_break_nothing_exactly_where_the_judge_finds_no_fault(form: str) -> None:
    texts = [text for text in read_corpus().texts("test") if form_of(text) == form][:40]
    broken, faults = scanned(texts)
    clean = 0
    for row, text in enumerate(texts):
        verdict = judge(text)
        if not verdict.opening:
            continue
        place = COMBINATIONS.index((form, verdict.opening))
        rules = {fault.rule for fault in verdict.faults["strict"]}
        if not rules:
            assert not broken[row, place].any(), text
        elif rules & {"平仄", "孤平", "三平尾"}:
            assert broken[row, place].any(), (text, rules)
        if "押韵" in rules or "重韵" in rules:
            assert faults[row, place] > 0, (text, rules)
        elif not rules & set(RHYME_RULES):
            assert faults[row, place] == 0, (text, rules)
        clean += not rules
    assert 0 < clean < len(texts)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (TOWER, []),
        (TOWER[:8], []),
        (TOWER.replace("依山", "依水"), [3]),
        (TOWER.replace("黄", "白"), [8]),  # 孤平, and what stands after it is what is due as level
        (TOWER.replace("一层", "高层"), [20]),
    ],
)
def test_a_broken_tone_is_found_where_it_is(text: str, places: list[int]) -> None:
    broken, _ = scanned([text])
    assert np.flatnonzero(broken[0, BEGINNING]).tolist() == places


def test_of_the_ways_to_write_a_couplet_the_one_is_taken_that_fits() -> None:
    """The third line 平平仄平仄 is as good as 平平平仄仄."""
    for tail in ("平平平仄仄", "平平仄平仄"):
        text = typed(["平平平仄仄，仄仄仄平平。" + tail][:1])
        slots, broken = tones_of(text)
        place = COMBINATIONS.index(("五绝", "平起"))
        assert slots.shape == (1, len(COMBINATIONS), LENGTH)
        assert slots[0, place, 5] == Slot.COMMA
        assert not broken[0, place, :11].numpy().any()


def test_rhymes_are_of_one_group_and_differ() -> None:
    other, again = TOWER.replace("层楼", "层山"), TOWER.replace("层楼", "层流")
    _, faults = scanned([TOWER, other, again])
    assert faults[:, BEGINNING].tolist() == [0, 1, 1]
    groups, _ = rhymes_of(typed([TOWER, TOWER[:12]]), tf.fill([2, 2], EVERY_GROUP))
    assert groups.numpy()[:, BEGINNING].tolist() == [1 << LEVEL_GROUPS.index("尤")] * 2
    offered = tf.constant([[EVERY_GROUP], [1 << LEVEL_GROUPS.index("先")]])
    assert rhymes_of(typed([TOWER]), offered)[1].numpy()[:, 0, BEGINNING].tolist() == [0, 1]


def test_the_same_character_is_one_whatever_the_vocabulary_knows() -> None:
    ids, others = tf.constant([5, 5, UNK, UNK, PAD]), tf.constant([5, 6, UNK, UNK, PAD])
    codes, other_codes = tf.constant([1, 1, 8, 8, 0]), tf.constant([2, 1, 8, 9, 0])
    assert same(ids, others, codes, other_codes).numpy().tolist() == [True, False, True, False, False]
