import pytest

from tangshi_tf.corpus.labels import read_labels
from tangshi_tf.corpus.records import Record

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


@pytest.mark.parametrize(
    ("one", "between"),
    [
        ("标题：{title}\n作者：{author}\n朝代：唐\n内容：{text}", "\n"),
        ("标题：{title}　作者：{author}\n正文：\n{lines}", "\n\n"),
        ("题 目: {title}\n{lines}\n作 者: {author}", "\n----\n"),
        ("- title: {title}\n  author: '{author}'\n  content: |\n    {lines}", "\n"),
        ("- title: {title}\n  author: {author}\n  paragraphs:\n  - {a}\n  - {b}", "\n"),
        ('[[poem]]\ntitle = "{title}"\nauthor = "{author}"\nlines = ["{a}", "{b}"]', "\n"),
        ("【标题】{title}\n【作者】{author}\n【正文】{text}", "\n"),
    ],
)
def test_labelled_parts(one: str, between: str) -> None:
    poems = [("静夜思", "李白", QUIET), ("登楼", "王之涣", TOWER)]
    filled = [
        one.format(title=title, author=author, text=text, a=text[:12], b=text[12:], lines=f"{text[:12]}\n{text[12:]}")
        for title, author, text in poems
    ]
    found = read_labels(between.join(filled))
    assert found is not None
    assert found.records == [Record("", author, title, text) for title, author, text in poems]


def test_titles_are_no_labels() -> None:
    assert read_labels(f"静夜思：{QUIET}\n登楼：{TOWER}") is None
