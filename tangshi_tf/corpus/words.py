"""Text to tokens and back, in Python: characters, or words and line breaks.

A token of a word model is a word or a line break. Other white space is not kept; `joined` puts spaces back between
words, but none beside Chinese and Japanese characters, and none where a mark belongs to its neighbour.
"""

import importlib.util
import logging
import re
from collections.abc import Callable, Iterable, Iterator

from tangshi_tf.errors import ConfigError

__all__ = ["GLUED_LEFT", "GLUED_RIGHT", "SEGMENTERS", "joined", "segmenter", "spaced", "spaced_parts"]

_WIDE = "\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
# Words that take no space before, or after them; both Python and RE2, in the graph, read these.
GLUED_LEFT = rf"(?s)(?:[\n{_WIDE}].*|[.,;:!?%)\]}}…”—]+|['’])"
GLUED_RIGHT = rf"(?s)(?:.*[\n{_WIDE}]|[(\[{{“‘—]+|['’])"
_left, _right = re.compile(GLUED_LEFT), re.compile(GLUED_RIGHT)


def _split(line: str) -> Iterable[str]:
    return line.split()


def _jieba() -> Callable[[str], Iterable[str]]:
    if importlib.util.find_spec("jieba") is None:
        raise ConfigError(
            'jieba is required: pip install "tangshi-tf[jieba]", or --segmenter whitespace. '
            "Received: an installation without it."
        )
    import jieba

    jieba.setLogLevel(logging.WARNING)
    return lambda line: (word for word in jieba.cut(line) if not word.isspace())


SEGMENTERS: dict[str, Callable[[], Callable[[str], Iterable[str]]]] = {"jieba": _jieba, "whitespace": lambda: _split}


def segmenter(unit: str, name: str) -> Callable[[str], Iterator[str]]:
    """Return what cuts a text into tokens.

    Args:
        unit: ``"char"``, for which the name has no meaning, or ``"word"``.
        name: ``"jieba"``, for Chinese (needs the extra of that name), or ``"whitespace"``.

    Raises:
        ConfigError: if jieba is asked for and not installed.
    """
    if unit == "char":
        return iter
    words = SEGMENTERS[name]()

    def cut(text: str) -> Iterator[str]:
        for number, line in enumerate(text.split("\n")):
            if number:
                yield "\n"
            yield from words(line)

    return cut


def spaced(before: str, word: str) -> bool:
    """Tell whether a space stands between two words."""
    return bool(before) and not (_right.fullmatch(before) or _left.fullmatch(word))


def spaced_parts(words: Iterable[str]) -> Iterator[str]:
    """Yield each word, after a space where there is one."""
    before = ""
    for word in words:
        yield f" {word}" if spaced(before, word) else word
        before = word


def joined(words: Iterable[str]) -> str:
    """Return the text of words."""
    return "".join(spaced_parts(words))
