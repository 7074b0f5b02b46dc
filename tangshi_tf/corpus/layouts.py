"""Poems in plain text: one a line, under titles, between blank lines, or one in all the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.headings import Headings, author_name
from tangshi_tf.corpus.records import Found, Record
from tangshi_tf.corpus.verse_lines import (
    RULE,
    has_marks,
    joined_verse,
    parse_line,
    rhymed,
    segments,
    without_notes,
)

__all__ = ["read_blocks", "read_layout", "read_lines", "read_titled", "read_whole"]

_COMMENTARY = re.compile(
    r"[【\[(（]?\s*(?:注释|注解|译文|翻译|赏析|简析|鉴赏|题解|评析|作者简介|创作背景|背景|【?注】?)\s*[】\])）]?\s*(?:[:：]|$)"
)
_SIGNED = re.compile(r"^\s*(?:—{1,}|--+|－+)\s*(.+)$")
_SIGNED_END = re.compile(
    r"^(.*[。！？.!?][」』”’》\"']*)\s*(?:(?:—{1,}|--+|－{1,})\s*(.+)|[（(]((?:[^（()）]{0,6}[·・]?)?[^（()）]{0,8}《[^》]+》)[)）])$"
)
_FULL_STOP = re.compile(r"[。？！.?!．｡…][」』”’》〉\"'）)］\]】]*$")
_RUN_LENGTHS = range(4, 10)
_UNBROKEN = (20, 28, 40, 56)


_PINYIN = re.compile(r"(?:[A-Za-z\u00c0-\u024f\u1e00-\u1eff'’ü]+[0-9]?[\s,，.。!?;；:：]*){3,}")
_SIGN = "——"  # before the name of a poet below his poem
_VOLUME = re.compile(r"(?:卷|第)\s*[0-9一二三四五六七八九十百上中下]+\s*(?:[卷章部集辑编回节]|[\s　：:].*)?")
_DOUBT_LINES = "each line was taken for a poem, although blank lines stand between some"
_DOUBT_RHYMED = "lines that rhyme with each other were taken for one poem"
_DOUBT_CHANGES = "a poem was taken to end where the rhyme changes"
_LONGEST_VOLUME = 12  # characters


class _Item(NamedTuple):
    gap: int  # blank lines before it
    head: str
    verse: str
    numbered: bool = False
    raw: str = ""


@dataclass
class _Poem:
    heads: list[str] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)  # blank lines before each
    verse: list[str] = field(default_factory=list)
    signed: str = ""


def read_layout(text: str) -> Found:
    """Read plain text in the layout that it seems to have."""
    items = _items(text)
    items = _told_apart(items)
    both = sum(bool(item.head and item.verse) for item in items)
    if 2 * both > len(items) or _are_lines(items):
        return _lines(items)
    if any(item.head for item in items):
        return _titled(items)
    return _untitled(items)


def _are_lines(items: Sequence[_Item]) -> bool:
    """Tell whether nearly all lines may be poems, a few of them, or of a book's titles, aside."""
    whole = sum(_is_whole(item.verse) for item in items)
    return any(item.head for item in items) and whole > 0.7 * len(items)


def read_lines(text: str) -> Found:
    """Read one poem a line, with or without a heading."""
    return _lines([item if item.verse else item._replace(head="", verse=item.head) for item in _items(text)])


def read_titled(text: str) -> Found:
    """Read poems that begin with their titles, above them."""
    return _titled(_told_apart(_items(text)))


def read_blocks(text: str) -> Found:
    """Read poems that end at blank lines; what has no marks above lines with marks is a heading."""
    poems = []
    for block in _blocks(_items(text)):
        if not any(item.verse for item in block):
            block = _bare(block)
        if not any(item.verse for item in block):
            block = [item._replace(head="", verse=item.head) for item in block]
        first = next(i for i, item in enumerate(block) if item.verse)
        heads = [item.head for item in block[: first + 1] if item.head]
        verse = [part for item in block[first + 1 :] for part in (item.head, item.verse) if part]
        poems.append(_Poem(heads, verse=[block[first].verse, *verse]))
    return Found("blocks", _records(poems))


def read_whole(text: str) -> Found:
    """Read one poem."""
    items = _items(text)
    if not any(item.verse for item in items):
        items = _bare(items)
    if not any(item.verse for item in items):
        items = [item._replace(head="", verse=item.head) for item in items]
    first = next((i for i, item in enumerate(items) if item.verse), len(items))
    heads = [item.head for item in items[: first + 1] if item.head]
    verse = [part for item in items[first + 1 :] for part in (item.head, item.verse) if part]
    return Found("whole", _records([_Poem(heads, verse=[*(item.verse for item in items[first : first + 1]), *verse])]))


def _items(text: str) -> list[_Item]:
    """Return the lines of a text that say anything."""
    items: list[_Item] = []
    gap, skipping = 0, False
    for raw in text.split("\n"):
        line = raw.strip("\ufeff\u200b \t\u3000\xa0\u2003\u2002")
        if not line or RULE.fullmatch(line):
            gap += 2 if line else 1
            skipping = False
            continue
        skipping = skipping or bool(items and _COMMENTARY.match(line))
        if _PINYIN.fullmatch(line):
            continue
        if skipping or (not without_notes(line) and items and items[-1].verse and not items[-1].head):
            continue
        alone, below = _SIGNED.match(line), _SIGNED_END.match(line)
        gap = gap if items else 0
        if alone:
            items.append(_Item(gap, _SIGN + alone[1], "", raw=line))
        elif below:
            items.append(_Item(gap, *parse_line(below[1]), raw=below[1]))
            items.append(_Item(0, _SIGN + (below[2] or below[3]), "", raw=line))
        elif has_marks(line) or len(line) > _LONGEST_VOLUME or not _VOLUME.fullmatch(line):
            items.append(_Item(gap, *parse_line(line), raw=line))
        gap = 0
    least = min((item.gap for item in items[1:]), default=0)  # every line may have a blank one above it
    return [item._replace(gap=max(item.gap - least, 0)) for item in items]


def _blocks(items: Sequence[_Item], least: int = 1) -> list[list[_Item]]:
    blocks: list[list[_Item]] = []
    for item in items:
        if not blocks or item.gap >= least:
            blocks.append([])
        blocks[-1].append(item)
    return blocks


def _told_apart(items: Sequence[_Item]) -> list[_Item]:
    """Find the verse of blocks without marks, in a text that has none or has others with marks."""
    if not any(item.verse for item in items):
        return _bare(items)
    if any(has_marks(item.raw) for item in items):  # then two words of one length are a title
        items = [_as_heading(item) for item in items]
    bare = {True: _bare, False: list}
    return [item for b in _blocks(items) for item in bare[len(b) >= 4 and not any(i.verse for i in b)](b)]


def _as_heading(item: _Item) -> _Item:
    """Take a line without marks that is of two words, or one long one, for a heading."""
    if has_marks(item.raw) or len(segments(item.verse)) > 2:
        return item
    return item._replace(head=item.raw, verse="")


def _bare(items: Sequence[_Item]) -> list[_Item]:
    """Tell the verse of a text without marks: lines of one length, one below the other."""
    found: list[_Item] = []
    for block in _blocks(items):
        lengths = [len(han_only(item.head)) if len(han_only(item.head)) == len(item.head) else 0 for item in block]
        start, before = 0, len(found)
        while start < len(block):
            end = start
            while end < len(block) and lengths[end] == lengths[start]:
                end += 1
            odd = (end - start) % 2
            even = end - start - odd
            alone = len(block) in (even, even + 1, even + 2) and even >= 2
            if lengths[start] in _RUN_LENGTHS and (even >= 4 or alone):
                found += block[start : start + odd]
                found += [item._replace(head="", verse=item.head) for item in block[start + odd : end]]
            else:
                found += block[start:end]
            start = end
        if not any(item.verse for item in found[before:]):
            found[before:] = [
                item._replace(head="", verse=item.head) if length in _UNBROKEN else item
                for item, length in zip(block, lengths, strict=True)
            ]
        if not any(item.verse for item in found[-len(block) :]) and _sings([item.head for item in block]):
            first = 1 if len(block) > 4 and len(block) % 2 else 0
            found[-len(block) + first :] = [item._replace(head="", verse=item.head) for item in block[first:]]
    verse = sum(bool(item.verse) for item in found)
    return found if 2 * verse >= len(found) else list(items)  # among many titles some have one length by chance


def _sings(lines: Sequence[str]) -> bool:
    """Tell whether lines of several lengths without marks are a poem: many of them rhyme."""
    if len(lines) < 4 or any(not 2 <= len(han_only(line)) <= 9 or len(han_only(line)) != len(line) for line in lines):
        return False
    return max(sum(rhymed([one, other]) for other in lines) for one in lines) >= max(3, 0.4 * len(lines))


def _is_whole(verse: str) -> bool:
    """Tell whether a line may be a poem: it has two couplets or more."""
    parts = segments(verse)
    if len(parts) == 1:
        return len(han_only(verse)) in _UNBROKEN
    return len(parts) >= 4 and bool(_FULL_STOP.search(without_notes(verse)))


def _without_colons(items: Sequence[_Item], count: int) -> Sequence[_Item]:
    """Take few lines that have both heading and verse, beside so many others, for verse with a colon inside."""
    if sum(bool(item.head and item.verse) for item in items) >= 0.2 * count:
        return items
    return [item._replace(head="", verse=item.raw) if item.head and item.verse else item for item in items]


def _lines(items: Sequence[_Item]) -> Found:
    """Read one poem a line; a line of less than a poem goes on with the one above."""
    items = _without_colons(items, len(items))
    poems: list[_Poem] = []
    for item in items:
        goes_on = poems and poems[-1].verse and item.verse and not item.head and not item.gap
        if goes_on and not _is_whole(item.verse) and len(segments(item.verse)) > 1:
            poems[-1].verse.append(item.verse)
        else:
            poems.append(_Poem([item.head] if item.head else [], verse=[item.verse] if item.verse else []))
    return Found("lines", _records(poems))


def _untitled(items: Sequence[_Item]) -> Found:
    """Read verse without any title: one poem a line if lines may be poems, else up to a blank line."""
    blocks = _blocks(items)
    whole = sum(_is_whole(item.verse) for item in items)
    if all(len(block) == 1 for block in blocks):
        widest = max(item.gap for item in items)
        if whole < 0.5 * len(items) and any(0 < item.gap < widest for item in items):
            blocks = _blocks(items, widest)
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


def _is_one(one: _Item, other: _Item) -> bool:
    """Tell whether two lines of four lines of verse each seem to be parts of one poem: alike in length, and rhymed."""
    shapes = [[len(part) for part in segments(item.verse)] for item in (one, other)]
    if shapes[0] != shapes[1] or len(shapes[0]) != 4 or not rhymed([one.verse, other.verse]):
        return False
    return not rhymed([segments(other.verse)[0], other.verse])  # the first line of a poem often rhymes too


def _rhyming_runs(block: Sequence[_Item]) -> list[list[_Item]]:
    """Part couplets, one a line, where the rhyme changes; one run if they do not come to quatrains and the like."""
    if any(len(segments(item.verse)) != 2 for item in block):
        return [list(block)]
    runs: list[list[_Item]] = [[block[0]]]
    for one, other in pairwise(block):
        if not rhymed([one.verse, other.verse]):
            runs.append([])
        runs[-1].append(other)
    return runs if all(len(run) in (2, 4) for run in runs) else [list(block)]


def _poems_of(blocks: Sequence[Sequence[_Item]]) -> list[Record]:
    return _records([_Poem(verse=[item.verse for item in block]) for block in blocks])


def _titled(items: Sequence[_Item]) -> Found:
    """Read poems that begin with their headings."""
    items = _without_colons(items, sum(bool(item.head) for item in items))
    poems: list[_Poem] = []
    now = _Poem()
    for place, item in enumerate(items):
        if now.verse and not now.signed and _is_signature(items, place):
            now.signed = item.head.removeprefix(_SIGN)
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


def _is_signature(items: Sequence[_Item], place: int) -> bool:
    """Tell whether a line below verse names the poet: it begins with a dash, or a blank line stands below it alone."""
    item = items[place]
    if item.head.startswith(_SIGN):
        return True
    if items[-1].verse or items[-1].gap:  # else the last poem is signed in the same way
        return False
    below = items[place + 1].gap if place + 1 < len(items) else 1
    return bool(not item.verse and not item.gap and below and author_name(item.head))


def _goes_on(verse: Sequence[str], items: Sequence[_Item], place: int) -> bool:
    """Tell whether the verse after a blank line belongs to the poem above: it is no poem of its own, or rhymes."""
    block = [items[place].verse]
    for item in items[place + 1 :]:
        if item.gap or item.head:
            break
        block.append(item.verse)
    above, below = "".join(verse), "".join(block)
    regular = len(set(map(len, segments(below)))) == 1
    return not (regular and _is_whole(above) and _is_whole(below)) or rhymed([above, below])


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
