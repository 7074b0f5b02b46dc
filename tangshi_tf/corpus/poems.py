"""Files of poems to a `Corpus`: read, cleaned, without duplicates, split.

A poem's text is one string of simplified Han characters and the marks ，。？！；：、. White space, notes and quotation
marks are removed; traditional and variant characters and half-width marks are folded. A poem with anything else is
dropped, and the reason is counted.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tangshi_tf.corpus.cleaning import clean, han_only
from tangshi_tf.corpus.formats import AUTO
from tangshi_tf.corpus.readers import Reading, parse_records, read_records
from tangshi_tf.corpus.shipped_format import shipped_records
from tangshi_tf.corpus.splitting import SPLITS, assign_splits, near_duplicate_clusters
from tangshi_tf.corpus.unpacking import LIMIT_GB
from tangshi_tf.errors import CorpusError
from tangshi_tf.phases import phase, tracked

__all__ = ["Corpus", "Poem", "Understood", "parse_poems", "read_corpus", "read_poems"]

_ORIGIN = re.compile("[_(（《[]")


@dataclass(frozen=True, slots=True)
class Poem:
    """One poem; its text is what `clean` returns, title and author may be empty or hold odd signs.

    Example:
        >>> Poem("登鹳雀楼", "王之涣", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。").author
        '王之涣'
    """

    title: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Poems on the sides of a split.

    Attributes:
        splits: a list of poems for every name in `SPLITS`, in the order of their source.
        dropped: how many poems were left out, by reason; "exact duplicate" is one of the reasons.

    Example:
        >>> poem = Poem("", "", "春眠不觉晓，处处闻啼鸟。")
        >>> corpus = Corpus({"train": [poem], "validation": [], "test": []}, dropped={})
        >>> corpus.texts("train")
        ['春眠不觉晓，处处闻啼鸟。']
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
        """Return a SHA-256 of the texts and their split, and of the titles if they are read."""
        digest = hashlib.sha256()
        for split in self.splits:
            lines = [f"{poem.title}\t{poem.text}" if titled else poem.text for poem in self.poems(split)]
            digest.update("\n".join([split, *lines, ""]).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood of a file, or of the files of a folder.

    Attributes:
        name: of the file or folder.
        kinds: how many files have a format, a key of `corpus.formats.FORMATS`, and an encoding.
        poems: how many are kept, duplicates included.
        first: the first of them.
        doubts: how a file might have to be read otherwise, each a clause.
        unread: files and folders inside that could not be read, with the reason.
    """

    name: str
    kinds: dict[tuple[str, str], int]
    poems: int
    first: Poem | None
    doubts: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]


_Told = Callable[[Understood], object]


def _tell_nobody(understood: Understood) -> None:
    """Take what was understood."""


def read_corpus(
    paths: Sequence[str | Path] | None = None,
    seed: int = 0,
    origin_filter: bool = False,
    format_name: str = AUTO,
    limit_gb: float = LIMIT_GB,
    told: _Told = _tell_nobody,
) -> Corpus:
    """Read poems and split them.

    Args:
        paths: None for the shipped corpus with its frozen split, else files and folders in any of
            `tangshi_tf.corpus.formats.FORMATS`. Poems in the shipped format keep their split.
        seed: decides the split of poems that come without one. It depends on the poems and on nothing else,
            neither on the order of the files nor on titles.
        origin_filter: whether poems are left out as the course programs do: those whose text in the file has a bracket
            or an underscore, or not 5 to 80 characters.
        format_name: a key of `tangshi_tf.corpus.formats.FORMATS`; "auto" goes by the content of each file.
        limit_gb: the most that is read of a file, in GB, unpacked.
        told: is called with what was understood of each path.

    Raises:
        CorpusError: if a file cannot be read, is empty, damaged, or holds no poem; or if fewer than two
            different poems remain (near-duplicates count as one).

    Example:
        >>> corpus = read_corpus()
        >>> len(corpus.poems("train")), len(corpus.poems("test"))
        (44906, 1433)
    """
    if paths is None:
        shipped = _shipped()
        return Corpus({split: list(poems) for split, poems in shipped.splits.items()}, {})
    poems, sides, dropped = _read_files(_readings(paths, format_name, limit_gb), origin_filter, told)
    if all(sides):
        return _corpus(poems, sides, dropped)
    return _corpus(poems, _split(poems, sides, seed), dropped)


@lru_cache(maxsize=1)
def _shipped() -> Corpus:
    records = shipped_records()
    return _corpus([Poem(r.title, r.author, r.text) for r in records], [r.split for r in records], Counter())


def read_poems(
    paths: Sequence[str | Path], format_name: str = AUTO, limit_gb: float = LIMIT_GB, told: _Told = _tell_nobody
) -> tuple[list[Poem], dict[str, int]]:
    """Read the files that `read_corpus` reads, unsplit, exact duplicates once; a single poem is enough.

    Returns:
        The poems, and how many were left out by reason.
    """
    poems, _, dropped = _read_files(_readings(paths, format_name, limit_gb), False, told)
    return poems, dict(sorted(dropped.items()))


def parse_poems(
    data: bytes, name: str, format_name: str = AUTO, told: _Told = _tell_nobody
) -> tuple[list[Poem], dict[str, int]]:
    """Do what `read_poems` does with the bytes of one file, unpacked, which errors call by this name."""
    poems, _, dropped = _read_files([parse_records(data, name, format_name)], False, told)
    return poems, dict(sorted(dropped.items()))


def _readings(paths: Sequence[str | Path], format_name: str, limit_gb: float) -> Iterable[Reading]:
    if not paths:
        raise CorpusError("At least one corpus file is required. Received: none")
    read = phase("reading the poems")(read_records)
    return (read(Path(path), format_name, limit_gb) for path in paths)


def _read_files(
    readings: Iterable[Reading], origin_filter: bool, told: _Told
) -> tuple[list[Poem], list[str], Counter[str]]:
    """Return the poems of all files, the side that each was given ("" for none), and how many were left out."""
    poems: list[Poem] = []
    sides: list[str] = []
    seen: set[str] = set()
    dropped: Counter[str] = Counter()
    for reading in readings:
        reasons = Counter({"unreadable": len(reading.unread)} if reading.unread else {})
        held = 0
        first: Poem | None = None
        for record in tracked("cleaning the poems", reading.records):
            text, reason = clean(record.text) if record.text else ("", "no text")
            if origin_filter and not reason and (_ORIGIN.search(record.text) or not 5 <= len(record.text) <= 80):
                reason = "origin filter"
            if reason:
                reasons[reason] += 1
                continue
            held += 1
            poem = Poem(record.title, record.author, text)
            first = first or poem
            key = han_only(text)
            if key in seen:
                reasons["exact duplicate"] += 1
                continue
            seen.add(key)
            poems.append(poem)
            sides.append(record.split)
        if held or reading.unread:
            told(
                Understood(reading.name, dict(reading.kinds), held, first, tuple(reading.doubts), tuple(reading.unread))
            )
        if not held:
            found = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            raise CorpusError(
                f"At least one poem is required in {reading.name}. Received: none (dropped: {found or 'none'})"
            )
        dropped.update(reasons)
    return poems, sides, dropped


@phase("looking for poems that are nearly the same")
def _split(poems: Sequence[Poem], given: Sequence[str], seed: int) -> list[str]:
    """Return a side for every poem; a cluster that holds a poem with a given side takes that side."""
    order = sorted(range(len(poems)), key=lambda i: poems[i].text)  # so that the order of the files is no matter
    clusters = near_duplicate_clusters([poems[i].text for i in order])
    if clusters.max() == 0:
        raise CorpusError(
            "At least 2 different poems are required, to train and to validate (near-duplicates count as one; --format "
            f"decides how files are read). Received: {len(poems)} poem{'s' * (len(poems) > 1)}"
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
