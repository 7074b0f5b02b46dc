"""The four classical forms: lines, characters per line, and the patterns of tone that a line may follow.

Regulated verse is made of four types of line, named after their ends: a and b end oblique, A and B level. Two lines
make a couplet (联); within it the tones are opposite (对), between couplets they stick (粘). An opening fixes the type
of every line. In a pattern 平 is level, 仄 oblique, 中 either, and 护 level unless the character two places before is:
a line of type B with a single level character before its rhyme has a lonely level (孤平).

After Wang Li, 诗词格律, chapter 2.
"""

import re
from collections.abc import Mapping
from itertools import product
from types import MappingProxyType

__all__ = [
    "FORMS",
    "FORM_NAMES",
    "FORM_SHARES",
    "LEVELS",
    "LINE_TYPES",
    "MARKS",
    "OPENINGS",
    "OPENING_NAMES",
    "OPENING_SHARES",
    "OTHER",
    "VERSE_INPUTS",
    "form_of",
    "lines_of",
    "rhyming_lines",
    "ways",
]

FORMS = {"五绝": (4, 5), "七绝": (4, 7), "五律": (8, 5), "七律": (8, 7)}
OTHER = "其他"
VERSE_INPUTS = ("form", "opening", "rhyme", "acrostic")
"""What may be given to ask for verse in a form."""

# Named after the tone of the second character; 入韵: the first line rhymes too. Lines of seven have two characters
# of the other class in front of a line of five, so there 仄起 and 平起 change places.
_FIVE = {
    "仄起": ("aB", "bA", "aB", "bA"),
    "平起": ("bA", "aB", "bA", "aB"),
    "仄起入韵": ("AB", "bA", "aB", "bA"),
    "平起入韵": ("BA", "aB", "bA", "aB"),
}
_SEVEN = {name: _FIVE[{"仄": "平", "平": "仄"}[name[0]] + name[1:]] for name in _FIVE}
OPENINGS = tuple(_FIVE)
LINE_TYPES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    form: _FIVE if length == 5 else _SEVEN for form, (_, length) in FORMS.items()
}
"""For each form and opening, the types of its couplets' lines; a quatrain has the first two couplets."""

FORM_SHARES: Mapping[str, int] = MappingProxyType({"五绝": 9, "七绝": 28, "五律": 40, "七律": 22})
"""Percent of the poems of the four forms in the training split."""
OPENING_SHARES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"五绝": (63, 23, 10, 4), "七绝": (8, 11, 46, 35), "五律": (47, 29, 15, 8), "七律": (5, 8, 41, 46)}
)
"""Percent of the regular ones among them that have each of `OPENINGS`."""

LEVELS = ("loose", "regulated", "strict")

# How each type of line may be written, the plainest way first. A b line has a licence of its own (特拗, 平平仄平仄).
_LOOSE: dict[str, tuple[str, ...]] = {
    "a": ("中仄中平仄",),
    "A": ("中仄中平平",),
    "b": ("中平中仄仄",),
    "B": ("中平中仄平",),
}
_REGULATED = _LOOSE | {"b": ("中平中仄仄", "平平仄平仄")}
# Without three level characters at the end of A (三平尾) and without a lonely level in B (孤平).
_STRICT = _REGULATED | {"A": ("中仄仄平平",), "b": ("中平平仄仄", "平平仄平仄", "中平仄仄仄"), "B": ("中平护仄平",)}
_PATTERNS = dict(zip(LEVELS, (_LOOSE, _REGULATED, _STRICT), strict=True))
# A fourth oblique character in a is rescued by a third level one in B (大拗).
_RESCUE = ("中仄中仄仄", "中平平仄平")


def ways(pair: str, length: int, level: str) -> list[tuple[str, str]]:
    """Return the ways to write a couplet of two types, such as aB: pairs of patterns, the plainest first.

    Args:
        pair: the types of its lines; pairs whose lines are not opposite have ways, too, but break a rule (失对).
        length: of a line, 5 or 7.
        level: one of `LEVELS`. Loose holds the second, fourth and sixth characters and the ends to the plain pattern;
            regulated allows both licences; strict is regulated without 三平尾 and 孤平.
    """
    own = list(product(_PATTERNS[level][pair[0]], _PATTERNS[level][pair[1]]))
    if pair == "aB" and level != "loose":
        own.append(_RESCUE)
    return [(_widen(first, length), _widen(second, length)) for first, second in own]


def _widen(pattern: str, length: int) -> str:
    """Put two characters of the other class in front of a pattern of five, the first of them free."""
    return pattern if length == 5 else "中" + {"平": "仄", "仄": "平"}[pattern[1]] + pattern


def rhyming_lines(form: str, opening: str) -> list[int]:
    """Return the indices, from 0, of the lines that rhyme."""
    even = list(range(1, FORMS[form][0], 2))
    return [0, *even] if opening.endswith("入韵") else even


_FORM_WORDS = """
五绝 五言绝句 wujue wuyanjueju = 五绝
七绝 七言绝句 qijue qiyanjueju = 七绝
五律 五言律诗 wulü wulv wulu wuyanlüshi wuyanlvshi wuyanlushi = 五律
七律 七言律诗 qilü qilv qilu qiyanlüshi qiyanlvshi qiyanlushi = 七律
绝句 jueju = 五绝 七绝
律诗 lüshi lvshi lushi = 五律 七律
五言 wuyan = 五绝 五律
七言 qiyan = 七绝 七律
"""
_OPENING_WORDS = """
仄起 仄起不入韵 仄起首句不入韵 zeqi zeqiburuyun = 仄起
平起 平起不入韵 平起首句不入韵 pingqi pingqiburuyun = 平起
仄起入韵 仄起首句入韵 zeqiruyun = 仄起入韵
平起入韵 平起首句入韵 pingqiruyun = 平起入韵
入韵 首句入韵 ruyun = 仄起入韵 平起入韵
不入韵 首句不入韵 buruyun = 仄起 平起
"""


def _names(words: str) -> Mapping[str, tuple[str, ...]]:
    names = {}
    for line in words.strip().splitlines():
        said, meant = line.split(" = ")
        names.update(dict.fromkeys(said.split(), tuple(meant.split())))
    return MappingProxyType(names)


FORM_NAMES = _names(_FORM_WORDS)
"""What a user may call a form, in small letters without spaces or hyphens, to the forms meant, one or more."""
OPENING_NAMES = _names(_OPENING_WORDS)
"""What a user may call an opening to the openings meant, one or more."""

MARKS = "，。？！；：、"
_LINES = re.compile(f"[^{MARKS}]+")
_NAMES = {shape: name for name, shape in FORMS.items()}


def lines_of(text: str) -> list[str]:
    """Return what stands between the marks ，。？！；：、 of a clean poem."""
    return _LINES.findall(text)


def form_of(text: str) -> str:
    """Name the form of a clean poem.

    If all lines are of one length, that length and the number of lines decide; the tones do not.

    Returns:
        A key of `FORMS`, or `OTHER`.
    """
    lengths = [len(line) for line in lines_of(text)]
    if len(set(lengths)) != 1:
        return OTHER
    return _NAMES.get((len(lengths), lengths[0]), OTHER)
