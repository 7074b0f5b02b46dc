import numpy as np
import pytest

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.dataset import LaneBatches, PoemBatches, encode_poems, plan_batches
from tangshi_tf.vocabulary import BOS, EOS, PAD, Vocabulary

TEXTS = ["山水。", "风。", "山山山山，水水水水。", "水山。", "风风，山山。", "山。"] * 3
VOCABULARY = Vocabulary.build(TEXTS, 1)


@pytest.fixture(scope="module")
def lengths() -> np.ndarray:
    return np.array([len(poem.text) + 2 for poem in read_corpus().poems("train")])


def test_a_plan_takes_every_row_once_within_the_budget(lengths: np.ndarray) -> None:
    batches = plan_batches(lengths, 5_000, seed=3, epoch=1)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= 5_000


def test_padding_of_the_shipped_corpus_is_what_the_docstring_says(lengths: np.ndarray) -> None:
    batches = plan_batches(lengths, 5_000, seed=0, epoch=0)
    padding = sum(int((lengths[rows].max() - lengths[rows]).sum()) for rows in batches)
    assert padding / lengths.sum() < 0.005
    exact = sum(1 for rows in batches if np.ptp(lengths[rows]) == 0)
    assert exact / len(batches) > 0.8


def test_few_numbers_of_rows_are_compiled_for(lengths: np.ndarray) -> None:
    rows = {len(batch) for epoch in range(3) for batch in plan_batches(lengths, 5_000, seed=0, epoch=epoch)}
    assert sum(number % 8 > 0 for number in rows) <= 8
    assert len(rows) < 40


@pytest.mark.parametrize("budget", [1, 7, 64, 1_000])
def test_any_budget_is_kept_and_every_row_taken(budget: int) -> None:
    lengths = np.random.default_rng(budget).integers(1, 40, 500)
    batches = plan_batches(lengths, budget, seed=0, epoch=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= budget


def test_the_order_is_a_function_of_seed_and_epoch(lengths: np.ndarray) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(plan_batches(lengths, 5_000, seed, epoch)).tolist()

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    sizes = {len(plan_batches(lengths, 5_000, seed, epoch)) for seed, epoch in ((0, 0), (0, 1), (5, 9))}
    assert len(sizes) == 1


def test_pairs_are_shifted_by_one() -> None:
    batches = PoemBatches(encode_poems(VOCABULARY, TEXTS), 12, seed=0)
    seen = []
    for x, y, first in batches.dataset(0, range(1), 1):
        x, y = x.numpy(), y.numpy()
        assert int(first) == 0
        assert (x[:, 0] == BOS).all()
        for row_x, row_y in zip(x, y, strict=True):
            length = int((row_y != PAD).sum())
            assert row_y[length - 1] == EOS
            assert (row_x[1:length] == row_y[: length - 1]).all()
            seen.append(VOCABULARY.decode(row_y))
    assert sorted(seen) == sorted(TEXTS)


def test_three_titles_of_four_are_read_and_none_is_learnt() -> None:
    vocabulary = Vocabulary.build(TEXTS, 1, titled=True)
    texts, titles = ["山水。"] * 20 + ["风。"] * 20, ["山风"] * 39 + [""]
    bare, titled = encode_poems(vocabulary, texts), encode_poems(vocabulary, texts, titles)
    batches = PoemBatches(bare, 20, 0, titled, vocabulary.separator)
    with_title = []
    for epoch in range(2):
        read, seen, found = 0, [], []
        steps = list(batches.dataset(epoch, range(1), 1))
        assert len(steps) == batches.steps(epoch)
        for x, y, _ in steps:
            for row_x, row_y in zip(x.numpy().tolist(), y.numpy().tolist(), strict=True):
                begin = row_x.index(vocabulary.separator) if vocabulary.separator in row_x else 0
                assert row_x[:begin] == ([BOS, *vocabulary.encode("山风")] if begin else [])
                assert row_y[:begin] == [PAD] * begin
                end = row_y.index(EOS)
                assert row_x[begin + 1 : end + 1] == row_y[begin:end]
                seen.append(vocabulary.decode(row_y[begin:end]))
                found.append(begin > 0)
                read += begin > 0
        assert sorted(seen) == sorted(texts)
        assert 29 <= read <= 30
        with_title.append(found)
    assert with_title[0] != with_title[1]


def test_every_epoch_reads_other_titles() -> None:
    vocabulary = Vocabulary.build(TEXTS, 1, titled=True)
    texts = ["".join("山水"[number >> bit & 1] for bit in range(6)) for number in range(64)]
    bare, titled = encode_poems(vocabulary, texts), encode_poems(vocabulary, texts, ["风"] * 64)
    batches = PoemBatches(bare, 40, 0, titled, vocabulary.separator)

    def with_title(epoch: int) -> set[str]:
        rows = [row for x, _, _ in batches.dataset(epoch, range(1), 1) for row in x.numpy().tolist()]
        return {vocabulary.decode(row).removeprefix("风") for row in rows if vocabulary.separator in row}

    assert len(with_title(0)) == len(with_title(1)) == 48
    assert with_title(0) == with_title(0) != with_title(1)


@pytest.mark.parametrize("replicas", [2, 3, 7])
def test_replicas_share_each_batch_and_none_reads_the_work_of_another(replicas: int) -> None:
    batches = PoemBatches(encode_poems(VOCABULARY, TEXTS), 20, seed=4)
    whole = [y.numpy() for _, y, _ in batches.dataset(2, range(1), 1)]
    parts = [list(batches.dataset(2, range(i, i + 1), replicas)) for i in range(replicas)]
    together = list(batches.dataset(2, range(replicas), replicas))
    assert len(together) == replicas * len(whole)
    for number, expected in enumerate(whole):
        rows = 0
        for i in range(replicas):
            x, y, first = parts[i][number]
            assert np.array_equal(together[number * replicas + i][0], x)
            y = y.numpy()
            if (y == PAD).all():
                continue  # a replica without rows
            assert int(first) == rows
            assert np.array_equal(y, expected[rows : rows + len(y)])
            rows += len(y)
        assert rows == len(expected)


@pytest.mark.parametrize(
    ("tokens", "lanes", "length"), [(100, 4, 7), (103, 4, 7), (101, 1, 200), (9, 9, 1), (50, 7, 8)]
)
def test_lanes_read_every_token_once_in_order(tokens: int, lanes: int, length: int) -> None:
    stream = np.arange(10, 10 + tokens, dtype=np.int32)
    batches = LaneBatches(stream, lanes, length)
    read = list(batches.dataset(0, range(1), 1))
    assert len(read) == batches.steps(0)
    assert all(x.shape == y.shape and y.shape[0] == lanes and y.shape[1] <= length for x, y, _ in read)
    x, y = (np.concatenate([pair[i] for pair in read], axis=1) for i in (0, 1))
    assert y[y != PAD].tolist() == stream.tolist()
    assert ((y == PAD).sum(axis=1) <= 1).all()
    assert (x[:, 0] == BOS).all()
    assert ((x[:, 1:] == y[:, :-1]) | (y[:, 1:] == PAD)).all()
    assert all(
        np.array_equal(a[1], b[1]) for a, b in zip(read[1:], batches.dataset(5, range(1), 1, done=1), strict=True)
    )


def test_what_is_learnt_is_counted() -> None:
    stream, ids = np.arange(30, dtype=np.int32) % 7, np.array([9, 8, 7, 6, 5, 4, 4], np.int32)
    titled = Vocabulary.build(TEXTS, 1, titled=True)
    titles = encode_poems(titled, TEXTS, ["山"] * len(TEXTS))
    for batches in (
        LaneBatches(stream, 4, 5, ids),
        LaneBatches(ids[stream], 4, 5),
        PoemBatches(encode_poems(VOCABULARY, TEXTS), 30, 0),
        PoemBatches(encode_poems(titled, TEXTS), 30, 0, titles, titled.separator),
    ):
        learnt = np.concatenate([y.numpy().ravel() for _, y, _ in batches.dataset(0, range(1), 1)])
        size = len(titled) + 10
        assert batches.counts(size).tolist() == np.bincount(learnt[learnt != PAD], minlength=size).tolist()


def test_lanes_translate_a_stream_of_other_numbers() -> None:
    stream, ids = np.arange(30, dtype=np.int32) % 7, np.array([9, 8, 7, 6, 5, 4, 3], np.int32)
    for (x, y, _), (same_x, same_y, _) in zip(
        LaneBatches(stream, 4, 5, ids).dataset(0, range(1), 1),
        LaneBatches(ids[stream], 4, 5).dataset(0, range(1), 1),
        strict=True,
    ):
        assert np.array_equal(x, same_x)
        assert np.array_equal(y, same_y)


@pytest.mark.parametrize("replicas", [2, 3])
def test_replicas_share_the_lanes(replicas: int) -> None:
    batches = LaneBatches(np.arange(10, 110, dtype=np.int32), 5, 8)
    whole = list(batches.dataset(0, range(1), 1))
    parts = list(batches.dataset(0, range(replicas), replicas))
    for i, (x, y, _) in enumerate(whole):
        own = parts[i * replicas : (i + 1) * replicas]
        assert np.concatenate([part[0] for part in own]).tolist() == x.numpy().tolist()
        assert np.concatenate([part[1] for part in own]).tolist() == y.numpy().tolist()
        assert [int(part[2]) for part in own] == np.cumsum([0] + [len(part[0]) for part in own])[:-1].tolist()
    (alone,) = {int(first) for *_, first in batches.dataset(0, range(1, 2), replicas)}
    assert alone == int(parts[1][2])
