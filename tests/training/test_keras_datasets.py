from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.poems import Poem, read_corpus
from tangshi_tf.corpus.prose import read_prose
from tangshi_tf.errors import ConfigError, CorpusError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.keras_datasets import poem_dataset, prose_dataset
from tangshi_tf.vocabulary import BOS, EOS, PAD, Vocabulary

POEMS = [poem for poem in read_corpus().poems("train") if len(poem.text) < 70][:120]


def vocabulary(titled: bool) -> Vocabulary:
    return Vocabulary.build([poem.text for poem in POEMS], min_count=1, titled=titled)


def read(dataset: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(x.numpy(), y.numpy()) for x, y in dataset]


def texts(batches: list[tuple[np.ndarray, np.ndarray]], known: Vocabulary) -> list[str]:
    return sorted(known.decode(row) for _, y in batches for row in y)


@pytest.mark.parametrize("titled", [False, True])
def test_every_epoch_has_all_poems_in_as_many_new_batches(titled: bool) -> None:
    known = vocabulary(titled)
    dataset = poem_dataset(POEMS, known, token_budget=600)
    assert dataset.element_spec == (tf.TensorSpec([None, None], tf.int32),) * 2
    steps = int(dataset.cardinality())
    epochs = [read(dataset) for _ in range(5)]
    for batches in epochs:
        assert len(batches) == steps
        assert texts(batches, known) == sorted(poem.text for poem in POEMS)
        for x, y in batches:
            assert x.shape == y.shape
            assert set(x[:, 0]) == {BOS}
            assert (y == EOS).sum() == len(y)
    first, second = ([x.tolist() for x, _ in batches] for batches in epochs[:2])
    assert first != second
    heads = [sum(known.separator in row for x, _ in batches for row in x.tolist()) for batches in epochs]
    assert heads == ([90] * 5 if titled else [0] * 5)


def test_a_seed_and_the_number_of_the_epoch_decide_the_batches() -> None:
    known = vocabulary(True)
    one, two, other = (poem_dataset(POEMS, known, seed=seed) for seed in (1, 1, 2))
    for _ in range(2):
        a, b, c = ([x.tolist() for x, _ in read(dataset)] for dataset in (one, two, other))
        assert a == b != c


def test_for_validation_every_epoch_is_the_same_and_has_no_titles() -> None:
    known = vocabulary(True)
    dataset = poem_dataset(POEMS, known, shuffle=False)
    first, second = read(dataset), read(dataset)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not any((x == known.separator).any() for x, _ in first)


def test_poems_are_of_one_length_and_what_is_not_is_masked() -> None:
    known = vocabulary(False)
    batches = read(poem_dataset(POEMS, known, token_budget=600))
    assert np.mean([(y != PAD).all() for _, y in batches]) > 0.6
    model = PoetryModel(ModelConfig(cell="rnn", units=4, embedding=3, ear="none"), known)
    assert all(np.array_equal(model.compute_mask(x), y != PAD) for x, y in batches)
    titled = read(poem_dataset(POEMS, vocabulary(True), token_budget=600))
    model = PoetryModel(ModelConfig(cell="rnn", units=4, embedding=3, ear="none"), vocabulary(True))
    assert all(np.array_equal(model.compute_mask(x), y != PAD) for x, y in titled)


def test_texts_will_do_and_none_will_not() -> None:
    known = vocabulary(True)
    bare = read(poem_dataset([poem.text for poem in POEMS], known))
    assert texts(bare, known) == sorted(poem.text for poem in POEMS)
    assert len(read(poem_dataset([Poem("", "", "山水，花月。")], known))) == 1
    with pytest.raises(CorpusError, match=r"A poem is required. Received: none\."):
        poem_dataset([], known)


def test_poems_may_come_one_by_one() -> None:
    known = vocabulary(True)
    streamed, listed = poem_dataset((poem for poem in POEMS), known), poem_dataset(POEMS, known)
    assert [x.tolist() for x, _ in read(streamed)] == [x.tolist() for x, _ in read(listed)]


@pytest.mark.parametrize(
    ("poems", "message"),
    [
        ("白日依山尽", "A list of poems or of texts is required. Received: one str."),
        (read_corpus(), "A list of poems or of texts is required. Received: one Corpus."),
        (None, "A list of poems or of texts is required. Received: one NoneType."),
        ([b"abc"], "Poems or texts are required. Received: bytes."),
        ([("春晓", "春眠不觉晓")], "Poems or texts are required. Received: tuple."),
    ],
)
def test_what_is_no_poem_is_refused(poems: Any, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        poem_dataset(poems, vocabulary(False))


@pytest.mark.parametrize(
    "given", [{"token_budget": 0}, {"token_budget": "5"}, {"token_budget": 1.5e3}, {"seed": -1}, {"seed": None}]
)
def test_numbers_that_plan_nothing_are_refused(given: dict[str, Any]) -> None:
    ((name, value),) = given.items()
    with pytest.raises(ConfigError, match=f"{name} of at least ., a whole number, is required. Received: {value!r}."):
        poem_dataset(POEMS, vocabulary(False), **given)


@pytest.mark.long
def test_fit_of_keras_learns_alone_and_on_two_replicas(two_replicas: Any) -> None:
    known = vocabulary(True)
    for strategy in (tf.distribute.get_strategy(), two_replicas):
        with strategy.scope():
            model = PoetryModel(ModelConfig(cell="gru", units=12, embedding=8, dropout=0.0), known)
            model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        train = poem_dataset(POEMS, known, token_budget=150)
        held_out = poem_dataset(POEMS[:20], known, shuffle=False)
        history = model.fit(train, validation_data=held_out, epochs=2, verbose=0, shuffle=False).history
        assert history["loss"][-1] < history["loss"][0]
        assert history["val_loss"][-1] < history["val_loss"][0]
        assert np.isfinite(history["loss"]).all()
        assert min(x.shape[0] for x, _ in train) == 1  # which leaves a replica without rows


@pytest.fixture
def prose_of(tmp_path: Path) -> Any:
    def make(text: str) -> Any:
        (tmp_path / "text.txt").write_text(text, encoding="utf-8")
        return read_prose([tmp_path / "text.txt"])

    return make


def test_prose_comes_in_pieces_in_a_new_order(prose_of: Any) -> None:
    text = "".join(chr(0x4E00 + i % 97) for i in range(499)) + "\n"
    prose = prose_of(text)
    known = Vocabulary.from_counts(prose.counts(), min_count=1, known=prose.types)
    dataset = prose_dataset(prose, known, split="all", batch_size=4, sequence_length=30)
    assert int(dataset.cardinality()) == 5  # 17 pieces
    assert dataset.element_spec == (tf.TensorSpec([None, 30], tf.int32),) * 2
    plain = read(prose_dataset(prose, known, split="all", batch_size=4, sequence_length=30, shuffle=False))
    x, y = (np.concatenate([pair[i] for pair in plain]).ravel() for i in (0, 1))
    assert known.decode(y) == text
    assert x[0] == BOS
    assert np.array_equal(x[1:500], y[:499])
    assert not y[500:].any()
    first, second = read(dataset), read(dataset)
    assert sorted(texts(first, known)) == sorted(texts(second, known)) == sorted(texts(plain, known))
    assert [y.tolist() for _, y in first] != [y.tolist() for _, y in second]


def test_a_part_without_text_is_refused(prose_of: Any) -> None:
    prose = prose_of("山水")
    with pytest.raises(CorpusError, match=r"Text is required. Received: none in test\."):
        prose_dataset(prose, Vocabulary("山水"), split="test")


def test_what_is_no_prose_and_no_piece_is_refused(prose_of: Any) -> None:
    prose, known = prose_of("山水"), Vocabulary("山水")
    poems: Any = POEMS
    with pytest.raises(CorpusError, match=r"Prose is required \(read_prose\)\. Received: list\."):
        prose_dataset(poems, known)
    with pytest.raises(ConfigError, match=r"batch_size of at least 1, a whole number, is required\. Received: 0\."):
        prose_dataset(prose, known, batch_size=0)
    with pytest.raises(ConfigError, match=r"sequence_length of at least 1, a whole number, is required\."):
        prose_dataset(prose, known, sequence_length=0)
    model: Any = PoetryModel(ModelConfig(units=4, embedding=3, ear="none"), known)
    with pytest.raises(ConfigError, match=r"A Vocabulary is required .* Received: PoetryModel\."):
        prose_dataset(prose, model)
    with pytest.raises(ConfigError, match=r"A Vocabulary is required .* Received: PoetryModel\."):
        poem_dataset(POEMS, model)
