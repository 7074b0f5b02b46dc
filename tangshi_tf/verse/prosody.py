"""The table of tones and rhymes of characters; a checker reads it generously, a poet narrowly.

A tone is 平 (level) or 仄 (oblique: rising, departing and entering tone). Regulated verse rhymes in one of the 30 level
groups among the 106 of 平水韵. The table, `data/prosody.tsv`, is keyed by simplified character and joins two sources;
`data/README.md` names them and says how it was made. Where neither has a character, its reading is derived from others.

There are two ways to read it. A checker reads generously (`generous`): a character has every tone and rhyme that either
source gives or that is derived, unless poets hardly ever used that tone; a character without reading fits everything.
A poet reads narrowly (`narrow`): a tone or rhyme counts if both sources give it and Tang poets used it where the metre
leaves no choice; derived readings do not count. So another checker, with other tables, agrees.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tangshi_tf.shipped import find_resource

__all__ = [
    "CIRCLES",
    "EITHER",
    "EVERY_GROUP",
    "GROUPS",
    "LEVEL",
    "LEVEL_GROUPS",
    "NEIGHBOURS",
    "OBLIQUE",
    "RHYME_NAMES",
    "UNKNOWN_GROUPS",
    "Entry",
    "Prosody",
    "derived_readings",
    "dump_entries",
    "generous",
    "load_entries",
    "narrow",
    "read_generously",
    "rhyme_together",
    "tones_of",
]

LEVEL, OBLIQUE = 1, 2
EITHER = LEVEL | OBLIQUE

LEVEL_GROUPS = "东冬江支微鱼虞齐佳灰真文元寒删先萧肴豪歌麻阳庚青蒸尤侵覃盐咸"
_OBLIQUE_GROUPS = (
    "董肿讲纸尾语麌荠蟹贿轸吻阮旱潸铣篠巧皓哿马养梗迥有寝感琰豏"
    "送宋绛寘未御遇霁泰卦队震问愿翰谏霰啸效号箇祃漾敬径宥沁勘艳陷"
    "屋沃觉质物月曷黠屑药陌锡职缉合叶洽"
)
GROUPS = LEVEL_GROUPS + _OBLIQUE_GROUPS
UNKNOWN_GROUPS = "平仄"
"""What stands for the groups of a character of which only the tone is known: level, oblique."""

_EVERY = frozenset(LEVEL_GROUPS)
EVERY_GROUP = 2 ** len(LEVEL_GROUPS) - 1
"""The level groups as bits, the first one the lowest."""

CIRCLES = ("东冬", "支微齐", "鱼虞", "真文元", "寒删先元", "萧肴豪", "庚青蒸", "覃盐咸")
NEIGHBOURS: Mapping[str, frozenset[str]] = {
    group: frozenset(group).union(*(circle for circle in CIRCLES if group in circle)) for group in LEVEL_GROUPS
}
"""A first line may rhyme with a neighbour of the group of the others (邻韵): each group and its neighbours."""

_PINYIN = """
dong dong jiang zhi wei yu yu qi jia hui zhen wen yuan han shan
xian xiao yao hao ge ma yang geng qing zheng you qin tan yan xian
"""
_ORDINALS = "一二三四五六七八九十"
_ORDINAL_PINYIN = ["yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu", "shi"]


def _ordinal(number: int, digits: Iterable[str]) -> str:
    digits = list(digits)
    return digits[number - 1] if number <= 10 else digits[9] + digits[number - 11]


def _rhyme_names() -> dict[str, str]:
    """Return the names of a rhyme to the groups it may mean: 先, 先韵, 一先, 下平一先, xian (先 or 咸), yixian."""
    names: dict[str, str] = {}
    for index, (group, pinyin) in enumerate(zip(LEVEL_GROUPS, _PINYIN.split(), strict=True)):
        half, number = ("上平", index + 1) if index < 15 else ("下平", index - 14)
        ordinal, ordinal_pinyin = _ordinal(number, _ORDINALS), _ordinal(number, _ORDINAL_PINYIN)
        chinese = [group, *(part + ordinal + group for part in ("", half, f"{half}声"))]
        for name in (*chinese, *(f"{name}韵" for name in chinese), ordinal_pinyin + pinyin, pinyin):
            names[name] = names.get(name, "") + group
    return names


RHYME_NAMES: Mapping[str, str] = _rhyme_names()
"""What a user may call a rhyme, without spaces or hyphens, to the groups that are meant, one or more."""

_FEW, _MANY = 10, 100  # uses; of a character seen less often, usage says nothing to a poet, to a judge
_RARE, _STRANGE = 0.1, 0.03  # the share of its uses below which a poet, a judge does not count on a tone or rhyme


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a character.

    Attributes:
        both: its groups, out of `GROUPS`, that both sources give.
        one: those that one source gives.
        tones: how often it stands in slots that the metre fixes as level, and as oblique; counted where sources give
            both tones.
        rhymes: how often it rhymes in each level group; counted where sources give several.
        rule: the rule by which its groups were derived, if no source has it; empty if one has.
        forms: the characters that they were derived from.
    """

    both: str
    one: str = ""
    tones: tuple[int, int] = (0, 0)
    rhymes: tuple[tuple[str, int], ...] = ()
    rule: str = ""
    forms: str = ""


class Prosody:
    """A reading of the table.

    Args:
        tones: a character to `LEVEL`, `OBLIQUE` or `EITHER`.
        rhymes: a character to the level groups it rhymes in, none if it is left out.
    """

    def __init__(self, tones: Mapping[str, int], rhymes: Mapping[str, Iterable[str]]) -> None:
        """See the class."""
        self._tones = dict(tones)
        self._rhymes = {char: frozenset(rhymes.get(char, ())) for char in tones}

    def __iter__(self) -> Iterator[str]:
        """Go through the characters that are known."""
        return iter(self._tones)

    def __contains__(self, char: str) -> bool:
        """Tell whether the character is known."""
        return char in self._tones

    def tones(self, char: str) -> int:
        """Return `LEVEL`, `OBLIQUE` or `EITHER`, which is also that of an unknown character."""
        return self._tones.get(char, EITHER)

    def rhymes(self, char: str) -> frozenset[str]:
        """Return the level groups a character rhymes in; an unknown one rhymes in all."""
        return self._rhymes.get(char, _EVERY)

    def rhyme_bits(self, char: str) -> int:
        """Return the same as bits, see `EVERY_GROUP`."""
        return sum(1 << LEVEL_GROUPS.index(group) for group in self.rhymes(char))


def tones_of(groups: Iterable[str]) -> int:
    """Return the tones of characters in these groups: 0 if there is none."""
    return sum({LEVEL if group in _EVERY or group == UNKNOWN_GROUPS[0] else OBLIQUE for group in groups})


def _rhymes_of(groups: Iterable[str]) -> frozenset[str]:
    """Return the level groups among these; all, if one is unknown."""
    return _EVERY if UNKNOWN_GROUPS[0] in groups else _EVERY.intersection(groups)


def read_generously(groups: Mapping[str, Iterable[str]]) -> Prosody:
    """Return the reading that gives each character every tone and rhyme of its groups."""
    return Prosody(
        {char: tones_of(own) for char, own in groups.items()},
        {char: _rhymes_of(own) for char, own in groups.items()},
    )


@lru_cache(maxsize=1)
def generous() -> Prosody:
    """Return the reading of a judge."""
    return read_generously(_heard())


@lru_cache(maxsize=1)
def _heard() -> dict[str, str]:
    return {char: _heard_groups(entry) for char, entry in load_entries().items()}


def rhyme_together(chars: Iterable[str]) -> bool:
    """Tell whether a judge hears characters rhyme with each other, in a group of either tone; unknown ones fit all.

    Example:
        >>> rhyme_together("霜乡"), rhyme_together("绝灭雪"), rhyme_together("流乡")
        (True, True, False)
    """
    return bool(frozenset(GROUPS).intersection(*map(_groups_of, chars)))


@lru_cache(maxsize=4_096)
def _groups_of(char: str) -> frozenset[str]:
    groups = _heard().get(char, UNKNOWN_GROUPS)
    level = LEVEL_GROUPS if UNKNOWN_GROUPS[0] in groups else ""
    oblique = _OBLIQUE_GROUPS if UNKNOWN_GROUPS[1] in groups else ""
    return frozenset(groups + level + oblique)


def derived_readings(text: str) -> dict[str, tuple[str, str]]:
    """Return the characters of a text that no source has: each to the rule of its reading, and what that came from.

    ```python
    derived_readings("庄生晓梦迷蝴蝶")  # {"蝴": ("写法", "胡")}
    ```
    """
    derived = _derived()
    return {char: derived[char] for char in text if char in derived}


@lru_cache(maxsize=1)
def _derived() -> dict[str, tuple[str, str]]:
    return {char: (entry.rule, entry.forms) for char, entry in load_entries().items() if entry.rule}


@lru_cache(maxsize=1)
def narrow() -> Prosody:
    """Return the reading of a poet; characters whose tone is in doubt or derived are not in it."""
    entries = {char: entry for char, entry in load_entries().items() if not entry.rule}
    tones = {char: tone for char, entry in entries.items() if (tone := _sure_tones(entry))}
    return Prosody(tones, {char: _sure_rhymes(entries[char]) for char, tone in tones.items() if tone & LEVEL})


def _heard_groups(entry: Entry) -> str:
    """Return all groups but those whose tone is hardly ever used, such as 空 as oblique."""
    uses = sum(entry.tones)
    shares = dict(zip((LEVEL, OBLIQUE), entry.tones, strict=True))
    strange = [tone for tone, used in shares.items() if uses >= _MANY and used < _STRANGE * uses]
    return "".join(group for group in entry.both + entry.one if tones_of(group) not in strange)


def _sure_tones(entry: Entry) -> int:
    tones, uses = tones_of(entry.both), sum(entry.tones)
    if tones_of(entry.both + entry.one) != EITHER:
        return tones
    used = [tone for tone, count in zip((LEVEL, OBLIQUE), entry.tones, strict=True) if count > _RARE * uses]
    return tones & sum(used) if uses >= _FEW else 0


def _sure_rhymes(entry: Entry) -> frozenset[str]:
    groups = _EVERY.intersection(entry.both)
    least = _RARE * max(_FEW, sum(count for _, count in entry.rhymes))
    several = len(_EVERY.intersection(entry.both + entry.one)) > 1
    return groups.intersection(group for group, count in entry.rhymes if count > least) if several else groups


def dump_entries(entries: Mapping[str, Entry]) -> str:
    """Return the text of the table; `load_entries` reads it.

    One character a line: the groups of both sources, a stroke and those of one if there are any, then, where they were
    counted, the tones (level, oblique) and the rhymes, and, where no source has the character, the rule and what its
    groups came from, in columns separated by tabs.
    """
    lines = []
    for char, entry in sorted(entries.items()):
        tones = " ".join(map(str, entry.tones)) if any(entry.tones) else ""
        rhymes = " ".join(f"{group}{used}" for group, used in entry.rhymes)
        groups = entry.both + ("/" + entry.one if entry.one else "")
        rule = f"{entry.rule} {entry.forms}" if entry.rule else ""
        lines.append("\t".join([char, groups, tones, rhymes, rule]).rstrip("\t") + "\n")
    return "".join(lines)


def load_entries() -> dict[str, Entry]:
    """Read `data/prosody.tsv`."""
    entries = {}
    for line in find_resource("data/prosody.tsv").read_text(encoding="utf-8").splitlines():
        char, groups, tones, rhymes, derived, *_ = [*line.split("\t"), "", "", ""]
        both, _, one = groups.partition("/")
        level, oblique = map(int, tones.split() or (0, 0))
        uses = tuple((use[0], int(use[1:])) for use in rhymes.split())
        rule, _, forms = derived.partition(" ")
        entries[char] = Entry(both, one, (level, oblique), uses, rule, forms)
    return entries
