"""First embeddings from co-occurrence: characters that stand near the same others begin alike.

How often two characters stand within 8 of each other in a poem, each time for 1 / distance, gives the positive
pointwise mutual information
    M[a, b] = max(0, log(P(b | a) / Q(b))), Q(b) ~ (how often b occurs) ** 0.75,
made symmetric; its strongest eigenvectors, each times the root of its value, are the embeddings (Levy, Goldberg and
Dagan 2015). They are found by subspace iteration from a random start (Halko, Martinsson and Tropp 2011).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tangshi_tf.verse.forms import MARKS
from tangshi_tf.vocabulary import SEPARATOR, SPECIALS

__all__ = ["cooccurrence", "embeddings_of"]

_WINDOW = 8
_SPARE = 16  # more directions than are asked for, so that the last of these is found too
_ROUNDS = 8  # the embeddings of the shipped corpus change by 1 % after them


def cooccurrence(sequences: Any, tokens: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return how often tokens stand near each other, float32 `[V, V]`, symmetric; marks and the like are passed over.

    Args:
        sequences: int32 ragged `[N, None]`.
        tokens: of the vocabulary.
    """
    size, silent = len(tokens), {*SPECIALS, SEPARATOR, *MARKS}
    heard = np.array([token not in silent for token in tokens])
    ids, lengths = sequences.flat_values.numpy(), sequences.row_lengths().numpy()
    rows = np.repeat(np.arange(len(lengths)), lengths)  # TensorFlow's value_rowids takes a gigabyte and keeps it
    ids, rows = ids[heard[ids]].astype(np.int64), rows[heard[ids]]
    counts = np.zeros(size * size, np.float32)
    for distance in range(1, _WINDOW + 1):
        together = rows[distance:] == rows[:-distance]
        pairs = size * ids[:-distance][together] + ids[distance:][together]
        places, times = np.unique(pairs, return_counts=True)
        counts[places] += times / distance
    table = counts.reshape(size, size)
    table += table.T.copy()
    return table


def embeddings_of(counts: npt.NDArray[np.float32], width: int, seed: int) -> npt.NDArray[np.float32]:
    """Return embeddings `[V, width]` of length 1, turned at random so that no direction is stronger than others.

    Args:
        counts: what `cooccurrence` returns.
        width: of an embedding.
        seed: decides how they are turned.

    Returns:
        Zeros for a token that stands near no other.
    """
    random, size = np.random.default_rng(seed), len(counts)
    of = counts.sum(axis=1, keepdims=True)
    share = of**0.75 / max(1.0, float((of**0.75).sum()))
    table = counts / np.maximum(of, 1e-9) / np.maximum(share.T, 1e-9)
    np.log(np.maximum(table, 1, out=table), out=table)
    table = (table + table.T) / 2
    basis = random.normal(size=(size, min(size, width + _SPARE))).astype(np.float32)
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(table @ basis)[0]
    values, vectors = np.linalg.eigh(basis.T @ table @ basis)
    strongest = np.argsort(-np.abs(values))[:width]
    found = basis @ vectors[:, strongest] * np.sqrt(np.abs(values[strongest]))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    found = np.where(lengths > 1e-3, found / np.maximum(lengths, 1e-3), 0)
    turn = np.linalg.qr(random.normal(size=(width, width)))[0]
    return (found @ turn[: found.shape[1]]).astype(np.float32)
