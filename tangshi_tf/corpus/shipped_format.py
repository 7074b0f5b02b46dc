"""The format of the corpus in the package, with a split for each poem, and that corpus as text."""

from collections.abc import Iterator
from functools import lru_cache

from tangshi_tf.corpus.records import HEADER, Found, Record
from tangshi_tf.corpus.splitting import SPLITS
from tangshi_tf.corpus.unpacking import read_packed
from tangshi_tf.errors import CorpusError
from tangshi_tf.shipped import find_resource

__all__ = ["read_shipped", "shipped_authors", "shipped_records", "shipped_text"]


def read_shipped(text: str) -> Found | None:
    """Read a text that begins with `HEADER`; None if it does not.

    Raises:
        CorpusError: if a line has not four columns, the first of them one of `SPLITS`.
    """
    return Found("shipped", list(_records(text))) if text.split("\n", 1)[0] == HEADER else None


def _records(text: str) -> Iterator[Record]:
    for number, line in enumerate(text.rstrip("\n").split("\n")[1:], start=2):
        row = line.split("\t")
        if len(row) != 4 or row[0] not in SPLITS:
            raise CorpusError(
                f"Four columns are required: split ({', '.join(SPLITS)}), author, title, text. "
                f"Received: line {number}, {line[:40]!r}"
            )
        yield Record(*row)


@lru_cache(maxsize=1)
def shipped_text() -> str:
    """Return the corpus in the package."""
    return read_packed(find_resource("data/tangshi.tsv.xz")).decode()


def shipped_records() -> list[Record]:
    """Return the poems of the corpus in the package."""
    return list(_records(shipped_text()))


@lru_cache(maxsize=1)
def shipped_authors() -> frozenset[str]:
    """Return the poets of the corpus in the package, by their names in simplified characters.

    Example:
        >>> "李白" in shipped_authors()
        True
    """
    return frozenset(record.author for record in shipped_records())
