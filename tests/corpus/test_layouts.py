import pytest

from tangshi_tf.corpus.layouts import read_blocks, read_layout, read_lines, read_titled, read_whole
from tangshi_tf.corpus.records import Record

SPRING = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
RIVER = "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。"
FOUR = [SPRING, TOWER, QUIET, RIVER]
SHOWN = [("静夜思", "李白", QUIET), ("登鹳雀楼", "王之涣", TOWER)]


def read(text: str) -> list[tuple[str, str, str]]:
    return [(record.title, record.author, record.text) for record in read_layout(text).records]


def test_one_poem_a_line() -> None:
    found = read_layout("\n".join(FOUR))
    assert found.format == "lines"
    assert [record.text for record in found.records] == FOUR
    assert found.doubts == ()


def test_blank_lines_between_some_lines_that_are_poems_are_doubtful() -> None:
    found = read_layout(f"{SPRING}\n{TOWER}\n\n{QUIET}\n{RIVER}")
    assert [record.text for record in found.records] == FOUR
    assert found.doubts == ("each line was taken for a poem, although blank lines stand between some",)


@pytest.mark.parametrize("space", [" ", "\t", "　", "：", ":", " | "])
def test_a_title_before_each_line(space: str) -> None:
    assert read(f"春晓{space}{SPRING}\n江雪{space}{RIVER}") == [("春晓", "", SPRING), ("江雪", "", RIVER)]


def lines_of(text: str) -> str:
    return text.replace("，", "，\n　　").replace("。", "。\n　　")


@pytest.mark.parametrize(
    "text",
    [
        f"静夜思\n李白\n　　{lines_of(QUIET)}\n\n登鹳雀楼\n王之涣\n　　{lines_of(TOWER)}",
        f"静夜思\n李白\n{QUIET}\n登鹳雀楼\n王之涣\n{TOWER}",
        f"静夜思\n\n李白\n\n{QUIET[:12]}\n\n{QUIET[12:]}\n\n\n登鹳雀楼\n\n王之涣\n\n{TOWER}",
        f"# 静夜思\n\n李白\n\n{QUIET}\n\n# 登鹳雀楼\n\n王之涣\n\n{TOWER}",
        f"{QUIET}——李白《静夜思》\n{TOWER}——王之涣《登鹳雀楼》",
        f"静夜思\n{QUIET}\n李白\n\n登鹳雀楼\n{TOWER}\n王之涣",
        f"1. 静夜思（李白）\n{QUIET}\n2. 登鹳雀楼（王之涣）\n{TOWER}",
        f"五言绝句\n\n静夜思\n李白\n{QUIET}\n\n登鹳雀楼\n王之涣\n{TOWER}\n- 1 -\n",
        f"静夜思 李白 {QUIET}\n登鹳雀楼 王之涣 {TOWER}",
        f"《静夜思》 李白\n{QUIET[:9]}\n{QUIET[9:]}\n《登鹳雀楼》 王之涣\n{TOWER}",
    ],
)
def test_titles_and_authors(text: str) -> None:
    assert read(text) == SHOWN


def test_stanzas_belong_together() -> None:
    lyric = "昨夜雨疏风骤，浓睡不消残酒。\n\n试问卷帘人，却道海棠依旧。知否，知否？应是绿肥红瘦。"
    assert [title for title, _, _ in read(f"如梦令\n{lyric}\n\n春晓\n{SPRING}")] == ["如梦令", "春晓"]


def test_couplets_end_where_the_rhyme_changes() -> None:
    found = read_layout(f"{QUIET[:12]}\n{QUIET[12:]}\n{TOWER[:12]}\n{TOWER[12:]}")
    assert [record.text for record in found.records] == [QUIET, TOWER]
    assert found.doubts


def test_titles_alone_are_no_poems() -> None:
    assert [record.text for record in read_layout("静夜思\n登鹳雀楼\n春晓\n江雪\n送友人").records] == [""] * 5


def test_a_named_format_decides() -> None:
    text = f"{SPRING}\n{TOWER}\n\n{QUIET}\n{RIVER}"
    assert [record.text for record in read_blocks(text).records] == [SPRING + TOWER, QUIET + RIVER]
    assert [record.text for record in read_lines(text).records] == FOUR
    assert read_whole(f"四首\n{text}").records == [Record("", "", "四首", "".join(FOUR))]
    assert [record.title for record in read_titled(f"春晓\n{SPRING}\n{TOWER}\n江雪\n{RIVER}").records] == [
        "春晓",
        "江雪",
    ]


def test_lines_are_poems_however_short_if_the_format_is_named() -> None:
    couplets = [QUIET[:12], TOWER[:12], SPRING[:12]]
    assert [record.text for record in read_lines("\n".join(couplets)).records] == couplets
    assert [record.text for record in read_lines("\n".join([QUIET, couplets[1], RIVER])).records] == [
        QUIET,
        couplets[1],
        RIVER,
    ]
    assert read_lines(f"登楼：{couplets[1]}\n春晓：{couplets[2]}").records == [
        Record("", "", "登楼", couplets[1]),
        Record("", "", "春晓", couplets[2]),
    ]
    assert len(read_layout("\n".join(couplets)).records) == 1


def test_a_number_before_verse_with_a_colon_is_none_of_it() -> None:
    question = "问春桂：桃李正芬华，年光随处满，何事独无花。"
    lines = [f"{number}. {text}" for number, text in enumerate([question, *FOUR, SPRING], start=1)]
    assert [record.text for record in read_layout("\n".join(lines)).records] == [question, *FOUR, SPRING]
