"""What is heard, beside the equations written out in NumPy."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.ear import MOST_TOKENS, sounds_of
from tangshi_tf.errors import ConfigError
from tangshi_tf.hearing import Hearing
from tangshi_tf.vocabulary import PAD, Vocabulary
from tests import reference

WIDTH = 6


def make(ear: str, vocabulary: Vocabulary) -> Hearing:
    hearing = Hearing(ear, vocabulary.tokens, WIDTH, rhymes=True)
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
    whole = hearing.meaning(verses, tf.float32)
    assert whole.shape == (1, tokens.shape[1], hearing.width)
    for read in (hearing.read, hearing.listener()):
        verse = hearing.beginning(1)
        for t, token in enumerate(tokens.T):
            verse, meaning = read(token, verse)
            np.testing.assert_array_equal(verse, verses[:, t])
            close(meaning, whole[:, t])
    np.testing.assert_array_equal(hearing.verses(tokens[:, 9:], verses[:, 8]), verses[:, 9:])


@pytest.mark.parametrize("ear", ["full", "verse"])
def test_a_rhyme_that_comes_again(ear: str, titled_vocabulary: Vocabulary) -> None:
    hearing = make(ear, titled_vocabulary)
    tokens = titled_vocabulary.encode("白日依山尽，黄河入海流。欲穷千里流，更上一层")
    verses = hearing.verses(np.array([tokens], np.int32))
    raises = hearing.raises(verses[0])
    assert raises is not None
    rhymes, by = (np.asarray(part) for part in raises)
    first, second = (titled_vocabulary.encode(char)[0] for char in "尽流")
    assert rhymes[4].tolist() == [PAD] * 5
    assert (by[rhymes == PAD] == 0).all()
    assert rhymes[-1].tolist() == [second, first, PAD, PAD, PAD]
    place = 2 * (16 * 5 + 4) + 1  # four of five characters in an even line
    np.testing.assert_array_equal(by[-1, :2], np.repeat(hearing.again.numpy()[place], 2))
    assert Hearing(ear, titled_vocabulary.tokens, WIDTH, rhymes=False).raises(verses[0]) is None


def test_a_verse_holds_so_many_tokens() -> None:
    tokens = [chr(0x4E00 + i) for i in range(MOST_TOKENS + 1)]
    assert Hearing("sounds", tokens, WIDTH, rhymes=True).raises(tf.zeros([1, 4], tf.int32)) is None
    with pytest.raises(ConfigError, match=r"at most 32,768 tokens is required .* Received: 32,769\."):
        Hearing("verse", tokens, WIDTH, rhymes=True)


def test_who_hears_nothing_has_no_variables(titled_vocabulary: Vocabulary) -> None:
    hearing = make("none", titled_vocabulary)
    assert (hearing.weights, hearing.width, hearing.has_verse) == ([], 0, False)
    x = tf.ones([3, WIDTH])
    assert hearing.embedded(x, tf.constant([4, 5, 6])) is x
    assert hearing.table(x) is x
    assert hearing.logits(x, x) is x
