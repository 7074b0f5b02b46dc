"""The table of formats, and what writers of several families need."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tangshi_tf.corpus.poems import Poem
from tangshi_tf.verse.forms import lines_of


@dataclass(frozen=True)
class Written:
    """A file, and the poems in it.

    Attributes:
        text: of the file.
        poems: what it says of each poem; a field that the format does not carry is empty.
        marks: whether the text of a poem has marks.
    """

    text: str
    poems: list[Poem]
    marks: bool = True


Format = Callable[[Sequence[Poem], random.Random], Written]
FORMATS: dict[str, Format] = {}


def file_format(function: Format) -> Format:
    FORMATS[function.__name__.strip("_")] = function
    return function


def bare(poems: Sequence[Poem], title: bool = False, author: bool = False) -> list[Poem]:
    return [Poem(poem.title if title else "", poem.author if author else "", poem.text) for poem in poems]


def couplets(text: str) -> list[str]:
    """Return the sentences of a poem, each with its marks."""
    return [part + text[end] for part, end in _parts(text, "。？！；")]


def pieces(text: str) -> list[str]:
    """Return the lines of a poem, each with its mark."""
    return [part + text[end] for part, end in _parts(text, "，。？！；：、")]


def _parts(text: str, ends: str) -> list[tuple[str, int]]:
    parts, start = [], 0
    for place, char in enumerate(text):
        if char in ends:
            parts.append((text[start:place], place))
            start = place + 1
    return parts


def lines_in_one_way(poem: Poem, source: random.Random) -> list[str]:
    return source.choice([[poem.text], couplets(poem.text), pieces(poem.text)])


def is_even(poem: Poem) -> bool:
    lengths = [len(line) for line in lines_of(poem.text)]
    return len(set(lengths)) == 1 and len(lengths) % 2 == 0 and lengths[0] in (5, 7) and len(lengths) >= 4
