"""The formats of poems: a table of names and readers, tried in turn until one knows the text."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.delimited import read_table
from tangshi_tf.corpus.html_text import break_lines, unescape
from tangshi_tf.corpus.labels import read_labels
from tangshi_tf.corpus.layouts import read_blocks, read_layout, read_lines, read_titled, read_whole
from tangshi_tf.corpus.marks import segments
from tangshi_tf.corpus.objects import read_json, read_xml
from tangshi_tf.corpus.records import Found, Record
from tangshi_tf.corpus.shipped_format import read_shipped
from tangshi_tf.errors import CorpusError

__all__ = ["AUTO", "FORMATS", "understand"]

AUTO = "auto"
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_LONGEST_LINE = 16  # characters between two marks; verse has 3 to 11
_UNEVEN = 5  # lengths of line in one poem, which even lyrics hardly have
_LONGEST_POEM = 120  # lines of verse


_Reader = Callable[[str], Found | None]


def _lined(read: Callable[[str], Found | None]) -> _Reader:
    """Return a reader of lines, which tags may break too."""
    return lambda text: read(break_lines(unescape(text)))


# JSON and XML undo entities inside of values: a quotation mark that one stands for is none of theirs.
_BY_CONTENT: Mapping[str, _Reader] = {
    "shipped": read_shipped,
    "json": read_json,
    "xml": read_xml,
    "table": lambda text: read_table(unescape(text)),
    "labels": _lined(read_labels),
}
_BY_LAYOUT: Mapping[str, _Reader] = {
    "titles": _lined(read_titled),
    "lines": _lined(read_lines),
    "blocks": _lined(read_blocks),
    "whole": _lined(read_whole),
}
FORMATS: Mapping[str, _Reader] = MappingProxyType({**_BY_CONTENT, **_BY_LAYOUT})
"""By name, what reads a text of a format, and returns None for one of another."""


def understand(text: str, name: str, format_name: str = AUTO) -> Found:
    """Return the poems of a text, and the doubts about its format.

    Args:
        text: of a file, not empty.
        name: of the file, for errors.
        format_name: a key of `FORMATS`, or `AUTO` for the format that the text seems to have.

    Raises:
        CorpusError: if the text is damaged, or not of this format.

    Example:
        >>> understand("春晓:春眠不觉晓，处处闻啼鸟。", "poems.txt").records[0].title
        '春晓'
    """
    text = _LINE_BREAKS.sub("\n", text).strip("\n\ufeff")
    try:
        if format_name == AUTO:
            known = next((known for read in _BY_CONTENT.values() if (known := read(text))), None)
            found = known or read_layout(break_lines(unescape(text)))
        else:
            known = FORMATS[format_name](text)
            if known is None:
                raise CorpusError(f"Text of the format {format_name} is required. Received: another format")
            found = known
    except CorpusError as error:
        raise CorpusError(f"{error} (in {name})") from None
    if format_name != AUTO or found.format == "shipped":
        return found._replace(doubts=())
    return found._replace(doubts=(*found.doubts, *_doubts(found.records)))


def _doubts(records: list[Record]) -> Iterator[str]:
    """Yield what is unusual in poems, so that the format may be another."""
    texts = [record.text for record in records if record.text]
    shapes = [[len(han_only(part)) for part in segments(text)] for text in texts[:1_000]]
    long = sum(length > _LONGEST_LINE for shape in shapes for length in shape)
    uneven = sum(len(set(shape)) > _UNEVEN for shape in shapes)
    if long > 0.3 * sum(map(len, shapes)) or 2 * uneven > len(shapes) > 0:
        yield "lines are as long as those of prose"
    longest = max((len(segments(text)) for text in texts), default=0)
    if longest > _LONGEST_POEM and len(texts) < 10:
        yield f"a poem has {longest:,} lines"
