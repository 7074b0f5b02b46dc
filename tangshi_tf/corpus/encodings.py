"""Find the encoding of a text: by its byte order mark, or by what the decoded text looks like.

A text that is valid UTF-8 is UTF-8. Any other is decoded by every known encoding; the one that makes the most usual
characters of it is taken: Chinese that is decoded wrongly turns to rare characters. How usual a character is, is
counted in the corpus of the package.
"""

import codecs
import math
import re
from collections import Counter
from functools import lru_cache
from typing import NoReturn

from tangshi_tf.corpus.cleaning import fold
from tangshi_tf.corpus.shipped_format import shipped_text
from tangshi_tf.errors import CorpusError

__all__ = ["decode"]

_BOMS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
    (b"\x84\x31\x95\x33", "GB18030"),
)
# By the name that a user knows: Python's codec. The first of several with an equal text is named.
_CODECS = {
    "UTF-8": "utf-8",
    "GB18030": "gb18030",
    "Big5": "cp950",
    "Big5-HKSCS": "big5hkscs",
    "Shift-JIS": "cp932",
    "EUC-JP": "euc_jp",
    "EUC-KR": "cp949",
    "UTF-16-LE": "utf-16-le",
    "UTF-16-BE": "utf-16-be",
    "UTF-32-LE": "utf-32-le",
    "UTF-32-BE": "utf-32-be",
}
_SEVEN_BIT = {"HZ": "hz", "ISO-2022-JP": "iso2022_jp_2", "ISO-2022-KR": "iso2022_kr", "UTF-7": "utf-7"}
_SHIFTS = re.compile(rb"~\{|\x1b\$|\x0e|\+[A-Za-z0-9+/]{3}")
_NAMED_IN_ERRORS = ("UTF-8", "GB18030", "Big5", "Shift-JIS", "EUC-JP", "EUC-KR", "UTF-16", "UTF-32")

_SAMPLE = 100_000  # bytes of a file by which encodings are compared
_MARKS = frozenset("，。、？！；：《》（）「」『』“”‘’…—·　〈〉【】〔〕［］\u2028\u2029")
# Costs of a character, in nats: about -ln of its probability.
_USUAL, _KANA, _HANGUL, _UNSEEN, _RARE, _FOREIGN, _NEVER = 4.0, 6.0, 9.0, 13.0, 16.0, 12.0, 25.0
_READABLE = 10.0  # a Chinese text has 6 to 8 a character, one in a wrong encoding 12 to 20
_MARGIN = 1.05  # how much dearer the second best must be
_FEW = 4  # characters, too few for a verdict


def decode(data: bytes, name: str) -> tuple[str, str]:
    """Return the text of bytes, and the name of its encoding.

    Args:
        data: the bytes of a file.
        name: of the file, for errors.

    Raises:
        CorpusError: if they are no text, or if it cannot be told in which encoding.

    Example:
        >>> decode("床前明月光，疑是地上霜。".encode("big5", "replace"), "poem.txt")[1]
        'Big5'
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom) and (text := _decoded(data[len(bom) :], encoding, final=True)) is not None:
            return text, encoding
    if data.isascii() and _SHIFTS.search(data[:_SAMPLE]):
        for encoding in _SEVEN_BIT:
            text = _decoded(data, encoding, final=True)
            if text and _weighed(text)[0] >= _FEW and _is_readable(text):
                return text, encoding
    utf8 = _decoded(data, "UTF-8", final=True)
    if utf8 is not None and "\0" not in utf8:
        if _is_nonsense(utf8):
            raise CorpusError(
                f"Text is required. Received: {name}, whose characters are those of a text once read in a wrong "
                "encoding: save the original as UTF-8"
            )
        return utf8, "UTF-8"
    return _guessed(data, name)


def _guessed(data: bytes, name: str) -> tuple[str, str]:
    """Decode by the encoding that makes the most usual text."""
    sample = data[: _SAMPLE & ~3]
    costs: dict[str, tuple[float, str]] = {}
    for encoding in _CODECS:
        text = _decoded(sample, encoding, final=len(sample) == len(data))
        if text is not None and (encoding != "UTF-8" or "\0" not in text):
            costs[encoding] = (_cost(text), text)
    ranked = sorted(costs, key=lambda encoding: costs[encoding][0])
    best = ranked[0] if ranked else ""
    if not best or not _is_readable(costs[best][1]):
        _refuse(data, name)
    rivals = [one for one in ranked[1:] if costs[one][1] != costs[best][1]]
    if rivals and costs[rivals[0]][0] < _MARGIN * costs[best][0] and _is_readable(costs[rivals[0]][1]):
        raise CorpusError(
            f"Text in an encoding that is certain is required: save it as UTF-8. Received: {name}, which may be "
            f"{best} or {rivals[0]}"
        )
    text = _decoded(data, best, final=True)
    if text is None:
        _refuse(data, name)
    return text.removeprefix("\ufeff"), best


def _decoded(data: bytes, encoding: str, final: bool) -> str | None:
    """Return the text, or None if the bytes are wrong in this encoding; a last character may be cut if not final."""
    codec = {**_CODECS, **_SEVEN_BIT}[encoding]
    try:
        return codecs.getincrementaldecoder(codec)().decode(data, final)
    except (UnicodeDecodeError, ValueError):
        return None


def _refuse(data: bytes, name: str) -> NoReturn:
    """Say which encoding a text that cannot be read seems to have, and where it is broken."""
    sample = data[:_SAMPLE]
    for encoding in ("UTF-8", "GB18030", "Big5"):
        codec = _CODECS[encoding]
        text = sample.decode(codec, "replace")
        if (
            "\0" in text
            or text.count("\ufffd") > max(4, len(text) / 10)
            or not _is_readable(text.replace("\ufffd", ""))
        ):
            continue
        try:
            data.decode(codec)
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"Undamaged text is required. Received: {name}, which seems to be {encoding} but has byte "
                f"0x{data[error.start]:02x} at offset {error.start}"
            ) from None
    raise CorpusError(
        f"Text in a known encoding is required: {', '.join(_NAMED_IN_ERRORS)}. Received: {name}, which makes sense in "
        "none of them"
    )


@lru_cache(maxsize=1)
def _costs() -> dict[str, float]:
    """Return -ln of the frequency of every character of the corpus in the package."""
    counts = Counter(shipped_text())
    total = counts.total()
    return {char: -math.log(count / total) for char, count in counts.items() if char > "\u2fff"}


def _cost(text: str) -> float:
    """Return the cost of all that is not ASCII in a text, in nats."""
    return sum(count * _cost_of(char) for char, count in Counter(fold(text)).items())


def _cost_of(char: str) -> float:
    if char in _MARKS or char == "\ufeff":
        return _USUAL
    if char < "\x80":
        return 0.0 if char >= " " or char in "\t\n\r\f\v\x1c\x1d\x1e" else _NEVER
    known = _costs().get(char)
    if known is not None:
        return known
    if "\u3041" <= char <= "\u30ff":
        return _KANA
    if "\uac00" <= char <= "\ud7a3":
        return _HANGUL
    if "\u4e00" <= char <= "\u9fff":
        return _UNSEEN
    if "\ue000" <= char <= "\uf8ff" or char >= "\U0002fa20" or char in "\ufffd\ufffe\uffff" or "\x80" <= char < "\xa0":
        return _NEVER
    return _RARE if char >= "\u3400" else _FOREIGN


def _weighed(text: str) -> tuple[int, float]:
    """Return how many characters of a text are not ASCII, and their mean cost."""
    weighty = [char for char in text[:_SAMPLE] if char >= "\x80" or _cost_of(char)]
    return len(weighty), _cost("".join(weighty)) / max(len(weighty), 1)


def _is_readable(text: str) -> bool:
    """Tell whether a text has usual characters for the most part."""
    return _weighed(text)[1] < _READABLE


def _is_nonsense(text: str) -> bool:
    """Tell whether the Han characters of a text are those that UTF-8 makes when it is read as GB18030, or the like."""
    count, cost = _weighed(text)
    if count < _FEW or cost < _READABLE:
        return False
    for codec in ("gb18030", "cp1252", "latin-1", "cp950", "cp932"):
        try:
            again = text[:_SAMPLE].encode(codec, "ignore").decode("utf-8", "ignore")
        except (UnicodeError, ValueError):
            continue
        count_again, cost_again = _weighed(again)
        if cost_again < _READABLE and 5 * count_again > count:
            return True
    return False
