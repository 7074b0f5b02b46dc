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
        ("诗：{title}\n作者：{author}\n内容：{text}", "\n\n"),
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


@pytest.mark.parametrize(
    "note",
    [
        "注释：疑：好像。\n举头：抬头，这里指看月亮。",
        "译文：春日里贪睡，不知不觉天已破晓，\n到处听见鸟叫。",
        "注释：\n疑：好像。\n举头：抬头。\n赏析：这首诗写的是，\n思乡之情。",
        "朝代：唐",
    ],
)
@pytest.mark.parametrize("label", ["正文：", ""])
@pytest.mark.parametrize("above", [False, True])
def test_notes_of_several_lines_are_no_verse(label: str, note: str, above: bool) -> None:
    def poem(title: str, text: str) -> str:
        verse = f"{label}{text[:12]}\n{text[12:]}"
        parts = [f"标题：{title}", "作者：李白", *([note, verse] if above and label else [verse, note])]
        return "\n".join(parts)

    found = read_labels(poem("静夜思", QUIET) + "\n\n" + poem("登楼", TOWER))
    assert found is not None
    assert found.records == [Record("", "李白", "静夜思", QUIET), Record("", "李白", "登楼", TOWER)]


@pytest.mark.parametrize("fact", ["朝代：唐", "朝代：\n唐"])
def test_verse_without_a_label_may_stand_below_a_fact(fact: str) -> None:
    found = read_labels(f"标题：静夜思\n作者：李白\n{fact}\n{QUIET[:12]}\n{QUIET[12:]}")
    assert found is not None
    assert found.records == [Record("", "李白", "静夜思", QUIET)]


def test_titles_are_no_labels() -> None:
    assert read_labels(f"静夜思：{QUIET}\n登楼：{TOWER}") is None
