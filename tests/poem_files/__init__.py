"""Files of real poems in many formats and encodings, with what a reader is to make of them."""

import random
from functools import cache

from tangshi_tf.corpus.cleaning import character_table, han_only
from tangshi_tf.corpus.poems import Poem, read_corpus
from tests.poem_files import blocks, labelled, lines, objects, tables
from tests.poem_files.registry import FORMATS, Written

__all__ = ["ENCODINGS", "FORMATS", "blocks", "draw", "labelled", "lines", "objects", "tables"]

ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk", "gb2312", "hz"),
    *("big5", "cp950", "big5hkscs", "cp932", "euc_jp", "cp949"),
)
_TRADITIONAL = ("big5", "cp950", "big5hkscs", "cp932", "euc_jp", "cp949")


@cache
def _pool() -> list[Poem]:
    plain = []
    for poem in read_corpus().poems():
        title = poem.title.replace(" ", "")
        if 0 < len(title) <= 20 and title == han_only(title) and len(poem.text) <= 200 and len(poem.author) in (2, 3):
            plain.append(poem)
    return plain


@cache
def _traditional() -> dict[int, str]:
    table: dict[int, str] = {}
    for variant, simplified in character_table().items():
        if han_only(variant):
            try:
                variant.encode("big5")
            except UnicodeEncodeError:
                continue
            table.setdefault(ord(simplified), variant)
    return table


def _changed(poem: Poem, traditional: bool) -> Poem:
    if not traditional:
        return poem
    table = _traditional()
    return Poem(*(part.translate(table) for part in (poem.title, poem.author, poem.text)))


def draw(source: random.Random, name: str, encoding: str) -> tuple[bytes, Written] | None:
    """Return a file of a few poems, and what is in it; None if the encoding has no sign for a mark of the format."""
    traditional = encoding in _TRADITIONAL or (encoding not in ("gb2312", "hz") and source.random() < 0.2)
    poems: list[Poem] = []
    count = source.choice([2, 3, 5, 20])
    while len(poems) < count:
        poem = _changed(source.choice(_pool()), traditional)
        try:
            (poem.title + poem.author + poem.text).encode(encoding)
        except UnicodeEncodeError:
            continue
        if poem.text not in {other.text for other in poems}:
            poems.append(poem)
    written = FORMATS[name](poems, source)
    try:
        return written.text.encode(encoding), written
    except UnicodeEncodeError:
        return None
