"""Lines of plain text: what of a line is verse, and what stands before it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tangshi_tf.corpus.cleaning import fold, han_only
from tangshi_tf.corpus.fields import AUTHOR, OTHER, TITLE, role_of
from tangshi_tf.corpus.headings import is_dynasty
from tangshi_tf.corpus.marks import ENDS, FIRST_MARK, FULL_STOP, MARKS, has_marks, segments, without_notes
from tangshi_tf.corpus.records import add_marks
from tangshi_tf.verse.prosody import rhyme_together

__all__ = ["RULE", "UNBROKEN", "Line", "joined_verse", "marked", "parse_line", "rhymed", "without_number"]

RULE = re.compile(
    r"(?:[-=*_~#—·.。…☆★◇◆]\s*){3,}|[-=*_~—]{1,2}|[-—]\s*\d+\s*[-—]|第\s*\d+\s*页|"
    r"\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}日?(?:\s+\d{1,2}:\d\d.*)?"
)
"""A line that only parts what is above from what is below: a rule, the number of a page, a date."""
UNBROKEN = (20, 28, 40, 56)
"""Characters of a poem of four or eight lines of five or seven, in one line without marks."""

_SPACED_CHARACTERS = re.compile(r"(?<=\S)[ 　](?=\S(?:[ 　]|$))")
_BULLET = re.compile(r"^(?:[-*•·●○▪■◆◇>+]+\s+|[•●▪■◆]\s*)")
_NUMBER = re.compile(
    r"^(?:[(（\[【]?(?:\d{1,6}|[一二三四五六七八九十百零〇]{1,5})[)）\]】][.、．]?\s*|"
    r"(?:\d{1,6}|[一二三四五六七八九十百零〇]{1,5})[.、．]\s*|第\s*[0-9一二三四五六七八九十百]+\s*首[:：、.]?\s*|\d{1,6}(?:\s+|[:：]\s*(?=\S)))"
)
# What may stand between a heading and its verse, the longest first.
_SEPARATOR = re.compile(r"\s*(?:[:：]{1,2}|[|｜/／]+|—{1,2}|--+|[》〉>＞›»】〗〕］}])\s*|\s+|\s*[)）\]]\s*|[,，、]\s*")
_SPACES = re.compile(r"[\s|/／｜\\:：]+")
_REFERENCE = re.compile(r"[\[［【〔]\d{1,3}[\]］】〕]|[①-⓿]")
_LONGEST_HEAD = 80
_LINE_LENGTHS = range(3, 12)


class Line(NamedTuple):
    """A line of a file: a heading, verse, or a heading with the verse behind it."""

    head: str
    verse: str
    numbered: bool = False


def parse_line(line: str) -> Line:
    """Tell the heading of a line from its verse.

    Verse has marks; or it is made of pieces of one length with spaces or strokes between them, which get marks.

    Example:
        >>> parse_line("春晓 春眠不觉晓，处处闻啼鸟。")
        Line(head='春晓', verse='春眠不觉晓，处处闻啼鸟。', numbered=False)
        >>> parse_line("静夜思")
        Line(head='静夜思', verse='', numbered=False)
    """
    tight = _tightened(_BULLET.sub("", line.strip()))
    numberless = without_number(tight)
    parsed = _marked(numberless) if has_marks(tight) else Line(tight, "")
    if not parsed.verse:
        parsed = _spaced(numberless)
    if not parsed.verse:
        parsed = _titled(tight)
    return parsed._replace(numbered=numberless != tight)


def marked(line: str) -> str:
    """Return a line with marks in place of the spaces or strokes between its verse lines, if it is verse alone.

    Example:
        >>> marked("白日依山尽 黄河入海流"), marked("春晓")
        ('白日依山尽，黄河入海流。', '春晓')
    """
    parsed = parse_line(line)
    return parsed.verse if parsed.verse and not parsed.head else line


def without_number(line: str) -> str:
    """Return a line without the number before it.

    Example:
        >>> without_number("12. 春眠不觉晓，"), without_number("（三）春眠不觉晓，")
        ('春眠不觉晓，', '春眠不觉晓，')
    """
    return _NUMBER.sub("", line)


def _tightened(line: str) -> str:
    """Take out the spaces of a line that has one between any two characters."""
    words = line.split(" ")
    if len(words) >= 6 and sum(len(word) == 1 for word in words) > 0.6 * len(words):
        return _SPACED_CHARACTERS.sub("", line)
    return line


def _marked(line: str) -> Line:
    """Part a line that has marks of verse."""
    plain = without_notes(line)
    parts = segments(plain)
    if not ENDS.search(plain) and (len(parts) < 2 or not FIRST_MARK.search(plain)):
        return Line(line, "")
    start = _verse_start(line)
    head, verse = line[:start], line[start:]
    if head and not segments(verse):
        head, verse = "", line
    stopped = FULL_STOP.search(plain) or re.search("[。？！]", plain)
    lengths = set(map(len, parts))
    if not head and not ENDS.search(plain) and not stopped and len(parts) < 4 and (len(lengths) > 1 or lengths == {1}):
        return Line(line, "")  # a title with a comma
    return Line(head.rstrip(" \t\u3000:：|｜/／").strip(), verse.strip())


def _verse_start(line: str) -> int:
    """Return where the verse of a line begins: behind the last separator before its first mark."""
    starts: list[tuple[int, int, bool]] = []
    colon = 0
    for found in _SEPARATOR.finditer(line):
        before, sign = line[: found.start()], found[0].strip()
        if len(before) > _LONGEST_HEAD or FIRST_MARK.search(without_notes(before)) or sign in (",", "，", "、"):
            break
        closes = bool(sign) and sign in ")）]》〉>＞›»】〗〕］}"
        opened = before.count("（") + before.count("(") > before.count("）") + before.count(")")
        if closes and _is_note(line, found.end()):
            continue
        if (closes or not opened) and (found.start() or closes) and segments(line[found.end() :]):
            starts.append((found.start(), found.end(), not sign))
            colon = colon or (found.end() if sign in (":", "：") else 0)
    if colon and starts[-1][2] is False:
        return colon  # a second colon is a mark of the verse
    for start, end, is_space in reversed(starts):
        verse, head = segments(line[end:]), segments(line[:start])
        same = head and {len(part) for part in verse} == {len(head[-1])}
        if not (is_space and same and len(verse) % 2 and len(verse) > 1):  # else the space stands inside the verse
            return end
    return 0


def _is_note(line: str, end: int) -> bool:
    """Tell whether brackets that end here hold a note on a character of the first line of verse."""
    whole, rest = segments(line), segments(line[end:])
    return len(whole) > 1 and bool(rest) and len(whole[0]) == len(whole[1]) != len(rest[0])


def _spaced(line: str) -> Line:
    """Part a line without marks whose verse has spaces or strokes between its lines."""
    words = [word for word in _SPACES.split(line) if word]
    length = len(han_only(words[-1])) if words else 0
    if len(words) > 1 and length in UNBROKEN and length == len(words[-1]):
        return Line(line[: line.rindex(words[-1])].strip(" \t\u3000:：|/"), words[-1])
    if length not in _LINE_LENGTHS or len(words) < 2:
        return Line(line, "")
    count = 0
    for word in reversed(words):
        if len(word) != length or len(han_only(word)) != length:
            break
        count += 1
    count -= count % 2
    if count < 4 and not (count == 2 and length in (5, 7)):
        return Line(line, "")
    kept = words[:-count]
    return Line(line[: line.index(kept[-1]) + len(kept[-1])] if kept else "", add_marks(words[-count:]))


_TITLED = re.compile(r"([^:：]{0,80})[:：]\s*(\S.*)")


def _titled(line: str) -> Line:
    """Part a line at its colon, if it has one."""
    found = _TITLED.fullmatch(line)
    if not found or role_of(found[1]) in (TITLE, AUTHOR, OTHER) or is_dynasty(found[1].strip()):
        return Line(line, "")
    return Line(found[1].strip(), found[2])


def joined_verse(lines: Sequence[str]) -> str:
    """Join the lines of a poem; those without marks get some, unless a line was only broken in two."""
    lines = [stripped for line in lines if (stripped := line.strip())]
    if len(lines) < 2:
        return _with_gaps("".join(lines))
    if not any(FIRST_MARK.search(line) for line in lines):
        return add_marks(lines) if all(len(han_only(line)) > 2 for line in lines) else "".join(lines)
    usual = Counter(len(part) for line in lines for part in segments(line)[:-1] or segments(line)).most_common(1)
    length = usual[0][0] if usual else 0
    text, place = "", 0
    for line, following in pairwise([*lines, ""]):
        text += line
        place += len(segments(line))
        own = segments(line)
        if ENDS.search(without_notes(line)) or not own or line[-1:] in "」』”’》）)":
            continue
        after = segments(following)
        if after and len(own[-1]) != length and len(own[-1]) + len(after[0]) == length:
            place -= 1  # a line that was broken in two
            continue
        text += "，" if place % 2 else "。"
    return _with_gaps(text)


def _with_gaps(text: str) -> str:
    """Drop references to notes, and put □ for each ? that an encoding left in place of a character."""
    text = _REFERENCE.sub("", text)
    if "?" not in text or "，" not in text:
        return text
    text = re.sub(r"(?:^|(?<=[，。！；：？?□]))\?|\?(?=[，。！；：？])", "□", text)
    lengths = Counter(map(len, segments(text)))
    usual = lengths.most_common(1)[0][0] if lengths else 0
    for part in re.findall(rf"[^{MARKS}\s]+\?[^{MARKS}\s]+", text):
        if len(part) == usual:
            text = text.replace(part, part.replace("?", "□"))
    return text


def rhymed(texts: Iterable[str]) -> bool:
    """Tell whether the last characters of two texts or more rhyme with each other."""
    ends = [fold(end) for text in texts if (end := han_only(text)[-1:])]
    return len(ends) > 1 and rhyme_together(ends)
