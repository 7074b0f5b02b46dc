from itertools import combinations

import numpy as np

from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.dataset import encode_poems
from tangshi_tf.model.embedding_init import cooccurrence, embeddings_of
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import Vocabulary

VOCABULARY = Vocabulary("，。山水风月花春秋")
POEMS = ["山水，风月。", "山花山。", "秋。", "春山水风月花春秋山山水。"]


def counted(poems: list[str]) -> np.ndarray:
    return cooccurrence(encode_poems(VOCABULARY, poems), VOCABULARY.tokens)


def test_characters_count_for_one_over_their_distance_within_a_poem() -> None:
    expected = np.zeros((len(VOCABULARY),) * 2)
    for poem in POEMS:
        ids = [VOCABULARY.ids[char] for char in poem if char not in "，。"]
        for i, j in combinations(range(len(ids)), 2):
            if j - i <= 8:
                expected[ids[i], ids[j]] += 1 / (j - i)
                expected[ids[j], ids[i]] += 1 / (j - i)
    np.testing.assert_allclose(counted(POEMS), expected, rtol=1e-6)
    assert counted(["山，水。"])[VOCABULARY.ids["山"], VOCABULARY.ids["水"]] == 1


def information(counts: np.ndarray) -> np.ndarray:
    """Return the matrix of the equation, by its words."""
    size, of = len(counts), counts.sum(axis=1)
    table = np.zeros((size, size))
    for a, b in zip(*np.nonzero(counts), strict=True):
        table[a, b] = max(0.0, np.log(counts[a, b] / of[a] / (of[b] ** 0.75 / (of**0.75).sum())))
    return (table + table.T) / 2


def test_embeddings_are_the_strongest_eigenvectors_turned() -> None:
    random = np.random.default_rng(3)
    for size, width, near in ((60, 12, 0.03), (28, 12, 1e-5), (9, 9, 1e-5), (6, 11, 1e-5)):
        counts = random.poisson(24 / size, (size, size)).astype(np.float32)
        counts += counts.T
        counts[2] = counts[:, 2] = 0
        values, vectors = np.linalg.eigh(information(counts))
        strongest = np.argsort(-np.abs(values))[:width]
        full = vectors[:, strongest] * np.sqrt(np.abs(values[strongest]))
        found = embeddings_of(counts, width, 0)
        assert found.shape == (size, width)
        assert not found[2].any()
        known = np.delete(np.arange(size), 2)
        lengths = np.linalg.norm(full[known], axis=1)
        expected = full[known] @ full[known].T / np.outer(lengths, lengths)
        np.testing.assert_allclose(found[known] @ found[known].T, expected, atol=near)
        shares = (found[known] ** 2).mean(axis=0)
        assert size <= width or shares.max() < 5 * shares.min()  # before it is turned, 20 times


def test_seeds_turn_them_otherwise() -> None:
    counts = counted(POEMS)
    one, again, other = (embeddings_of(counts, 6, seed) for seed in (0, 0, 1))
    assert (one == again).all()
    assert not np.allclose(one, other, atol=0.1)
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-3)


def test_nothing_stands_near_nothing() -> None:
    assert not embeddings_of(counted(["山。"]), 4, 0).any()


def test_neighbours_in_the_corpus_are_alike() -> None:
    texts = read_corpus().texts("validation")
    vocabulary = Vocabulary.build(texts, 20)
    found = embeddings_of(cooccurrence(encode_poems(vocabulary, texts), vocabulary.tokens), 64, 0)
    alike = found @ found.T

    def rank(char: str, other: str) -> int:
        row = alike[vocabulary.ids[char]]
        return int((row > row[vocabulary.ids[other]]).sum())

    assert max(rank("三", "十"), rank("山", "峰"), rank("愁", "恨")) < len(vocabulary) / 10


def test_a_model_begins_with_them_and_at_random_where_there_are_none() -> None:
    model = PoetryModel(ModelConfig(units=8, embedding=6, ear="none"), VOCABULARY)
    before = model.embedding.embeddings.numpy()
    found = embeddings_of(counted(POEMS), 6, 0)
    model.initialize_from(np.ones(len(VOCABULARY)), found)
    after = model.embedding.embeddings.numpy()
    known = found.any(axis=1)
    assert [VOCABULARY.tokens[i] for i in np.flatnonzero(known)] == list("山水风月花春秋")
    assert (after[known] == found[known]).all()
    assert (after[~known] == before[~known]).all()
