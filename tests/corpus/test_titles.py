import pytest

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.corpus.titles import LONGEST_TITLE, normal_title, titles_of
from tangshi_tf.generation.tokenizer import normal_titles

TITLES = {
    "静夜思": "静夜思",
    "秋興八首 其二（一作三）": "秋兴",
    "秋兴八首 二": "秋兴",
    "秋兴其二": "秋兴",
    "感遇 其十二": "感遇",
    "杂曲歌辞 少年行三首 一": "杂曲歌辞少年行",
    "南迁途中作七首 寄友人": "南迁途中作寄友人",
    "池上寓兴二绝 二": "池上寓兴",
    "咏怀 第3首": "咏怀",
    "咏怀 3": "咏怀",
    "秋兴 八首 二": "秋兴",
    "九日": "九日",
    "二月二日": "二月二日",
    "春 夜，喜雨！": "春夜喜雨",
    "四十五": "",
    "Moon 🙂": "",
    "": "",
}


@pytest.mark.parametrize("title", TITLES)
def test_what_is_left_of_a_title(title: str) -> None:
    assert normal_title(title) == TITLES[title]


def test_a_graph_finds_the_same() -> None:
    poems = read_corpus().poems()
    titles = [poem.title for poem in poems]
    assert [title.decode() for title in normal_titles(titles).numpy()] == titles_of(poems)
    given = [title for title in TITLES if title.isprintable()] + ["长" * 50]
    found = [title.decode() for title in normal_titles(given).numpy()]
    assert [normal_title(title) for title in found] == [normal_title(title) for title in given]  # but for variants


def test_most_titles_are_short_and_none_is_too_long() -> None:
    lengths = [len(title) for title in titles_of(read_corpus().poems())]
    assert max(lengths) == LONGEST_TITLE
    assert sum(length == 0 for length in lengths) < 20
    assert sum(lengths) / len(lengths) < 7
