"""The ear, beside a reference that keeps all lines in mind."""

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.corpus.titles import titles_of
from tangshi_tf.dataset import encode_poems, pair_batches, plan_batches
from tangshi_tf.model.verse_tracker import (
    LINES,
    METRES,
    MOST_TOKENS,
    SOUNDS,
    VERSE,
    advance,
    advance_all,
    kinds_of,
    sounds_of,
)
from tangshi_tf.verse.prosody import GROUPS
from tangshi_tf.vocabulary import PAD, Vocabulary
from tests import reference

PROSE = (
    "环滁皆山也。其西南诸峰，林壑尤美，望之蔚然而深秀者，琅琊也。山行六七里，渐闻水声潺潺，而泻出于两峰之间者，酿泉也。"
    "峰回路转，有亭翼然临于泉上者，醉翁亭也。作亭者谁？山之僧智仙也。名之者谁？太守自谓也。"
)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.build(read_corpus().texts("train"), 4, titled=True)


def heard(vocabulary: Vocabulary, ids: np.ndarray) -> np.ndarray:
    start = tf.zeros([len(ids), VERSE], tf.int32)
    verse: np.ndarray = tf.function(advance_all, reduce_retracing=True)(
        kinds_of(vocabulary.tokens), ids.astype(np.int32), start
    ).numpy()
    return verse


def expected(vocabulary: Vocabulary, ids: np.ndarray) -> np.ndarray:
    return np.array([reference.verses(vocabulary.tokens, row) for row in ids], np.int32)


@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.ci)])
def test_every_poem_of_the_corpus(vocabulary: Vocabulary, every: int) -> None:
    poems = read_corpus().poems()[::every]
    listener = tf.function(advance_all, reduce_retracing=True)
    sequences = encode_poems(vocabulary, [poem.text for poem in poems], titles_of(poems))
    kinds, read = kinds_of(vocabulary.tokens), 0
    for x, _ in pair_batches(sequences, plan_batches(sequences.row_lengths().numpy(), 100_000, 0, 0)):
        verse = listener(kinds, x, tf.zeros([len(x), VERSE], tf.int32)).numpy()
        assert (verse[..., 0] % MOST_TOKENS).max() < METRES
        assert (verse[..., 1] % MOST_TOKENS).max() < LINES
        np.testing.assert_array_equal(verse, expected(vocabulary, x.numpy()))
        read += len(x)
    assert read == len(poems)


def test_prose_and_nonsense(vocabulary: Vocabulary) -> None:
    prose = np.array([vocabulary.encode(PROSE * 3)])
    np.testing.assert_array_equal(heard(vocabulary, prose), expected(vocabulary, prose))
    random = np.random.default_rng(0)
    marks = vocabulary.encode("，。？！；：、")
    pool = np.array([*range(8), *marks, *vocabulary.encode("山水龘")])
    for ids in (random.integers(0, len(vocabulary), (20, 200)), random.choice(pool, (50, 300))):
        np.testing.assert_array_equal(heard(vocabulary, ids.astype(np.int32)), expected(vocabulary, ids))


def test_a_text_in_pieces_is_the_text(vocabulary: Vocabulary) -> None:
    kinds = kinds_of(vocabulary.tokens)
    ids = tf.constant([vocabulary.encode(PROSE)])
    verse = tf.zeros([1, VERSE], tf.int32)
    whole = advance_all(kinds, ids, verse)
    for t in range(ids.shape[1]):
        verse = advance(kinds, ids[:, t], verse)
        np.testing.assert_array_equal(verse, whole[:, t])
        if t % 7 == 0:
            np.testing.assert_array_equal(advance_all(kinds, ids[:, t + 1 :], verse), whole[:, t + 1 :])


def test_what_is_heard_of_a_quatrain(vocabulary: Vocabulary) -> None:
    text = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
    ids = encode_poems(vocabulary, [text], ["登鹳雀楼"]).to_tensor().numpy()
    verse = heard(vocabulary, ids)[0]
    assert (verse[5] == PAD).all()  # after the separator
    verse, earlier = verse % 2**15, verse // 2**15
    places = [16 * first + place for first in (0, 5, 5, 5) for place in (1, 2, 3, 4, 5, 0 if first else 80)]
    assert verse[6:-1, 0].tolist() == places
    assert verse[6:-1, 1].tolist() == [line + (i == 5) for line in range(4) for i in range(6)]
    assert vocabulary.decode(verse[6:-1, 3]) == "尽" * 6 + "流" * 12 + "楼"
    assert vocabulary.decode(earlier[6:-1, 0]) == "尽" * 12 + "流"
    assert vocabulary.decode(earlier[6:-1, 1]) == "尽"
    assert (earlier[:, 2:] == PAD).all()


def test_derived_sounds() -> None:
    book, form, tone, both = sounds_of(["胡", "蝴", "徭", "棰"])
    np.testing.assert_array_equal(form, book)
    assert np.flatnonzero(tone).tolist() == [SOUNDS - 2]  # level, in no known group
    assert np.flatnonzero(both).tolist() == [SOUNDS - 2, SOUNDS - 1]


def test_sounds(vocabulary: Vocabulary) -> None:
    sounds = sounds_of(vocabulary.tokens)
    assert sounds.shape == (len(vocabulary), SOUNDS)
    names = (*GROUPS, "平", "仄")

    def of(char: str) -> set[str]:
        return {names[i] for i in np.flatnonzero(sounds[vocabulary.encode(char)[0]])}

    assert of("流") == of("楼") == {"尤", "平"}
    assert of("月") == {"月", "仄"}
    assert of("看") == {"寒", "翰", "平", "仄"}
    assert of("，") == of("龘") == set()
    known = [any(sounds[i]) for i, token in enumerate(vocabulary.tokens) if token.isalpha()]
    assert np.mean(known) > 0.97
