"""Titles as the model reads them: Han characters, without notes and numbering.

RE2 reads the same patterns alike, so that they work inside a graph too.
"""

import re
from collections.abc import Iterable

from tangshi_tf.corpus.cleaning import HAN, fold
from tangshi_tf.corpus.poems import Poem

__all__ = ["LONGEST_TITLE", "PATTERNS", "normal_title", "titles_of"]

LONGEST_TITLE = 32  # characters; the longest titles are prose

_NUMBER = "[一二三四五六七八九十百千0-9]+"
PATTERNS = (
    (r"（[^（）]*）|\([^()]*\)|\[[^\[\]]*\]|〔[^〔〕]*〕|【[^【】]*】", " "),  # a note
    (f"(^|[ 　])([其之第]?{_NUMBER}首?([ 　]+|$))+|其{_NUMBER}([ 　]|$)", " "),  # which of several poems this is
    (_NUMBER + "[首章绝篇则]([ 　]|$)", " "),  # how many there are
    (f"[^{HAN}]+", ""),
)


def normal_title(title: str) -> str:
    """Return the Han characters of a title, simplified, without notes and numbering: 秋兴 of 秋兴八首其二（一作三）."""
    for pattern, replacement in PATTERNS:
        title = re.sub(pattern, replacement, title)
    return fold(title)[:LONGEST_TITLE]


def titles_of(poems: Iterable[Poem]) -> list[str]:
    """Return the titles of poems as the model reads them."""
    return [normal_title(poem.title) for poem in poems]
