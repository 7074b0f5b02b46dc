import pytest

from tangshi_tf.corpus.headings import Headings, author_name, is_dynasty, is_known_author, without_brackets


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("李白", "李白"),
        ("〔唐〕李白", "李白"),
        ("唐·李白", "李白"),
        ("（唐）孟浩然", "孟浩然"),
        ("唐初 王绩", "王绩"),
        ("唐代——李白", "李白"),
        ("贾岛·唐末", "贾岛"),
        ("杜甫（712－770）", "杜甫"),
        ("王之渙 [唐]", "王之渙"),
        ("李白 著", "李白"),
        ("纥干著", "纥干著"),
        ("张三", "张三"),
        ("Li Bai", "Li Bai"),
        ("其二", ""),
        ("唐代", ""),
        ("夜宿山寺有怀", ""),
    ],
)
def test_names_of_poets(text: str, name: str) -> None:
    assert author_name(text) == name


@pytest.mark.parametrize(
    ("lines", "title", "author"),
    [
        (["静夜思"], "静夜思", ""),
        (["静夜思", "李白"], "静夜思", "李白"),
        (["静夜思", "唐代", "李白"], "静夜思", "李白"),
        (["静夜思（李白）"], "静夜思", "李白"),
        (["别苏徯（赴湖南幕）"], "别苏徯（赴湖南幕）", ""),
        (["静夜思 李白"], "静夜思", "李白"),
        (["静夜思 唐 李白"], "静夜思", "李白"),
        (["静夜思·李白"], "静夜思", "李白"),
        (["长相思·山一程"], "长相思·山一程", ""),
        (["〔唐〕李白《静夜思》"], "静夜思", "李白"),
        (["《静夜思》——李白"], "静夜思", "李白"),
        (["《读《离骚》》 李白"], "读《离骚》", "李白"),
        (["《关雎》和《蒹葭》"], "《关雎》和《蒹葭》", ""),
        (["# 静夜思", "**李白**"], "静夜思", "李白"),
        (["3. 静夜思", "作者：李白"], "静夜思", "李白"),
        (["标题：静夜思 作者：李白 朝代：唐"], "静夜思", "李白"),
        (["【静夜思】"], "静夜思", ""),
        (["咏烛二首 一"], "咏烛二首 一", ""),
        (["南朝", "李商隐"], "南朝", "李商隐"),
        (["静夜思①"], "静夜思", ""),
        ([], "", ""),
    ],
)
def test_title_and_author(lines: list[str], title: str, author: str) -> None:
    assert Headings([lines]).read(lines) == (title, author)


def test_a_name_of_a_book_stands_above_the_first_poem_alone() -> None:
    headings = [["唐诗选", "卷一", "静夜思", "李白"], ["春晓", "孟浩然"], ["相思", "王维"]]
    read = Headings(headings).read
    assert [read(lines) for lines in headings] == [("静夜思", "李白"), ("春晓", "孟浩然"), ("相思", "王维")]


def test_authors_may_come_first() -> None:
    headings = [["李白", "静夜思"], ["孟浩然", "春晓"], ["王维", "相思"]]
    assert Headings(headings).read(headings[0]) == ("静夜思", "李白")


def test_known_names() -> None:
    assert [is_known_author(name) for name in ("李白", "王之渙", "静夜思")] == [True, True, False]
    assert [is_dynasty(name) for name in ("唐代", "唐诗")] == [True, False]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("《静夜思》", "静夜思"),
        ("【静夜思】", "静夜思"),
        ("“静夜思”", "静夜思"),
        ("‹静夜思>", "静夜思"),
        ("〈静夜思〉", "静夜思"),
        ("«静夜思»", "静夜思"),
        ("静夜思", "静夜思"),
        ("读《离骚》", "读《离骚》"),
        ("《离骚》读后", "《离骚》读后"),
        ("《关雎》和《蒹葭》", "《关雎》和《蒹葭》"),
        ("《", "《"),
    ],
)
def test_brackets_around_all_of_a_title_are_taken_off(text: str, title: str) -> None:
    assert without_brackets(text) == title
