"""How the characters of a poem are read today, in pinyin."""

from typing import Any

__all__ = ["readings"]


def readings(text: str) -> list[str]:
    """Return the reading of each character, ``""`` for what has none; a character with several is read by its phrase.

    Readings of today, by pypinyin (needs the extra pinyin): tones and rhymes of Tang verse are those of the rhyme
    books, see `prosody`.

    Example:
        >>> readings("白日依山尽，")
        ['bái', 'rì', 'yī', 'shān', 'jǐn', '']
    """
    from pypinyin import Style, lazy_pinyin

    nothing: Any = lambda run: [""] * len(run)  # noqa: E731 - its annotation knows no lists, its documentation does
    return list(lazy_pinyin(text, style=Style.TONE, errors=nothing))
