"""The lines of a plain text, in which headings and verse are told apart."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.marks import FULL_STOP, has_marks, segments, without_notes
from tangshi_tf.corpus.verse_lines import RULE, UNBROKEN, parse_line, rhymed

__all__ = ["SIGN", "Item", "in_blocks", "is_whole", "read_items", "told_apart", "told_apart_bare"]

SIGN = "——"
"""Before the name of a poet below his poem."""

_COMMENTARY = re.compile(
    r"[【\[(（]?\s*(?:注释|注解|译文|翻译|赏析|简析|鉴赏|题解|评析|作者简介|创作背景|背景|注)"
    r"\s*[】\])）]?\s*(?:[:：]|$)"
)
_SIGNED = re.compile(r"^\s*(?:—{1,}|--+|－+)\s*(.+)$")
_SIGNED_END = re.compile(
    r"^(.*[。！？.!?][」』”’》\"']*)\s*"
    r"(?:(?:—{1,}|--+|－{1,})\s*(.+)|[（(]([^（()）]{0,14}《[^》]+》)[)）])$"
)
_LATIN = "[A-Za-z\u00c0-\u024f\u1e00-\u1eff'’]+[0-9]?"
_PINYIN = re.compile(rf"(?:{_LATIN}[\s,，.。!?;；:：]+){{2,}}{_LATIN}[,，.。!?;；:：]*")
_VOLUME = re.compile(r"(?:卷|第)\s*[0-9一二三四五六七八九十百上中下]+\s*(?:[卷章部集辑编回节]|[\s　：:].*)?")
_LONGEST_VOLUME = 12  # characters
_RUN_LENGTHS = range(4, 10)


class Item(NamedTuple):
    """A line that says something."""

    gap: int  # blank lines before it
    head: str  # "" if it is verse alone
    verse: str  # "" if it is a heading
    numbered: bool = False
    raw: str = ""  # all of it


def read_items(text: str) -> list[Item]:
    """Return the lines of a text that say anything."""
    items: list[Item] = []
    gap, skipping, is_chinese = 0, False, bool(han_only(text))
    for raw in text.split("\n"):
        line = raw.strip("\ufeff\u200b \t\u3000\xa0\u2003\u2002")
        if not line or RULE.fullmatch(line) or _is_volume(line):
            gap += 2 if line else 1
            skipping = False
            continue
        skipping = skipping or bool(items and _COMMENTARY.match(line))
        if is_chinese and _PINYIN.fullmatch(line):
            continue
        if skipping or (not without_notes(line) and items and items[-1].verse and not items[-1].head):
            continue
        alone, below = _SIGNED.match(line), _SIGNED_END.match(line)
        gap = gap if items else 0
        if alone:
            items.append(Item(gap, SIGN + alone[1], "", raw=line))
        elif below:
            items.append(Item(gap, *parse_line(below[1]), raw=below[1]))
            items.append(Item(0, SIGN + (below[2] or below[3]), "", raw=line))
        else:
            items.append(Item(gap, *parse_line(line), raw=line))
        gap = 0
    least = min((item.gap for item in items[1:]), default=0)  # every line may have a blank one above it
    return [item._replace(gap=max(item.gap - least, 0)) for item in items]


def _is_volume(line: str) -> bool:
    """Tell whether a line is the heading of a chapter."""
    return len(line) <= _LONGEST_VOLUME and not has_marks(line) and bool(_VOLUME.fullmatch(line))


def in_blocks(items: Sequence[Item], least: int = 1) -> list[list[Item]]:
    """Part lines where so many blank ones stand."""
    blocks: list[list[Item]] = []
    for item in items:
        if not blocks or item.gap >= least:
            blocks.append([])
        blocks[-1].append(item)
    return blocks


def told_apart(items: Sequence[Item]) -> list[Item]:
    """Find the verse of blocks without marks, in a text that has none or has others with marks."""
    if not any(item.verse for item in items):
        return told_apart_bare(items)
    if any(has_marks(item.raw) for item in items):  # then two words of one length are a title
        items = [_as_heading(item) for item in items]
    items = [_as_broken(*pair) for pair in pairwise([*items, Item(0, "", "")])]
    found: list[Item] = []
    for block in in_blocks(items):
        bare = len(block) >= 4 and not any(item.verse for item in block)
        found += told_apart_bare(block) if bare else block
    return found


def _as_heading(item: Item) -> Item:
    """Take a line without marks that is of two words, or one long one, for a heading."""
    as_it_was = item.verse in item.raw and len(item.verse) not in UNBROKEN
    if not item.verse or as_it_was or has_marks(item.raw) or len(segments(item.verse)) > 2:
        return item
    return item._replace(head=item.raw, verse="")


def _as_broken(item: Item, following: Item) -> Item:
    """Take a heading with a comma for verse if it is a line that was broken in two."""
    parts, rest = segments(item.head), segments(following.verse)
    if (
        item.verse
        or not has_marks(item.head)
        or len(parts) < 2
        or not rest
        or len(parts[-1]) + len(rest[0]) != len(parts[0])
    ):
        return item
    return item._replace(head="", verse=item.raw)


def told_apart_bare(items: Sequence[Item]) -> list[Item]:
    """Tell the verse of a text without marks: lines of one length, one below the other."""
    found: list[Item] = []
    for block in in_blocks(items):
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
                item._replace(head="", verse=item.head) if length in UNBROKEN else item
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


def is_whole(verse: str) -> bool:
    """Tell whether a line may be a poem: it has two couplets or more."""
    parts = segments(verse)
    if len(parts) == 1:
        return len(han_only(verse)) in UNBROKEN
    return len(parts) >= 4 and bool(FULL_STOP.search(without_notes(verse)))
