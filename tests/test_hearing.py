"""What is heard, beside the equations written out in NumPy."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.errors import ConfigError
from tangshi_tf.model.verse_features import Hearing
from tangshi_tf.model.verse_tracker import MOST_TOKENS, sounds_of
from tangshi_tf.verse.prosody import LEVEL_GROUPS
from tangshi_tf.vocabulary import PAD, Vocabulary
from tests import reference

WIDTH, UNITS = 6, 5


def make(ear: str, vocabulary: Vocabulary) -> Hearing:
    hearing = Hearing(ear, vocabulary.tokens, WIDTH, UNITS, rhymes=True)
    for weight in hearing.trainable_weights:
        weight.assign_add(np.random.default_rng(1).normal(size=weight.shape))
    return hearing


@pytest.fixture(scope="module")
def tokens(titled_vocabulary: Vocabulary) -> Any:
    return np.array([titled_vocabulary.encode("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")], np.int32)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ear", ["full", "sounds"])
def test_sounds_are_in_every_embedding(ear: str, titled_vocabulary: Vocabulary, tokens: Any) -> None:
    hearing = make(ear, titled_vocabulary)
    plain = np.random.default_rng(2).normal(size=(len(titled_vocabulary), WIDTH)).astype(np.float32)
    table = plain + sounds_of(titled_vocabulary.tokens) @ hearing.sound_kernel.numpy()
    close(hearing.table(tf.constant(plain)), table)
    close(hearing.embedded(tf.constant(plain[tokens]), tokens), table[tokens])
    x = np.random.default_rng(3).normal(size=(2, WIDTH)).astype(np.float32)
    close(hearing.logits(tf.constant(x), tf.constant(x @ plain.T)), x @ table.T)


@pytest.mark.parametrize("ear", ["full", "verse"])
def test_what_a_verse_means_in_the_loop_is_what_it_means_in_a_sequence(
    ear: str, titled_vocabulary: Vocabulary, tokens: Any
) -> None:
    hearing = make(ear, titled_vocabulary)
    verses = hearing.verses(tokens)
    np.testing.assert_array_equal(verses, [reference.verses(titled_vocabulary.tokens, tokens[0])])
    whole = hearing.meaning(hearing.heard(verses[0]), tf.float32)
    assert whole.shape == (tokens.shape[1], hearing.width)
    for read in (hearing.read, hearing.listener()):
        verse = hearing.beginning(1)
        for t, token in enumerate(tokens.T):
            verse, _, meaning = read(token, verse)
            np.testing.assert_array_equal(verse, verses[:, t])
            close(meaning, whole[t : t + 1])
    np.testing.assert_array_equal(hearing.verses(tokens[:, 9:], verses[:, 8]), verses[:, 9:])


@pytest.mark.parametrize("ear", ["full", "verse"])
def test_a_rhyme_that_comes_again(ear: str, titled_vocabulary: Vocabulary) -> None:
    hearing = make(ear, titled_vocabulary)
    tokens = titled_vocabulary.encode("白日依山尽，黄河入海流。欲穷千里流，更上一层")
    verses = hearing.verses(np.array([tokens], np.int32))
    x = np.random.default_rng(2).normal(size=(len(tokens), UNITS + hearing.width)).astype(np.float32)
    raises = hearing.raises(hearing.heard(verses[0]), x)
    assert raises is not None
    _, rhymes, by = (np.asarray(part) for part in raises)
    first, second = (titled_vocabulary.encode(char)[0] for char in "尽流")
    assert rhymes[4].tolist() == [PAD] * 5
    assert (by[rhymes == PAD] == 0).all()
    assert rhymes[-1].tolist() == [second, first, PAD, PAD, PAD]
    place = 2 * (16 * 5 + 4) + 1  # four of five characters in an even line
    close(by[-1, :2], np.repeat((x[-1] @ hearing.raises_kernel + hearing.raises_bias[place])[1], 2))
    assert (
        Hearing(ear, titled_vocabulary.tokens, WIDTH, UNITS, rhymes=False).raises(hearing.heard(verses[0]), x) is None
    )


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
    hearing = make("full", vocabulary)
    first, others = ends[0], ends[1:]
    text = f"一一一一{first}，" + "".join(f"一一一一{end}。一一一一一，" for end in others)
    verse = hearing.verses(np.array([vocabulary.encode(text)], np.int32))[0, -1:]
    x = np.random.default_rng(2).normal(size=(1, UNITS + hearing.width)).astype(np.float32)
    raises = hearing.raises(hearing.heard(verse), x)
    assert raises is not None
    answers = np.asarray(raises[0])[0]
    assert "".join(np.array(list(LEVEL_GROUPS))[answers != 0]) == groups
    place = 2 * 16 * 5 + 1  # at the beginning of an even line
    close(answers[answers != 0], (x[0] @ hearing.raises_kernel + hearing.raises_bias[place])[0])
    own = hearing.groups(tf.float32)[vocabulary.ids["涯"]]
    np.testing.assert_array_equal(own, [group in "支佳" for group in LEVEL_GROUPS])


def test_a_verse_holds_so_many_tokens() -> None:
    tokens = [chr(0x4E00 + i) for i in range(MOST_TOKENS + 1)]
    assert Hearing("sounds", tokens, WIDTH, UNITS, rhymes=True).has_rhymes is False
    with pytest.raises(ConfigError, match=r"at most 32,768 tokens is required .* Received: 32,769\."):
        Hearing("verse", tokens, WIDTH, UNITS, rhymes=True)


def test_who_hears_nothing_has_no_variables(titled_vocabulary: Vocabulary) -> None:
    hearing = make("none", titled_vocabulary)
    assert (hearing.weights, hearing.width, hearing.has_verse) == ([], 0, False)
    x = tf.ones([3, WIDTH])
    assert hearing.embedded(x, tf.constant([4, 5, 6])) is x
    assert hearing.table(x) is x
    assert hearing.logits(x, x) is x
