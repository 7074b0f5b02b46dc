import importlib.util
from itertools import pairwise

import pytest
import tensorflow as tf

from tangshi_tf.corpus.words import GLUED_LEFT, GLUED_RIGHT, joined, segmenter, spaced
from tangshi_tf.errors import ConfigError

NOVEL = "他走进山谷，看见了\n一座古老的寺庙。“你好！”他说。\n"


def test_characters_are_kept_as_they_are() -> None:
    text = "A line,\n\tanother  one 。\n"
    assert "".join(segmenter("char", "whitespace")(text)) == text


def test_words_between_white_space_come_back() -> None:
    cut = segmenter("word", "whitespace")
    words = list(cut("Hello,  dear\tworld!\n\nIt's (almost) 3.14 o'clock.\n"))
    assert words == ["Hello,", "dear", "world!", "\n", "\n", "It's", "(almost)", "3.14", "o'clock.", "\n"]
    assert joined(words) == "Hello, dear world!\n\nIt's (almost) 3.14 o'clock.\n"
    assert list(cut(joined(words))) == words


def test_chinese_words_come_back() -> None:
    pytest.importorskip("jieba")
    words = list(segmenter("word", "jieba")(NOVEL))
    assert "山谷" in words
    assert words.count("\n") == 2
    assert len(words) < len(NOVEL)
    assert joined(words) == NOVEL


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["他", "用", "TensorFlow", "写诗", "。"], "他用TensorFlow写诗。"),
        (["Hello", ",", "world", "!", "(", "yes", ")"], "Hello, world! (yes)"),
        (["it", "'", "s", "50", "%"], "it's 50%"),
        (["he", "said", "“", "no", "”", "—", "twice"], "he said “no”—twice"),
        (["他", "说", "“", "TensorFlow", "”", "。"], "他说“TensorFlow”。"),
        (["Привет", "мир"], "Привет мир"),
        (["ひらがな", "カタカナ"], "ひらがなカタカナ"),
        (["한국", "사람"], "한국 사람"),
        ([], ""),
    ],
)
def test_words_are_joined_as_their_language_does(words: list[str], text: str) -> None:
    assert joined(words) == text
    # The graph reads the same patterns.
    left = tf.strings.regex_full_match(words or [""], GLUED_LEFT).numpy()
    right = tf.strings.regex_full_match(words or [""], GLUED_RIGHT).numpy()
    spaces = [not (right[i] or left[i + 1]) for i in range(len(words) - 1)]
    assert spaces == [spaced(a, b) for a, b in pairwise(words)]


def test_a_missing_jieba_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jieba" else find(name))
    with pytest.raises(ConfigError, match=r'jieba is required: pip install "tangshi-tf\[jieba\]", or'):
        segmenter("word", "jieba")
