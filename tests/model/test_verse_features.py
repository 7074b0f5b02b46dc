"""What is heard, beside the equations written out in NumPy."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.errors import ConfigError
from tangshi_tf.model.verse_features import Ear
from tangshi_tf.model.verse_tracker import MOST_TOKENS, VERSE, sounds_of
from tangshi_tf.verse.prosody import LEVEL_GROUPS
from tangshi_tf.vocabulary import PAD, Vocabulary
from tests import reference

WIDTH, UNITS = 6, 5


def make(kind: str, vocabulary: Vocabulary) -> Ear:
    ear = Ear(kind, vocabulary.tokens, WIDTH, UNITS, rhymes=True)
    for weight in ear.trainable_weights:
        weight.assign_add(np.random.default_rng(1).normal(size=weight.shape))
    return ear


@pytest.fixture(scope="module")
def tokens(titled_vocabulary: Vocabulary) -> Any:
    return np.array([titled_vocabulary.encode("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")], np.int32)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["full", "sounds"])
def test_sounds_are_in_every_embedding(kind: str, titled_vocabulary: Vocabulary, tokens: Any) -> None:
    ear = make(kind, titled_vocabulary)
    plain = np.random.default_rng(2).normal(size=(len(titled_vocabulary), WIDTH)).astype(np.float32)
    table = plain + sounds_of(titled_vocabulary.tokens) @ ear.sound_kernel.numpy()
    close(ear.table(tf.constant(plain)), table)
    close(ear.embedded(tf.constant(plain[tokens]), tokens), table[tokens])
    x = np.random.default_rng(3).normal(size=(2, WIDTH)).astype(np.float32)
    close(ear.add_sounds(tf.constant(x), tf.constant(x @ plain.T)), x @ table.T)


@pytest.mark.parametrize("kind", ["full", "verse"])
def test_what_a_verse_means_in_the_loop_is_what_it_means_in_a_sequence(
    kind: str, titled_vocabulary: Vocabulary, tokens: Any
) -> None:
    ear = make(kind, titled_vocabulary)
    verses = ear.track_all(tokens)
    np.testing.assert_array_equal(verses, [reference.verses(titled_vocabulary.tokens, tokens[0])])
    whole = ear.features(ear.read(verses[0]), tf.float32)
    assert whole.shape == (tokens.shape[1], ear.width)
    verse = tf.zeros([1, VERSE], tf.int32)
    for t, token in enumerate(tokens.T):
        verse = ear.track(token, verse)
        np.testing.assert_array_equal(verse, verses[:, t])
        close(ear.features_of_step(ear.read(verse)), whole[t : t + 1])
    np.testing.assert_array_equal(ear.track_all(tokens[:, 9:], verses[:, 8]), verses[:, 9:])


@pytest.mark.parametrize("kind", ["full", "verse"])
def test_a_rhyme_that_comes_again(kind: str, titled_vocabulary: Vocabulary) -> None:
    ear = make(kind, titled_vocabulary)
    tokens = titled_vocabulary.encode("白日依山尽，黄河入海流。欲穷千里流，更上一层")
    verses = ear.track_all(np.array([tokens], np.int32))
    x = np.random.default_rng(2).normal(size=(len(tokens), UNITS + ear.width)).astype(np.float32)
    bonus = ear.rhyme_bonus(ear.read(verses[0]), x)
    assert bonus is not None
    _, rhymes, by = (np.asarray(part) for part in bonus)
    first, second = (titled_vocabulary.encode(char)[0] for char in "尽流")
    assert rhymes[4].tolist() == [PAD] * 5
    assert (by[rhymes == PAD] == 0).all()
    assert rhymes[-1].tolist() == [second, first, PAD, PAD, PAD]
    place = 2 * (16 * 5 + 4) + 1  # four of five characters in an even line
    close(by[-1, :2], np.repeat((x[-1] @ ear.bonus_kernel + ear.bonus_bias[place])[1], 2))
    assert Ear(kind, titled_vocabulary.tokens, WIDTH, UNITS, rhymes=False).rhyme_bonus(ear.read(verses[0]), x) is None


@pytest.mark.parametrize(
    ("ends", "groups"),
    [
        ("涯", "支佳"),
        ("迟涯", "支"),  # 涯 is of two groups, and 迟 says which
        ("涯迟", "支"),
        ("迟涯涯", "支"),
        ("迟涯家", "麻"),  # another rhyme
        ("尽涯", "支佳"),  # an oblique end of the first line
        ("尽", ""),
    ],
)
def test_what_is_answered_is_what_the_latest_rhymes_share(ends: str, groups: str) -> None:
    vocabulary = Vocabulary([*"一，。涯迟家尽"])
    ear = make("full", vocabulary)
    first, others = ends[0], ends[1:]
    text = f"一一一一{first}，" + "".join(f"一一一一{end}。一一一一一，" for end in others)
    verse = ear.track_all(np.array([vocabulary.encode(text)], np.int32))[0, -1:]
    x = np.random.default_rng(2).normal(size=(1, UNITS + ear.width)).astype(np.float32)
    bonus = ear.rhyme_bonus(ear.read(verse), x)
    assert bonus is not None
    answers = np.asarray(bonus[0])[0]
    assert "".join(np.array(list(LEVEL_GROUPS))[answers != 0]) == groups
    place = 2 * 16 * 5 + 1  # at the beginning of an even line
    close(answers[answers != 0], (x[0] @ ear.bonus_kernel + ear.bonus_bias[place])[0])
    own = ear.groups(tf.float32)[vocabulary.ids["涯"]]
    np.testing.assert_array_equal(own, [group in "支佳" for group in LEVEL_GROUPS])


def test_a_verse_holds_so_many_tokens() -> None:
    tokens = [chr(0x4E00 + i) for i in range(MOST_TOKENS + 1)]
    assert Ear("sounds", tokens, WIDTH, UNITS, rhymes=True).has_rhymes is False
    with pytest.raises(ConfigError, match=r"at most 32,768 tokens is required .* Received: 32,769\."):
        Ear("verse", tokens, WIDTH, UNITS, rhymes=True)


def test_who_hears_nothing_has_no_variables(titled_vocabulary: Vocabulary) -> None:
    ear = make("none", titled_vocabulary)
    assert (ear.weights, ear.width, ear.has_verse) == ([], 0, False)
    x = tf.ones([3, WIDTH])
    assert ear.embedded(x, tf.constant([4, 5, 6])) is x
    assert ear.table(x) is x
    assert ear.add_sounds(x, x) is x
