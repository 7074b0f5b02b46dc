"""What is heard, beside the equations written out in NumPy."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.ear import sounds_of
from tangshi_tf.hearing import Hearing
from tangshi_tf.vocabulary import Vocabulary
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


def test_who_hears_nothing_has_no_variables(titled_vocabulary: Vocabulary) -> None:
    hearing = make("none", titled_vocabulary)
    assert (hearing.weights, hearing.width, hearing.has_verse) == ([], 0, False)
    x = tf.ones([3, WIDTH])
    assert hearing.embedded(x, tf.constant([4, 5, 6])) is x
    assert hearing.table(x) is x
    assert hearing.logits(x, x) is x
