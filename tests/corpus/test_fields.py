import pytest

from tangshi_tf.corpus.fields import is_exact, is_header, names_poem, no_text, rank_of, role_of, roles_of


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


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        ("诗 作者 内容", "title author text"),
        ("poem author content", "title author text"),
        ("content Poem", "text title"),
        ("诗 题目 内容", "text title text"),
        ("诗 作者", "text author"),
        ("诗 词", "text text"),
    ],
)
def test_a_word_for_a_poem_may_stand_for_its_title(names: str, roles: str) -> None:
    assert roles_of(names.split()) == roles.split()


def test_the_most_telling_name_comes_first() -> None:
    texts = ["诗", "full_text2", "Text", "content", "Paragraphs"]
    assert sorted(texts, key=rank_of) == ["Paragraphs", "content", "Text", "full_text2", "诗"]
    assert sorted(["chapter", "name", "rhythmic", "標題", "title"], key=rank_of) == [
        "title",
        "標題",
        "rhythmic",
        "name",
        "chapter",
    ]
    assert [names_poem(name) for name in ("Poem", "詩", "内容")] == [True, True, False]


def test_an_error_gives_names() -> None:
    assert str(no_text("columns", ["题目", "", "x"])).endswith("Received the columns 题目, x")
    assert str(no_text("fields", [])).endswith("Received the fields none")
