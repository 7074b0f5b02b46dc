"""`generation.masks`: the slots of every form, and the masks over a vocabulary."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.generation.masks import COMBINATIONS, LENGTH, WAYS, Constraints, Slot, slot_table
from tangshi_tf.verse.forms import FORMS, LINE_TYPES, rhyming_lines, ways
from tangshi_tf.verse.prosody import EVERY_GROUP, LEVEL, LEVEL_GROUPS, OBLIQUE, generous, narrow
from tangshi_tf.vocabulary import BOS, EOS, PAD, SPECIALS, UNK

MARKS = "，。？"
TOKENS = (*SPECIALS, *MARKS, *"春天年前边泉月雪水日看过东风空中不𠮷眠烟山人千田船")


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(TOKENS)


def allowed(constraints: Constraints, slots: list[Slot], memory: dict[str, Any] | None = None) -> list[str]:
    memory = memory or constraints.start(len(slots), tf.fill([len(slots)], EVERY_GROUP))
    costs = constraints.costs(constraints.masks(), tf.constant(slots, tf.int32), memory).numpy()
    assert set(np.unique(costs)) <= {0.0, -np.inf}
    assert not np.isfinite(costs[:, len(TOKENS) :]).any()
    return ["".join(token for token, cost in zip(TOKENS, row, strict=False) if cost == 0.0) for row in costs]


def test_the_slots_of_a_quatrain() -> None:
    table = slot_table()
    assert table.shape == (16, WAYS, LENGTH)
    assert LENGTH == 65
    signs = {Slot.ANY: "中", Slot.LEVEL: "平", Slot.OBLIQUE: "仄", Slot.GUARD: "护", Slot.CLOSE: "仄", Slot.RHYME: "韵"}
    signs |= {Slot.COMMA: "，", Slot.STOP: "。", Slot.END: ""}
    found = ["".join(signs[Slot(slot)] for slot in way) for way in table[COMBINATIONS.index(("五绝", "仄起"))]]
    assert found == [
        "中仄中平仄，中平护仄韵。中平平仄仄，中仄仄平韵。",
        "中仄中仄仄，中平平仄韵。平平仄平仄，中仄仄平韵。",
        "中仄中平仄，中平护仄韵。中平仄仄仄，中仄仄平韵。",
    ]


@pytest.mark.parametrize(("form", "opening"), COMBINATIONS)
def test_the_slots_are_those_of_the_strict_patterns(form: str, opening: str) -> None:
    lines, size = FORMS[form]
    for way, slots in enumerate(slot_table()[COMBINATIONS.index((form, opening))]):
        assert set(slots[lines * (size + 1) :]) == {Slot.END}
        for line in range(lines):
            part = slots[line * (size + 1) :][: size + 1]
            choices = ways(LINE_TYPES[form][opening][line // 2], size, "strict")
            pattern = choices[way if way < len(choices) else 0][line % 2]
            assert (part[-1] == Slot.STOP) == (line % 2 == 1)
            assert (part[-2] == Slot.RHYME) == (line in rhyming_lines(form, opening)) == (pattern[-1] == "平")
            for slot, sign in zip(part[:-2], pattern, strict=False):
                assert {"中": Slot.ANY, "平": Slot.LEVEL, "仄": Slot.OBLIQUE, "护": Slot.GUARD}[sign] == slot


def test_every_class_has_its_tokens(constraints: Constraints) -> None:
    free, first, every, level, oblique, close, comma, stop, end = allowed(
        constraints,
        [Slot.FREE, Slot.FIRST, Slot.ANY, Slot.LEVEL, Slot.OBLIQUE, Slot.CLOSE, Slot.COMMA, Slot.STOP, Slot.END],
    )
    hanzi = "".join(TOKENS[len(SPECIALS) + len(MARKS) :])
    assert free == SPECIALS[EOS] + MARKS + hanzi
    assert first == MARKS + hanzi
    assert every == hanzi
    assert level == "春天年前边泉看过东风空中眠烟山人千田船"
    assert oblique == "月雪水日看过不"
    assert close == "月雪水日"  # no judge can hear it as level
    assert (comma, stop, end) == ("，", "。", SPECIALS[EOS])


def test_the_masks_are_the_narrow_reading_of_a_real_vocabulary() -> None:
    tokens = (*SPECIALS, *sorted(char for char in map(chr, range(0x4E00, 0x9FA0)) if char in generous()))
    constraints = Constraints(tokens)
    costs = constraints.costs(
        constraints.masks(), tf.constant([Slot.LEVEL, Slot.OBLIQUE]), constraints.start(2, tf.fill([2], EVERY_GROUP))
    )
    for i, token in enumerate(tokens[len(SPECIALS) :], len(SPECIALS)):
        tones = narrow().tones(token) if token in narrow() else 0
        assert (costs.numpy()[:, i] == 0.0).tolist() == [bool(tones & LEVEL), bool(tones & OBLIQUE)], token


def test_a_guard_looks_two_tokens_back(constraints: Constraints) -> None:
    memory = constraints.start(3, tf.fill([3], EVERY_GROUP))
    memory["last"] = tf.constant([[TOKENS.index(char), TOKENS.index("月")] for char in "春月看"])
    after_level, after_oblique, after_either = allowed(constraints, [Slot.GUARD] * 3, memory)
    assert "月" in after_level
    assert after_oblique == after_either == allowed(constraints, [Slot.LEVEL])[0]


def test_rhymes_answer_each_other_and_differ(constraints: Constraints) -> None:
    rhyming = set("天年前边泉眠烟千田船")
    assert constraints.groups == 1 << LEVEL_GROUPS.index("先")  # no other group has enough
    memory = constraints.start(2, tf.fill([2], constraints.groups))
    slot = tf.constant([Slot.RHYME, Slot.LEVEL])
    assert set(allowed(constraints, [Slot.RHYME] * 2, memory)[0]) == rhyming
    token = tf.constant([TOKENS.index("年"), TOKENS.index("年")])
    memory = constraints.remember(memory, slot, token, tf.constant([False, False]))
    typed = tf.constant([TOKENS.index("田")] * 2)  # which could rhyme, where a line was to end oblique
    memory = constraints.remember(memory, tf.constant([Slot.CLOSE, Slot.ANY]), typed, tf.constant([True, True]))
    first, second = allowed(constraints, [Slot.RHYME] * 2, memory)
    assert set(first) == rhyming - {"年", "田"}
    assert set(second) == rhyming  # there neither ended a line
    assert memory["last"].numpy().tolist() == [[TOKENS.index("年"), TOKENS.index("田")]] * 2


def test_what_was_typed_does_not_narrow_the_rhymes(constraints: Constraints) -> None:
    memory = constraints.start(1, tf.fill([1], constraints.groups))
    memory = constraints.remember(
        memory, tf.constant([Slot.RHYME]), tf.constant([TOKENS.index("月")]), tf.constant([True])
    )
    assert memory["groups"].numpy().tolist() == [constraints.groups]


@pytest.mark.parametrize("missing", ["，", "。", "月雪水日", "年前", "天年前边泉眠烟千田船"])
def test_a_vocabulary_that_cannot_serve_says_so(missing: str) -> None:
    constraints = Constraints([token for token in TOKENS if token not in missing or token in SPECIALS])
    assert constraints.groups == 0
    costs = constraints.masks()[Slot.FREE].numpy()
    assert np.isfinite(costs[EOS])
    assert not np.isfinite(costs[[PAD, BOS, UNK]]).any()
