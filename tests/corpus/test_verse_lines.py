import time

import pytest

from tangshi_tf.corpus.verse_lines import RULE, joined_verse, marked, parse_line, rhymed, without_number

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


@pytest.mark.parametrize(
    ("line", "head", "verse"),
    [
        (QUIET, "", QUIET),
        (f"静夜思：{QUIET}", "静夜思", QUIET),
        (f"静夜思 李白 {QUIET}", "静夜思 李白", QUIET),
        (f"12. {QUIET}", "", QUIET),
        (f"- {QUIET}", "", QUIET),
        (f"静夜思（李白）{QUIET}", "静夜思（李白）", QUIET),
        (f"‹静夜思>{QUIET}", "‹静夜思>", QUIET),
        (f"〈静夜思〉{QUIET}", "〈静夜思〉", QUIET),
        (f"<静夜思> {QUIET}", "<静夜思>", QUIET),
        ("“床前明月光”，疑是地上霜。", "", "“床前明月光”，疑是地上霜。"),
        ("床（一作窗）前明月光，疑是地上霜。", "", "床（一作窗）前明月光，疑是地上霜。"),
        ("床前明月光 疑是地上霜。举头望明月，低头思故乡。", "", "床前明月光 疑是地上霜。举头望明月，低头思故乡。"),
        (" ".join(QUIET), "", QUIET),
        ("床前明月光 疑是地上霜 举头望明月 低头思故乡", "", QUIET),
        ("静夜思：床前明月光 / 疑是地上霜 / 举头望明月 / 低头思故乡", "静夜思", QUIET),
        ("静夜思 李白", "静夜思 李白", ""),
        ("作者：李白", "作者：李白", ""),
        ("唐代：李白", "唐代：李白", ""),
        ("酬乐天，扬州初逢", "酬乐天，扬州初逢", ""),
        ("诗、酒", "诗、酒", ""),
        ("月:moon", "月", "moon"),
    ],
)
def test_headings_are_told_from_verse(line: str, head: str, verse: str) -> None:
    assert parse_line(line)[:2] == (head, verse)


def test_lines_are_joined_with_the_marks_they_lack() -> None:
    assert joined_verse(["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]) == QUIET
    assert joined_verse(["床前明月光，疑是地上霜", "举头望明月，低头思故乡"]) == QUIET
    assert joined_verse(["床前明月光", "疑是地上霜。", "举头望明月", "低头思故乡。"]) == QUIET
    assert joined_verse(["床前明月光，疑是地上霜。举头", "望明月，低头思故乡。"]) == QUIET  # a line broken in two
    assert joined_verse(["山", "水"]) == "山水"


def test_question_marks_of_a_poor_encoding_are_gaps() -> None:
    assert (
        joined_verse(["床前?月光，疑是地上?。?头望明月，低头思故乡。"])
        == "床前□月光，疑是地上□。□头望明月，低头思故乡。"
    )
    assert joined_verse(["何事长向别时圆?人有悲欢离合，"]) == "何事长向别时圆?人有悲欢离合，"


def test_spaces_become_marks_in_verse_alone() -> None:
    assert marked("白日依山尽 / 黄河入海流") == "白日依山尽，黄河入海流。"
    assert [marked(line) for line in (f"静夜思 {QUIET}", "静夜思", "")] == [f"静夜思 {QUIET}", "静夜思", ""]


def test_rules() -> None:
    assert all(map(RULE.fullmatch, ["-----", "* * *", "- 12 -", "2023年5月1日", "2024-01-01 12:00:00 小明"]))
    assert without_number("12. 春，") == "春，"


def test_rhymes() -> None:
    assert rhymed(["疑是地上霜。", "低头思故乡。"])
    assert not rhymed(["黄河入海流。", "低头思故乡。"])
    assert rhymed(["庄生晓梦蝴，", "问我几时吴。"])  # 蝴 is derived
    assert not rhymed(["低头思故乡。"])


def test_odd_lines_take_no_time() -> None:
    start = time.monotonic()
    for line in ("(" * 50_000, "a" * 50_000 + "#", "春 " * 50_000, "：" * 50_000, "《" * 50_000, "—" * 50_000):
        parse_line(line)
    assert time.monotonic() - start < 2  # a tenth of a second, where each costs no more than its length
