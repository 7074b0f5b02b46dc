import pytest

from tangshi_tf.corpus.fields import is_exact, is_header, role_of


@pytest.mark.parametrize(
    ("names", "role"),
    [
        ("title 题目 標題 诗名 rhythmic 词牌 poem_title Chapter", "title"),
        ("author 作者 詩人 poet 作_者 poem_author", "author"),
        ("content text para paragraphs body 内容 正文 詩文 诗词内容 poem-content", "text"),
        ("id 朝代 dynasty 注释 译文 content_translation 作者简介", "other"),
        ("第一句 line3 颔联", "line"),
        ("x 杂诗其三 春夜喜雨赏花有感而作", ""),
    ],
)
def test_roles_of_names(names: str, role: str) -> None:
    assert {name: role_of(name) for name in names.split()} == dict.fromkeys(names.split(), role)


def test_a_header_has_a_text_and_mostly_known_names() -> None:
    assert is_header(["", "题目", "作者", "内容"])
    assert is_header(["title", "第一句", "第二句"])
    assert is_header(["", "诗词"])
    assert not is_header(["", "诗词"], "#")
    assert not is_header(["诗", "酒"])
    assert not is_header(["题目", "作者"])
    assert not is_header(["诗", "床前明月光，疑是地上霜。举头望明月，低头思故乡。"])
    assert not is_header(["静夜思", "李白", "诗", "x", "y"])


def test_exact_names() -> None:
    assert is_exact("内容")
    assert not is_exact("府中夜赏")
