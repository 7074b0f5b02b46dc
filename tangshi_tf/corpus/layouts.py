"""Poems in plain text: one a line, under titles, between blank lines, or one in all the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.headings import Headings, author_name
from tangshi_tf.corpus.records import Found, Record
from tangshi_tf.corpus.verse_lines import Line, joined_verse, parse_line, rhymed, segments, without_notes

__all__ = ["read_blocks", "read_layout", "read_lines", "read_titled", "read_whole"]

_RULE = re.compile(r"[-=*_~#—·.。…☆★◇◆]{3,}|[-=*_~—]{1,2}$")
_COMMENTARY = re.compile(r"[【\[(（]?\s*(?:注释|注解|译文|翻译|赏析|简析|鉴赏|题解|评析|作者简介|创作背景|背景|【?注】?)\s*[】\])）]?\s*(?:[:：]|$)")
_SIGNED = re.compile(r"^\s*(?:—{1,}|--+|－+)\s*(.+)$")
_SIGNED_END = re.compile(r"^(.*[。！？.!?][」』”’》\"']*)\s*(?:(?:—{1,}|--+|－{1,})\s*(.+)|[（(]((?:[^（()）]{0,6}[·・]?)?[^（()）]{0,8}《[^》]+》)[)）])$")
_FULL_STOP = re.compile(r"[。？！.?!．｡…][」』”’》〉\"'）)］\]】]*$")
_RUN_LENGTHS = range(4, 10)
_UNBROKEN = (20, 28, 40, 56)


class _Item(NamedTuple):
    gap: int  # blank lines before it
    head: str
    verse: str


@dataclass
class _Poem:
    heads: list[str] = field(default_factory=list)
    verse: list[str] = field(default_factory=list)
    signed: str = ""


def read_layout(text: str) -> Found:
    """Read plain text in the layout that it seems to have."""
    items = _items(text)
    items = _told_apart(items)
    both = sum(bool(item.head and item.verse) for item in items)
    if 2 * both > len(items):
        return _lines(items)
    if any(item.head for item in items):
        return _titled(items)
    return _untitled(items)


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
        poems.append(_Poem(heads, [block[first].verse, *verse]))
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
    return Found("whole", _records([_Poem(heads, [*(item.verse for item in items[first : first + 1]), *verse])]))


def _items(text: str) -> list[_Item]:
    items: list[_Item] = []
    gap, skipping = 0, False
    for raw in text.split("\n"):
        line = raw.strip("\ufeff\u200b \t\u3000\xa0\u2003\u2002")
        if not line or _RULE.fullmatch(line):
            gap += 2 if line else 1
            skipping = False
            continue
        if _COMMENTARY.match(line) and items:
            skipping = True
        if skipping or not without_notes(line) and items and items[-1].verse and not items[-1].head:
            continue
        items.append(_Item(gap if items else 0, *parse_line(line)))
        gap = 0
    return items


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
    bare = {True: _bare, False: list}
    return [item for b in _blocks(items) for item in bare[len(b) >= 4 and not any(i.verse for i in b)](b)]


def _bare(items: Sequence[_Item]) -> list[_Item]:
    """Tell the verse of a text without marks: lines of one length, one below the other."""
    found: list[_Item] = []
    for block in _blocks(items):
        lengths = [len(han_only(item.head)) if len(han_only(item.head)) == len(item.head) else 0 for item in block]
        start = 0
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
                unbroken = lengths[start] in _UNBROKEN
                found += [item._replace(head="", verse=item.head) if unbroken else item for item in block[start:end]]
            start = end
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
    return len(parts) >= 4 and len(parts) % 2 == 0 and bool(_FULL_STOP.search(without_notes(verse)))


def _lines(items: Sequence[_Item]) -> Found:
    """Read one poem a line; a line of less than a poem goes on with the one above."""
    poems: list[_Poem] = []
    for item in items:
        goes_on = poems and poems[-1].verse and item.verse and not item.head and not item.gap
        if goes_on and not _is_whole(item.verse) and len(segments(item.verse)) > 1:
            poems[-1].verse.append(item.verse)
        else:
            poems.append(_Poem([item.head] if item.head else [], [item.verse] if item.verse else []))
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
    if whole >= 0.8 * len(items):
        pairs = [(one.verse, other.verse) for block in blocks for one, other in pairwise(block)]
        together = sum(map(rhymed, pairs))
        if together < 0.6 * len(pairs):
            doubt = ("each line was taken for a poem, although blank lines stand between some",) if len(blocks) > 1 else ()
            return Found("lines", _poems_of([[item] for item in items]), doubt)
    if len(blocks) == 1:
        runs = _rhyming_runs(blocks[0])
        if len(runs) > 1:
            return Found("blocks", _poems_of(runs), ("a poem was taken to end where the rhyme changes",))
    return Found("blocks", _poems_of(blocks))


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
    return _records([_Poem([], [item.verse for item in block]) for block in blocks])


def _titled(items: Sequence[_Item]) -> Found:
    """Read poems that begin with their headings."""
    poems: list[_Poem] = []
    now = _Poem()
    for place, item in enumerate(items):
        signed = _SIGNED.match(item.head) if now.verse and not item.verse else None
        if signed:
            now.signed = signed[1]
            continue
        if item.head and (now.verse or (item.verse and now.heads and item.gap)):
            poems.append(now)
            now = _Poem()
        elif not item.head and item.gap and now.verse and not _goes_on(now.verse, items, place):
            poems.append(now)
            now = _Poem()
        now.heads += [item.head] if item.head else []
        now.verse += [item.verse] if item.verse else []
    poems.append(now)
    if not any(poem.verse for poem in poems):
        return Found("titles", [Record("", "", head, "") for poem in poems for head in poem.heads])
    return Found("titles", _records([poem for poem in poems if poem.heads or poem.verse]))


def _goes_on(verse: Sequence[str], items: Sequence[_Item], place: int) -> bool:
    """Tell whether the verse after a blank line belongs to the poem above: it is no poem of its own, or rhymes."""
    block = [items[place].verse]
    for item in items[place + 1 :]:
        if item.gap or item.head:
            break
        block.append(item.verse)
    above, below = "".join(verse), "".join(block)
    return not (_is_whole(above) and _is_whole(below)) or rhymed([above, below])


def _records(poems: Sequence[_Poem]) -> list[Record]:
    headings = Headings([poem.heads for poem in poems])
    records = []
    for poem in poems:
        title, author = headings.read(poem.heads)
        text = joined_verse(poem.verse)
        signed, found = poem.signed, _SIGNED_END.match(text)
        if found and not signed:
            text, signed = found[1], found[2] or found[3]
        if signed:
            below = Headings([[signed]]).read([signed])
            name = author_name(signed)
            title, author = (title, name) if name else (title or below[0], author or below[1])
        records.append(Record("", author, title, text))
    return records
