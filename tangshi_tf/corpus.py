"""Files to poems: readers, cleaning with counted reasons, deduplication, a split that does not leak.

A poem's text is one string of Han characters and the marks ，。？！；：、 and nothing else, in simplified
characters. What a file holds beyond that is either removed (white space, notes, quotation marks), folded
(traditional and variant characters, half-width marks), or the whole poem is dropped and the reason counted.

Poets quoted each other and editors filed one poem under two authors, so near-duplicates are clustered and a
cluster is never torn between the sides of the split.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tangshi_tf.errors import CorpusError
from tangshi_tf.readers import Record, parse_records, read_records
from tangshi_tf.shipped import find_resource

__all__ = [
    "HAN",
    "PUNCTUATION",
    "SPLITS",
    "Corpus",
    "Poem",
    "assign_splits",
    "character_table",
    "clean",
    "fold",
    "han_only",
    "near_duplicate_clusters",
    "parse_poems",
    "read_corpus",
    "read_poems",
]

SPLITS = ("train", "validation", "test")
PUNCTUATION = "，。？！；：、"
_MIN_HAN = 4
_MAX_LENGTH = 5_000  # the longest poem of the Quan Tangshi has 2,980 characters; a novel is no poem

HAN = "〇\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003fffd"  # CJK unified ideographs, all extensions
_NOT_HAN = re.compile(f"[^{HAN}]+")
_NOTE = re.compile(r"（[^（）]*）|\([^()]*\)")
_BRACKETS = re.compile(r"[\[\]［］【】〔〕〖〗]")
_MARKS = re.compile("[「」『』“”‘’\"'＂＇〝〞《》〈〉]")
_MARK_RUN = re.compile(f"[{PUNCTUATION}]*([{PUNCTUATION}])")
_ORIGIN = re.compile("[_(（《[]")
_PLACEHOLDERS = frozenset({"空", "缺", "阙", "无", "空缺"})

# The first pattern found in a text names why it is dropped.
_FAULTS = (
    ("composed character", re.compile(r"[{}｛｝\u2e80-\u2fff=+/|]")),
    ("missing character", re.compile("[□■○●◯◎◇▢�＊*]")),
    ("Latin letter or digit", re.compile("[A-Za-z0-9Ａ-Ｚａ-ｚ０-９\u00aa-\u024f]")),
    ("private use", re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")),
    ("unbalanced bracket", re.compile("[()（）]")),
    ("other symbol", re.compile(f"[^{HAN}{PUNCTUATION}]")),
)


@dataclass(frozen=True, slots=True)
class Poem:
    """One poem; its text is what `clean` returns, title and author may be empty or hold odd signs."""

    title: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Poems on the sides of a split.

    Attributes:
        splits: a list of poems for every name in `SPLITS`, in the order of their source.
        dropped: how many poems were left out, by reason; "exact duplicate" is one of the reasons.
    """

    splits: dict[str, list[Poem]]
    dropped: dict[str, int]

    def poems(self, split: str = "all") -> list[Poem]:
        """Return the poems of one side, or of every side in the order of `SPLITS` for ``"all"``.

        Raises:
            CorpusError: for any other name.
        """
        if split == "all":
            return [poem for name in SPLITS for poem in self.splits[name]]
        if split not in self.splits:
            raise CorpusError(f"A split is required: {', '.join(SPLITS)} or all. Received: split={split!r}")
        return list(self.splits[split])

    def texts(self, split: str = "all") -> list[str]:
        """Return the texts of `poems(split)`."""
        return [poem.text for poem in self.poems(split)]

    def digest(self, titled: bool = False) -> str:
        """Return what tells one corpus, split included and perhaps titles, from another."""
        digest = hashlib.sha256()
        for split in self.splits:
            lines = [f"{poem.title}\t{poem.text}" if titled else poem.text for poem in self.poems(split)]
            digest.update("\n".join([split, *lines, ""]).encode())
        return digest.hexdigest()


@lru_cache(maxsize=1)
def character_table() -> dict[str, str]:
    """Return the table of variants: traditional or old character (or half-width mark) to the one used here.

    No value is a key, so folding twice is folding once. 乾 and 徵 are left out: which simplified character
    they become depends on the words around them.
    """
    lines = find_resource("data/characters.tsv").read_text(encoding="utf-8").splitlines()
    table = {}
    for line in lines:
        variant, simplified = line.split("\t")
        table[variant] = simplified
    return table


@lru_cache(maxsize=1)
def _translation() -> dict[int, str]:
    return str.maketrans(character_table())


def fold(text: str) -> str:
    """Replace every traditional or variant character by the simplified one; the length stays the same."""
    return text.translate(_translation())


def han_only(text: str) -> str:
    """Return the Han characters of a text, without marks or anything else."""
    return _NOT_HAN.sub("", text)


def clean(text: str) -> tuple[str, str]:
    """Reduce a poem to Han characters and the marks ，。？！；：、.

    White space, invisible characters, round-bracketed notes, square brackets (their content stays: it is a
    rare character written out), quotation and book-title marks go; half-width marks become full-width;
    traditional and variant characters are folded. Of a run of marks the last stays, at the start none.

    Args:
        text: any text.

    Returns:
        The cleaned text and the reason why the poem must be dropped: ``""`` if it is to be kept, in which
        case cleaning the cleaned text changes nothing.
    """
    text = unicodedata.normalize("NFC", text)  # compatibility ideographs to the unified ones
    text = "".join(c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cf", "Cc"))
    if not text:
        return "", "empty"
    notes = 1
    while notes:  # a note may hold another
        text, notes = _NOTE.subn("", text)
    text = fold(_MARKS.sub("", _BRACKETS.sub("", text)))
    for reason, pattern in _FAULTS:
        if pattern.search(text):
            return text, reason
    text = _MARK_RUN.sub(r"\1", text).lstrip(PUNCTUATION)
    han = han_only(text)
    if not han:
        return text, "empty"
    if han in _PLACEHOLDERS:
        return text, "placeholder"
    if len(han) < _MIN_HAN:
        return text, "too short"
    if len(text) > _MAX_LENGTH:
        return text, "too long"
    return text, ""


def near_duplicate_clusters(texts: Sequence[str], jaccard: float = 0.5, containment: float = 0.7) -> NDArray[np.int64]:
    """Cluster poems that share most of their character bigrams; marks do not count.

    Two poems are joined if the Jaccard index of their sets of bigrams is at least ``jaccard``, or if at least
    ``containment`` of the smaller set lies in the larger one. Clusters are the connected components.

    Either condition means that a known share of the smaller set is in the larger one. So the larger one holds
    at least one of the smaller one's few rarest bigrams, and only poems found through those are compared.

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
        found = {other for gram in prefix for other in holders[gram] if other != index}
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


def assign_splits(
    clusters: NDArray[np.int64], seed: int, shares: tuple[float, float, float] = (0.94, 0.03, 0.03)
) -> list[str]:
    """Give every poem a side; a cluster is never torn.

    Clusters are taken in an order that only ``seed`` and their labels decide; validation is filled first,
    then test, each up to its share of the poems; all the rest is for training. With two clusters or more at
    least one poem is for validation.

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


def read_corpus(paths: Sequence[str | Path] | None = None, seed: int = 0, origin_filter: bool = False) -> Corpus:
    """Read poems and split them.

    Args:
        paths: None for the shipped corpus with its frozen split, else files and folders in the formats that
            `tangshi_tf.readers` describes. Poems in the shipped format keep their split.
        seed: decides the split of poems that come without one. It depends on the poems and on nothing else,
            neither on the order of the files nor on titles.
        origin_filter: whether poems are left out as the course programs do that this project began from: those whose
            text as it stands in the file has a bracket or an underscore, or not 5 to 80 characters.

    Raises:
        CorpusError: if a file cannot be read, is empty, damaged, or holds no poem; or if fewer than two
            different poems remain (near-duplicates count as one).
    """
    if paths is None:
        path = find_resource("data/tangshi.tsv.xz")
        records = list(read_records(path))
        return _corpus([Poem(r.title, r.author, r.text) for r in records], [r.split for r in records], Counter())
    poems, sides, dropped = _read_files(_files(paths), origin_filter)
    if all(sides):
        return _corpus(poems, sides, dropped)
    return _corpus(poems, _split(poems, sides, seed), dropped)


def read_poems(paths: Sequence[str | Path]) -> tuple[list[Poem], dict[str, int]]:
    """Read the files that `read_corpus` reads, unsplit, exact duplicates once; a single poem is enough.

    Returns:
        The poems, and how many were left out by reason.
    """
    poems, _, dropped = _read_files(_files(paths), origin_filter=False)
    return poems, dict(sorted(dropped.items()))


def parse_poems(data: bytes, name: str) -> tuple[list[Poem], dict[str, int]]:
    """Do what `read_poems` does with the bytes of one file, which errors call by this name."""
    poems, _, dropped = _read_files([(name, parse_records(data, name))], origin_filter=False)
    return poems, dict(sorted(dropped.items()))


def _files(paths: Sequence[str | Path]) -> list[tuple[str | Path, Iterable[Record]]]:
    if not paths:
        raise CorpusError("At least one corpus file is required. Received: none")
    return [(path, read_records(Path(path))) for path in paths]


def _read_files(
    files: Iterable[tuple[str | Path, Iterable[Record]]], origin_filter: bool
) -> tuple[list[Poem], list[str], Counter[str]]:
    """Return the poems of all files, the side that each was given ("" for none), and how many were left out."""
    poems: list[Poem] = []
    sides: list[str] = []
    seen: set[str] = set()
    dropped: Counter[str] = Counter()
    for name, records in files:
        reasons: Counter[str] = Counter()
        held = 0
        for record in records:
            text, reason = clean(record.text) if record.text else ("", "no text")
            if origin_filter and not reason and (_ORIGIN.search(record.text) or not 5 <= len(record.text) <= 80):
                reason = "origin filter"
            if reason:
                reasons[reason] += 1
                continue
            held += 1
            key = han_only(text)
            if key in seen:
                reasons["exact duplicate"] += 1
                continue
            seen.add(key)
            poems.append(Poem(record.title, record.author, text))
            sides.append(record.split)
        if not held:
            found = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            raise CorpusError(f"At least one poem is required in {name}. Received: none (dropped: {found or 'none'})")
        dropped.update(reasons)
    return poems, sides, dropped


def _split(poems: Sequence[Poem], given: Sequence[str], seed: int) -> list[str]:
    """Return a side for every poem; a cluster that holds a poem with a given side takes that side."""
    order = sorted(range(len(poems)), key=lambda i: poems[i].text)  # so that the order of the files is no matter
    clusters = near_duplicate_clusters([poems[i].text for i in order])
    if clusters.max() == 0:
        raise CorpusError(
            "At least 2 different poems are required, to train and to validate (near-duplicates count as one; a poem "
            f"is a line title:content, or ends at a blank line). Received: {len(poems)} poem{'s' * (len(poems) > 1)}"
        )
    fixed = {int(cluster): given[i] for i, cluster in zip(order, clusters, strict=True) if given[i]}
    sides = [""] * len(poems)
    for i, cluster, side in zip(order, clusters, assign_splits(clusters, seed), strict=True):
        sides[i] = given[i] or fixed.get(int(cluster), side)
    return sides


def _corpus(poems: Iterable[Poem], sides: Iterable[str], dropped: Counter[str]) -> Corpus:
    splits: dict[str, list[Poem]] = {name: [] for name in SPLITS}
    for poem, side in zip(poems, sides, strict=True):
        splits[side].append(poem)
    return Corpus(splits, dict(sorted(dropped.items())))
