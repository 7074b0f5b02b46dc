"""Poems in plain text: one a line, under titles, between blank lines, or one in all the file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tangshi_tf.corpus.headings import Headings, author_name
from tangshi_tf.corpus.items import SIGN, Item, in_blocks, is_whole, read_items, told_apart, told_apart_bare
from tangshi_tf.corpus.marks import segments
from tangshi_tf.corpus.records import Found, Record
from tangshi_tf.corpus.verse_lines import joined_verse, rhymed, without_number

__all__ = ["read_blocks", "read_layout", "read_lines", "read_titled", "read_whole"]

_DOUBT_LINES = "each line was taken for a poem, although blank lines stand between some"
_DOUBT_RHYMED = "lines that rhyme with each other were taken for one poem"
_DOUBT_CHANGES = "a poem was taken to end where the rhyme changes"


@dataclass
class _Poem:
    heads: list[str] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)  # blank lines before each
    verse: list[str] = field(default_factory=list)
    signed: str = ""


def read_layout(text: str) -> Found:
    """Read plain text in the layout that it seems to have."""
    items = read_items(text)
    items = told_apart(items)
    if not items:
        return Found("blocks", [])
    both = sum(bool(item.head and item.verse) for item in items)
    if 2 * both > len(items) or _are_lines(items):
        return _lines(items)
    if any(item.head for item in items):
        return _titled(items)
    return _untitled(items)


def _are_lines(items: Sequence[Item]) -> bool:
    """Tell whether nearly all lines may be poems, a few of them, or of a book's titles, aside."""
    whole = sum(is_whole(item.verse) for item in items)
    return any(item.head for item in items) and whole > 0.7 * len(items)


def read_lines(text: str) -> Found:
    """Read one poem a line, with or without a heading, however short it is."""
    items = [item if item.verse else item._replace(head="", verse=item.head) for item in read_items(text)]
    return Found("lines", _records([_poem_of(item) for item in _without_colons(items, len(items))]))


def read_titled(text: str) -> Found:
    """Read poems that begin with their titles, above them."""
    return _titled(told_apart(read_items(text)))


def read_blocks(text: str) -> Found:
    """Read poems that end at blank lines; what has no marks above lines with marks is a heading."""
    return Found("blocks", _records([_block(block) for block in in_blocks(read_items(text))]))


def read_whole(text: str) -> Found:
    """Read one poem."""
    return Found("whole", _records([_block(read_items(text))]))


def _block(items: Sequence[Item]) -> _Poem:
    """Return the poem of lines of which all belong to it: headings, then verse."""
    if not any(item.verse for item in items):
        items = told_apart_bare(items)
    if not any(item.verse for item in items):
        items = [item._replace(head="", verse=item.head) for item in items]
    first = next((i for i, item in enumerate(items) if item.verse), len(items))
    heads = [item.head for item in items[: first + 1] if item.head]
    verse = [part for item in items[first + 1 :] for part in (item.head, item.verse) if part]
    return _Poem(heads, verse=[*(item.verse for item in items[first : first + 1]), *verse])


def _without_colons(items: Sequence[Item], count: int) -> Sequence[Item]:
    """Take few lines that have both heading and verse, beside so many others, for verse with a colon inside."""
    if sum(bool(item.head and item.verse) for item in items) >= 0.2 * count:
        return items
    return [
        item._replace(head="", verse=without_number(item.raw)) if item.head and item.verse else item for item in items
    ]


def _lines(items: Sequence[Item]) -> Found:
    """Read one poem a line; a line of less than a poem goes on with the one above."""
    items = _without_colons(items, len(items))
    poems: list[_Poem] = []
    for item in items:
        goes_on = poems and poems[-1].verse and item.verse and not item.head and not item.gap
        if goes_on and not is_whole(item.verse) and len(segments(item.verse)) > 1:
            poems[-1].verse.append(item.verse)
        else:
            poems.append(_poem_of(item))
    return Found("lines", _records(poems))


def _poem_of(item: Item) -> _Poem:
    return _Poem([item.head] if item.head else [], verse=[item.verse] if item.verse else [])


def _untitled(items: Sequence[Item]) -> Found:
    """Read verse without any title: one poem a line if lines may be poems, else up to a blank line."""
    blocks = in_blocks(items)
    whole = sum(is_whole(item.verse) for item in items)
    if all(len(block) == 1 for block in blocks):
        widest = max(item.gap for item in items)
        if whole < 0.5 * len(items) and any(0 < item.gap < widest for item in items):
            blocks = in_blocks(items, widest)
        return Found("blocks" if whole < len(items) else "lines", _poems_of(blocks))
    if sum(item.numbered for item in items) > 0.8 * len(items):
        return Found("lines", _poems_of([[item] for item in items]))
    if whole >= 0.6 * len(items):
        pairs = [pair for block in blocks for pair in pairwise(block)]
        if sum(_is_one(*pair) for pair in pairs) < 0.6 * len(pairs):
            return Found("lines", _poems_of([[item] for item in items]), (_DOUBT_LINES,) if len(blocks) > 1 else ())
        return Found("blocks", _poems_of(blocks), (_DOUBT_RHYMED,))
    if len(blocks) == 1:
        runs = _rhyming_runs(blocks[0])
        if len(runs) > 1:
            return Found("blocks", _poems_of(runs), (_DOUBT_CHANGES,))
    return Found("blocks", _poems_of(blocks))


def _is_one(one: Item, other: Item) -> bool:
    """Tell whether two lines of four lines of verse each seem to be parts of one poem: alike in length, and rhymed."""
    shapes = [[len(part) for part in segments(item.verse)] for item in (one, other)]
    if shapes[0] != shapes[1] or len(shapes[0]) != 4 or not rhymed([one.verse, other.verse]):
        return False
    return not rhymed([segments(other.verse)[0], other.verse])  # the first line of a poem often rhymes too


def _rhyming_runs(block: Sequence[Item]) -> list[list[Item]]:
    """Part couplets, one a line, where the rhyme changes; one run if they do not come to quatrains and the like."""
    if any(len(segments(item.verse)) != 2 for item in block):
        return [list(block)]
    runs: list[list[Item]] = [[block[0]]]
    for one, other in pairwise(block):
        if not rhymed([one.verse, other.verse]):
            runs.append([])
        runs[-1].append(other)
    return runs if all(len(run) in (2, 4) for run in runs) else [list(block)]


def _poems_of(blocks: Sequence[Sequence[Item]]) -> list[Record]:
    return _records([_Poem(verse=[item.verse for item in block]) for block in blocks])


def _titled(items: Sequence[Item]) -> Found:
    """Read poems that begin with their headings."""
    items = _without_colons(items, sum(bool(item.head) for item in items))
    poems: list[_Poem] = []
    now = _Poem()
    for place, item in enumerate(items):
        if now.verse and not now.signed and _is_signature(items, place):
            now.signed = item.head.removeprefix(SIGN)
            continue
        ended = now.signed or (item.gap and now.verse and not item.head and not _goes_on(now.verse, items, place))
        if ended or (item.head and (now.verse or (item.verse and now.heads and item.gap))):
            poems.append(now)
            now = _Poem()
        if item.head:
            now.heads.append(item.head)
            now.gaps.append(item.gap)
        now.verse += [item.verse] if item.verse else []
    poems.append(now)
    if not any(poem.verse for poem in poems):
        return Found("titles", [Record("", "", head, "") for poem in poems for head in poem.heads])
    return Found("titles", _records([poem for poem in poems if poem.heads or poem.verse]))


def _is_signature(items: Sequence[Item], place: int) -> bool:
    """Tell whether a line below verse names the poet: it begins with a dash, or a blank line stands below it alone."""
    item = items[place]
    if item.head.startswith(SIGN):
        return True
    if items[-1].verse or items[-1].gap:  # else the last poem is signed in the same way
        return False
    below = items[place + 1].gap if place + 1 < len(items) else 1
    return bool(not item.verse and not item.gap and below and author_name(item.head))


def _goes_on(verse: Sequence[str], items: Sequence[Item], place: int) -> bool:
    """Tell whether the verse after a blank line belongs to the poem above: it is no poem of its own, or rhymes."""
    block = [items[place].verse]
    for item in items[place + 1 :]:
        if item.gap or item.head:
            break
        block.append(item.verse)
    above, below = "".join(verse), "".join(block)
    regular = len(set(map(len, segments(below)))) == 1
    return not (regular and is_whole(above) and is_whole(below)) or rhymed([above, below])


def _own_heads(poem: _Poem) -> list[str]:
    """Return the headings of a poem without those of a book or a chapter above them, a blank line apart."""
    gaps = [place for place, gap in enumerate(poem.gaps) if gap and place]
    return poem.heads[gaps[-1] :] if gaps and len(poem.heads) - gaps[-1] > 1 else poem.heads


def _records(poems: Sequence[_Poem]) -> list[Record]:
    heads = [_own_heads(poem) for poem in poems]
    headings = Headings(heads)
    records = []
    for poem, own in zip(poems, heads, strict=True):
        title, author = headings.read(own)
        text = joined_verse(poem.verse)
        if poem.signed:
            below = Headings([[poem.signed]]).read([poem.signed])
            name = author_name(poem.signed)
            title, author = (title, name) if name else (title or below[0], author or below[1])
        records.append(Record("", author, title, text))
    return records
