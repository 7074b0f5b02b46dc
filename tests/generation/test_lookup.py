"""`lookup`: typed characters and names as numbers, inside the graph."""

import pytest
import tensorflow as tf

from tangshi_tf.corpus.cleaning import character_table
from tangshi_tf.generation.lookup import MARK, meanings, sounds
from tangshi_tf.verse.forms import MARKS, OPENINGS
from tangshi_tf.verse.prosody import EITHER, EVERY_GROUP, LEVEL_GROUPS, generous


def test_every_character_sounds_as_the_table_says() -> None:
    prosody = generous()
    chars = [*prosody, *MARKS, *character_table(), "🙂", "a", "𠮷", "\U0010ffff"]
    found = sounds()(tf.constant([[ord(char) for char in chars]])).numpy()[0]
    assert found.shape == (len(chars), 2)
    for char, (nature, groups) in zip(chars, found.tolist(), strict=True):
        simplified = character_table().get(char, char)
        if simplified in MARKS:
            assert (nature, groups) == (MARK, 0)
        elif simplified in prosody:
            assert (nature, groups) == (prosody.tones(simplified), prosody.rhyme_bits(simplified)), char
        else:
            assert (nature, groups) == (EITHER, EVERY_GROUP), char


@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        ("form", "", 15),
        ("form", " \n", 15),
        ("form", "五绝", 1),
        ("form", "七言律詩", 8),
        ("form", "七言絶句", 2),
        ("form", "Wu-Lü", 4),
        ("form", "绝句", 3),
        ("form", "五", -1),
        ("form", "五绝七绝", -1),
        ("opening", "仄起", 1),
        ("opening", "首句入韻", sum(1 << i for i, name in enumerate(OPENINGS) if "入韵" in name)),
        ("rhyme", "東", 1),
        ("rhyme", "yi dong", 1),
        ("rhyme", "dong", 3),
        ("rhyme", "下平十五咸", 1 << 29),
        ("rhyme", "月", -1),
        ("rhyme", "🙂", -1),
        ("rhyme", LEVEL_GROUPS, -1),
    ],
)
def test_names(name: str, said: str, meant: int) -> None:
    names = ("form", "opening", "rhyme")
    found = meanings()(tf.constant([[said if name == own else "", ""] for own in names])).numpy()
    every = [15, 15, EVERY_GROUP]
    assert found[:, 1].tolist() == every
    assert found[:, 0].tolist() == [meant if name == own else bits for own, bits in zip(names, every, strict=True)]
