"""Clean one text to Han characters and the marks ，。？！；：、, simplified; or say why the poem is dropped."""

import re
import unicodedata
from functools import lru_cache

from tangshi_tf.shipped import find_resource
from tangshi_tf.verse.forms import MARKS

__all__ = ["HAN", "PUNCTUATION", "character_table", "clean", "fold", "han_only", "unified"]

PUNCTUATION = MARKS
_MIN_HAN = 4
_MAX_LENGTH = 5_000  # the longest poem of the Quan Tangshi has 2,980 characters; a novel is no poem

# CJK unified ideographs: all extensions, and the twelve that stand among the compatibility ideographs.
_TWELVE = "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"
HAN = f"〇\u3400-\u4dbf\u4e00-\u9fff{_TWELVE}\U00020000-\U0003fffd"
_DEEPEST = 20  # notes inside notes
_NOT_HAN = re.compile(f"[^{HAN}]+")
_NOTE = re.compile(r"（[^（）]*）|\([^()]*\)")
_BRACKETS = re.compile(r"[\[\]［］【】〔〕〖〗]")
_MARKS = re.compile("[「」『』“”‘’\"'＂＇〝〞《》〈〉]")
_MARK_RUN = re.compile(f"[{PUNCTUATION}]*([{PUNCTUATION}])")
_PLACEHOLDERS = frozenset({"空", "缺", "阙", "无", "空缺"})

# What looks like a character but is a radical, as text copied from a PDF has it; and a variant among the twelve. Those
# that Unicode itself gives an equivalent, such as the radicals of Kangxi, are not listed.
_DOUBLES = """
⺁厂 ⺈刀 ⺒巳 ⺓幺 ⺝月 ⺠民 ⺥爪 ⺧牛 ⺩王 ⺪疋 ⺫目 ⺬示 ⺮竹 ⺰纟 ⺵网 ⺶羊 ⺷羊 ⺸羊 ⺻聿 ⺼肉 ⺽臼 ⻁虎
⻃西 ⻄西 ⻅见 ⻆角 ⻇角 ⻉贝 ⻊足 ⻋车 ⻐钅 ⻑长 ⻒长 ⻓长 ⻔门 ⻕阜 ⻗雨 ⻘青 ⻙韦 ⻚页 ⻛风 ⻜飞 ⻝食 ⻞食
⻟食 ⻡首 ⻢马 ⻣骨 ⻤鬼 ⻥鱼 ⻦鸟 ⻧卤 ⻨麦 ⻩黄 ⻪黾 ⻫齐 ⻬齐 ⻭齿 ⻮齿 ⻯龙 ⻰龙 ⻱龟 ⻲龟 﨑崎
"""
_SINGLE = {ord(pair[0]): pair[1] for pair in _DOUBLES.split()}
_RADICAL = re.compile("[\u2e80-\u2fdf]")
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # which form of a character a font is to show

# The first pattern found in a text names why it is dropped.
_FAULTS = (
    ("composed character", re.compile(r"[{}｛｝\u2e80-\u2fff=+/|]")),
    ("missing character", re.compile("[□■○●◯◎◇▢�＊*]")),
    ("Latin letter or digit", re.compile("[A-Za-z0-9Ａ-Ｚａ-ｚ０-９\u00aa-\u024f]")),
    ("private use", re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")),
    ("unbalanced bracket", re.compile("[()（）]")),
    ("other symbol", re.compile(f"[^{HAN}{PUNCTUATION}]")),
)


@lru_cache(maxsize=1)
def character_table() -> dict[str, str]:
    """Return the table of variants: traditional or old character (or half-width mark) to the one used here.

    No value is a key, so folding twice is folding once. 乾 and 徵 are left out: which simplified character
    they become depends on the words around them.
    """
    lines = find_resource("data/characters.tsv").read_text(encoding="utf-8").splitlines()
    table = {}
    for line in lines:
        variant, simplified = line.split("\t")
        table[variant] = simplified
    return table


@lru_cache(maxsize=1)
def _translation() -> dict[int, str]:
    return str.maketrans(character_table())


def fold(text: str) -> str:
    """Replace every traditional or variant character by the simplified one; the length stays the same."""
    return text.translate(_translation())


def unified(text: str) -> str:
    """Replace compatibility ideographs, radicals and chosen forms of a character by the character.

    Example:
        >>> unified("\u2f49\ufa19\ufe00")
        '月神'
    """
    text = unicodedata.normalize("NFC", _SELECTOR.sub("", text))
    return _RADICAL.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text).translate(_SINGLE)


def han_only(text: str) -> str:
    """Return the Han characters of a text, without marks or anything else."""
    return _NOT_HAN.sub("", text)


def clean(text: str) -> tuple[str, str]:
    """Reduce a poem to Han characters and the marks ，。？！；：、.

    White space, invisible characters, round-bracketed notes, square brackets (their content stays: it is a
    rare character written out), quotation and book-title marks go; half-width marks become full-width;
    traditional and variant characters are folded. Of a run of marks the last stays, at the start none.

    Args:
        text: any text.

    Returns:
        The cleaned text, and the reason to drop the poem, ``""`` if it is kept. Cleaning a clean text changes nothing.

    Example:
        >>> clean("春眠不覺曉, 處處聞啼鳥。")
        ('春眠不觉晓，处处闻啼鸟。', '')
        >>> clean("□眠不覺曉")[1]
        'missing character'
    """
    text = unified(text)
    text = "".join(c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cf", "Cc"))
    if not text:
        return "", "empty"
    for _ in range(_DEEPEST):  # a note may hold another
        text, notes = _NOTE.subn("", text)
        if not notes:
            break
    text = fold(_MARKS.sub("", _BRACKETS.sub("", text)))
    for reason, pattern in _FAULTS:
        if pattern.search(text):
            return text, reason
    text = _MARK_RUN.sub(r"\1", text).lstrip(PUNCTUATION)
    han = han_only(text)
    if not han:
        return text, "empty"
    if han in _PLACEHOLDERS:
        return text, "placeholder"
    if len(han) < _MIN_HAN:
        return text, "too short"
    if len(text) > _MAX_LENGTH:
        return text, "too long"
    return text, ""
