from collections import Counter

import numpy as np
import pytest

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.corpus.splitting import assign_splits, near_duplicate_clusters

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
SPRING = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
RIVER = "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。"


def brute_force_labels(texts: list[str]) -> list[int]:
    bags = [{han_only(t)[i : i + 2] for i in range(len(han_only(t)) - 1)} for t in texts]
    labels = list(range(len(texts)))
    for i, a in enumerate(bags):
        for j, b in enumerate(bags[:i]):
            common = len(a & b)
            if a and b and (common / len(a | b) >= 0.5 or common / min(len(a), len(b)) >= 0.7):
                keep, lose = sorted((labels[i], labels[j]))
                labels = [keep if label == lose else label for label in labels]
    order: dict[int, int] = {}
    return [order.setdefault(label, len(order)) for label in labels]


def test_clusters_match_brute_force() -> None:
    rng = np.random.default_rng(3)
    texts = []
    for _ in range(60):
        text = "".join(rng.choice(list("山水风月花鸟云天人心"), 20))
        texts.append(text)
        for _ in range(rng.integers(3)):  # a variant with some characters changed, or a part
            changed = list(text)
            for place in rng.integers(0, 20, rng.integers(1, 8)):
                changed[place] = "江"
            texts.append("".join(changed)[: rng.integers(5, 21)])
    assert near_duplicate_clusters(texts).tolist() == brute_force_labels(texts)
    assert 1 < len(set(brute_force_labels(texts))) < len(texts)


def test_a_quoted_poem_and_marks_do_not_separate() -> None:
    long = TOWER + SPRING + RIVER
    labels = near_duplicate_clusters([QUIET, long, SPRING, QUIET.replace("，", "！").replace("床", "窗")])
    assert labels.tolist() == [0, 1, 1, 0]
    assert near_duplicate_clusters([]).tolist() == []


def test_splits_keep_clusters_whole_and_shares() -> None:
    clusters = np.repeat(np.arange(500), 2)
    sides = assign_splits(clusters, seed=1)
    assert Counter(sides) == {"train": 940, "validation": 30, "test": 30}
    assert sides[::2] == sides[1::2]
    assert sides == assign_splits(clusters, seed=1)
    assert sides != assign_splits(clusters, seed=2)
    assert Counter(assign_splits(clusters, seed=1, shares=(0.5, 0.25, 0.25)))["test"] == 250


def test_a_cluster_larger_than_a_side_is_trained_on() -> None:
    clusters = np.array([0] * 40 + list(range(1, 61)))
    for seed in range(20):
        sides = assign_splits(clusters, seed)
        assert set(sides[:40]) == {"train"}
        assert Counter(sides) == {"train": 94, "validation": 3, "test": 3}


@pytest.mark.parametrize("clusters", [[0, 1], [0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1, 1, 2]])
def test_a_small_corpus_trains_and_validates(clusters: list[int]) -> None:
    for seed in range(20):
        sides = assign_splits(np.array(clusters), seed)
        assert {"train", "validation"} <= set(sides)


@pytest.mark.parametrize("count", [50, pytest.param(400, marks=pytest.mark.ci)])
def test_no_near_duplicates_across_the_shipped_splits(count: int) -> None:
    # Every poem of a sample is compared with every poem of the other sides, without the index of the code.
    train = [poem.text for poem in read_corpus().splits["train"]]
    held_out = [poem.text for poem in read_corpus().splits["validation"] + read_corpus().splits["test"]]
    numbers: dict[str, int] = {}

    def numbered(text: str) -> list[int]:
        han = han_only(text)
        return [numbers.setdefault(gram, len(numbers)) for gram in {han[i : i + 2] for i in range(len(han) - 1)}]

    bags = [numbered(text) for text in train]
    sizes = np.array([len(bag) for bag in bags])
    flat = np.concatenate([np.array(bag) for bag in bags])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for text in np.random.default_rng(7).choice(held_out, count, replace=False):
        own = numbered(str(text))
        member = np.zeros(len(numbers), dtype=np.int32)
        member[own] = 1
        common = np.add.reduceat(member[flat], starts)
        assert np.max(common / np.minimum(sizes, len(own))) < 0.7
        assert np.max(common / (sizes + len(own) - common)) < 0.5
