import pytest

from tangshi_tf.corpus.formats import FORMATS, understand
from tangshi_tf.corpus.records import HEADER, Record
from tangshi_tf.errors import CorpusError

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{HEADER}\ntrain\t李白\t静夜思\t{QUIET}", "shipped"),
        (f'{{"title": "静夜思", "text": "{QUIET}"}}', "json"),
        (f"<poem><title>静夜思</title><text>{QUIET}</text></poem>", "xml"),
        (f"题目,内容\n静夜思,{QUIET}", "table"),
        (f"题目：静夜思\n内容：{QUIET}", "labels"),
        (f"静夜思\n{QUIET}", "titles"),
        (f"静夜思：{QUIET}", "lines"),
    ],
)
def test_the_content_tells_the_format(text: str, name: str) -> None:
    found = understand(text, "x")
    assert found.format == name
    assert [(record.title, record.text) for record in found.records] == [("静夜思", QUIET)]
    assert understand(text, "x", name).records == found.records


@pytest.mark.parametrize("end", ["\r\n", "\r", "\u2028", "\u2029", "\x85", "\v", "\f"])
def test_line_ends(end: str) -> None:
    found = understand(end.join(["静夜思", "李白", QUIET, "", "登楼", "王之涣", TOWER]), "x")
    assert found.records == [Record("", "李白", "静夜思", QUIET), Record("", "王之涣", "登楼", TOWER)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"静夜思<br>李白<br/>{QUIET}", "titles"),
        (f"静夜思<p>李白</p>{QUIET[:12]}<br>\n{QUIET[12:]}", "blocks"),
        (f"静夜思<br>李白<br>{QUIET[:12]}<br>{QUIET[12:]}", "whole"),
        (f"标题：静夜思<br>作者：李白<br>内容：{QUIET}", "labels"),
        (f"title,author,text\n静夜思,李白,{QUIET[:12]}<br>{QUIET[12:]}", "table"),
    ],
)
def test_tags_break_lines_in_every_format(text: str, name: str) -> None:
    for named in ("auto", name):
        assert understand(text, "x", named).records == [Record("", "李白", "静夜思", QUIET)]
    escaped = "".join(char if char in ",\n" else f"&#{ord(char)};" for char in text)
    assert understand(escaped, "x", name).records == [Record("", "李白", "静夜思", QUIET)]


def test_entities() -> None:
    written = "".join(f"&#{ord(char)};" for char in f"静夜思：{QUIET}")
    assert understand(written, "x").records == [Record("", "", "静夜思", QUIET)]
    assert understand(f"静夜思&nbsp;{QUIET}", "x").records == [Record("", "", "静夜思", QUIET)]
    entries = ", ".join([f'{{"title": "读&quot;静夜思&quot;", "text": "{QUIET}"}}'] * 3)
    assert understand(f"[{entries}]", "x").records == [Record("", "", '读"静夜思"', QUIET)] * 3


@pytest.mark.parametrize("brackets", ["‹>", "<>", "〈〉", "《》", "【】", "〖〗", "{}"])
def test_a_title_in_brackets_before_its_verse(brackets: str) -> None:
    left, right = brackets[0], brackets[1]
    text = f"{left}静夜思{right}{QUIET}\n{left}登楼{right}{TOWER}"
    assert understand(text, "x").records == [Record("", "", "静夜思", QUIET), Record("", "", "登楼", TOWER)]


@pytest.mark.parametrize(
    ("written", "title"),
    [("《静夜思》", "静夜思"), ("读《离骚》", "读《离骚》"), ("《关雎》和《蒹葭》", "《关雎》和《蒹葭》")],
)
@pytest.mark.parametrize(
    "text",
    [
        '{{"title": "{title}", "text": "{text}"}}',
        "<poem><title>{title}</title><text>{text}</text></poem>",
        "题目,内容\n{title},{text}",
        "题目：{title}\n内容：{text}",
        "{title}\n{text}",
    ],
)
def test_brackets_around_titles(text: str, written: str, title: str) -> None:
    assert understand(text.format(title=written, text=QUIET), "x").records == [Record("", "", title, QUIET)]


def test_doubts() -> None:
    prose = (
        "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦；及秦灭之后，楚汉分争，又并入于汉。"
        "汉朝自高祖斩白蛇而起义，一统天下，后来光武中兴，传至献帝，遂分为三国。"
        "推其致乱之由，殆始于桓、灵二帝。桓帝禁锢善类，崇信宦官。及桓帝崩，灵帝即位，大将军窦武、太傅陈蕃共相辅佐。"
    )
    assert understand(prose, "x").doubts == ("lines are as long as those of prose",)
    assert understand(prose, "x", "whole").doubts == ()
    long = "\n".join([QUIET[:12], TOWER[12:]] * 150)
    assert understand(long, "x").doubts == ("a poem has 600 lines",)


def test_what_is_not_of_the_named_format_is_refused() -> None:
    assert set(FORMATS) >= {"lines", "titles", "blocks", "whole"}
    for name in ("shipped", "json", "xml", "table", "labels"):
        with pytest.raises(CorpusError, match=rf"Text of the format {name} is required\. .* \(in x\)"):
            understand(QUIET, "x", name)
    with pytest.raises(CorpusError, match=r"Received: damaged JSON .* \(in x\)$"):
        understand('[{"title": ', "x")
