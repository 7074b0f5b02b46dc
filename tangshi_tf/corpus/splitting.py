"""Split poems into train, validation and test without leaks: near-duplicates stay on one side.

Poets quoted each other, and editors filed one poem under two authors. So poems that share most of their characters are
clustered, and a whole cluster goes to one side.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from tangshi_tf.corpus.cleaning import han_only

__all__ = ["SPLITS", "assign_splits", "near_duplicate_clusters"]

SPLITS = ("train", "validation", "test")

_MOST = 100  # poems with a bigram that are compared with one of them


def near_duplicate_clusters(texts: Sequence[str], jaccard: float = 0.5, containment: float = 0.7) -> NDArray[np.int64]:
    """Cluster poems that share most of their character bigrams; marks do not count.

    Two poems are joined if the Jaccard index of their sets of bigrams is at least ``jaccard``, or if at least
    ``containment`` of the smaller set lies in the larger one. Clusters are the connected components.

    A bigram that more than `_MOST` poems hold leads from each of them only to the nearest in the order given, so
    that the time grows with the number of poems; `read_corpus` sorts them, so that those that begin alike are near.
    None of the Tang poems has so frequent a bigram among its rarest ones.

    Either condition puts a known share of the smaller set into the larger one. So the larger one holds at least one of
    the smaller one's rarest bigrams. Only poems that are found through these are compared.

    Args:
        texts: N poems.
        jaccard: threshold in (0, 1].
        containment: threshold in (0, 1].

    Returns:
        ``[N]`` labels 0, 1, … in the order of the first poem of each cluster.
    """
    grams: list[frozenset[str]] = []
    for text in texts:
        han = han_only(text)
        grams.append(frozenset(han[i : i + 2] for i in range(len(han) - 1)))
    holders: dict[str, list[int]] = {}
    for index, own in enumerate(grams):
        for gram in own:
            holders.setdefault(gram, []).append(index)

    parent = list(range(len(texts)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    # Jaccard >= j needs an overlap of at least (|a| + |b|) * j / (1 + j) >= 2 |a| * j / (1 + j).
    share = min(containment, 2 * jaccard / (1 + jaccard))
    for index, own in enumerate(grams):
        size = len(own)
        rarest = sorted(own, key=lambda gram: (len(holders[gram]), gram))
        prefix = rarest[: size - ceil(share * size - 1e-9) + 1]
        found = {other for gram in prefix for other in _near(holders[gram], index)}
        for other in found:
            if len(grams[other]) < size or root(other) == root(index):
                continue
            common = len(own & grams[other])
            union = size + len(grams[other]) - common
            if common >= jaccard * union or common >= containment * size:
                first, second = sorted((root(index), root(other)))
                parent[second] = first

    labels: dict[int, int] = {}
    return np.array([labels.setdefault(root(i), len(labels)) for i in range(len(texts))], dtype=np.int64)


def _near(holders: Sequence[int], index: int) -> Sequence[int]:
    """Return all of a sorted list, or those around a place if it is long."""
    if len(holders) <= _MOST:
        return holders
    place = bisect_left(holders, index)
    first = max(0, min(place - _MOST // 2, len(holders) - _MOST))
    return holders[first : first + _MOST]


def assign_splits(
    clusters: NDArray[np.int64], seed: int, shares: tuple[float, float, float] = (0.94, 0.03, 0.03)
) -> list[str]:
    """Give every poem a side; a cluster is never torn.

    The seed and the labels decide the order of the clusters. They fill validation first, then test, each up to its
    share of the poems; the rest is for training. With two clusters or more, validation has at least one poem.

    Args:
        clusters: ``[N]`` labels.
        seed: any integer.
        shares: of the N poems, in the order of `SPLITS`; only their proportion counts.

    Returns:
        N names out of `SPLITS`.
    """
    labels, sizes = np.unique(clusters, return_counts=True)
    total = sum(shares)
    room = {
        "validation": round(len(clusters) * shares[1] / total),
        "test": round(len(clusters) * shares[2] / total),
    }
    size_of = dict(zip(labels.tolist(), sizes.tolist(), strict=True))
    if len(size_of) > 1:
        room["validation"] = max(room["validation"], min(size_of.values()))
    side = dict.fromkeys(size_of, "train")
    for label in sorted(size_of, key=lambda label: hashlib.sha256(f"{seed}:{label}".encode()).digest()):
        for name, left in room.items():
            if size_of[label] <= left:
                side[label] = name
                room[name] -= size_of[label]
                break
    return [side[label] for label in clusters.tolist()]
