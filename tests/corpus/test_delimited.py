import pytest

from tangshi_tf.corpus.delimited import read_table, records_of_rows
from tangshi_tf.corpus.formats import understand
from tangshi_tf.corpus.records import Found, Record
from tangshi_tf.errors import CorpusError

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
SPRING = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
EXPECTED = [Record("", "孟浩然", "春晓", SPRING), Record("", "李白", "静夜思2", QUIET)]
BROKEN = f"{QUIET[:12]}\n{QUIET[12:]}"


@pytest.mark.parametrize(
    "text",
    [
        f'"题目","朝代","作者","内容"\n"春晓","唐代","孟浩然","{SPRING}"\n"静夜思2","唐代","李白","{BROKEN}"\n',
        f"title\tauthor\tcontent\n春晓\t孟浩然\t{SPRING}\n静夜思2\t李白\t{QUIET}",
        f"内容;诗人;詩題\n{SPRING};孟浩然;春晓\n{QUIET};李白;静夜思2",
        f"題目，作者，內容\n春晓，孟浩然，“{SPRING}”\n静夜思2，李白，{QUIET}",
        f"1,春晓,孟浩然,唐,{SPRING}\n2,静夜思2,李白,唐,{QUIET}",
        f"诗,作者,内容\n春晓,孟浩然,{SPRING}\n静夜思2,李白,{QUIET}",
        f"poem,author,content\n春晓,孟浩然,{SPRING}\n静夜思2,李白,{QUIET}",
        f"title,poem,text,poet\n春晓,x,{SPRING},孟浩然\n静夜思2,y,{QUIET},李白",
        f"content,paragraphs,题目,作者\nx,{SPRING},春晓,孟浩然\n{QUIET},,静夜思2,李白",
        f"孟浩然|春晓|{SPRING}\n李白|静夜思2|{QUIET}",
        f"春晓::孟浩然::{SPRING}\n静夜思2::李白::{QUIET}",
        f"| 标题 | 作者 | 内容 |\n|---|:--:|---|\n| 春晓 | 孟浩然 | {SPRING} |\n| 静夜思2 | 李白 | {QUIET} |",
        f"名字啊,谁写的,具体\n春晓,孟浩然,{SPRING}\n静夜思2,李白,{QUIET}",
    ],
)
def test_tables(text: str) -> None:
    found = read_table(text)
    assert found is not None
    assert found.records == EXPECTED


def test_marks_of_the_text_that_part_columns_are_put_back() -> None:
    half = QUIET.replace("，", ",")
    found = read_table(f"title,content\n静夜思,{half}")
    assert found is not None
    assert found.records == [Record("", "", "静夜思", half)]


def test_fields_in_quotes_may_go_on_over_lines() -> None:
    broken = "\n".join(["白日依山尽,", "黄河入海流.", "欲穷千里目,", "更上一层楼."])
    rows = [f'{number},"{broken}"' for number in range(5)]
    found = read_table("\n".join(["title,content", *rows]))
    assert found is not None
    assert found.records == [Record("", "", str(number), broken.replace("\n", "")) for number in range(5)]


@pytest.mark.parametrize("header", ["题目,作者,内容\n", ""])
@pytest.mark.parametrize("stray", ['"李白', '"李"白', '"'])
def test_a_quote_that_none_answers_spoils_its_own_row_alone(header: str, stray: str) -> None:
    rows = [f"静夜思{number},李白,{QUIET}" for number in range(200)]
    rows[100] = f'春晓,孟浩然,"{BROKEN}"'
    rows[180] = f"静夜思180,{stray},{QUIET}"
    found = read_table(header + "\n".join(rows))
    assert found is not None
    assert [record.text for record in found.records] == [QUIET] * 200
    assert [record.author for record in found.records[99:102]] == ["李白", "孟浩然", "李白"]


def test_a_line_longer_than_a_field_may_be_is_no_table() -> None:
    assert read_table("," + "春" * 200_000) is None
    assert read_table("\n".join(['",春'] * 3_000)) is None


def test_lines_in_columns_of_their_own() -> None:
    found = read_table("题目,第一句,第二句\n登楼,白日依山尽,黄河入海流")
    assert found is not None
    assert found.records == [Record("", "", "登楼", "白日依山尽，黄河入海流。")]


@pytest.mark.parametrize(
    "text",
    [
        f"{QUIET}\n{SPRING}",
        QUIET.replace("，", ","),
        f"静夜思：{QUIET}",
        "静夜思",
        f"# 诗歌\n\n## 静夜思\n\n{QUIET}\n\n## 春晓\n\n{SPRING}",
        f"# 诗词\n\n{QUIET}",
        f"诗、酒\n{QUIET}\n春晓\n{SPRING}",
        f"诗、词\n{QUIET}\n春晓\n{SPRING}",
        f"诗\n\n静夜思\n{QUIET}\n\n春晓\n{SPRING}",
    ],
)
def test_other_texts_are_no_tables(text: str) -> None:
    assert read_table(text) is None


def test_titles_may_be_words_for_verse() -> None:
    found = read_table(f"诗\t{QUIET}\n词\t{SPRING}")
    assert found is not None
    assert found.records == [Record("", "", "诗", QUIET), Record("", "", "词", SPRING)]


def test_a_column_alone() -> None:
    expected = Found("table", [Record("", "", "", QUIET), Record("", "", "", SPRING)])
    assert read_table(f"诗词\n{QUIET}\n{SPRING}") == expected
    assert read_table(f",诗词\n0,{QUIET}\n1,{SPRING}") == expected  # an index, as pandas writes it


def test_headings_of_markdown_are_titles() -> None:
    text = f"# 诗歌\n\n## 静夜思\n\n李白\n\n{QUIET}\n\n## 春晓\n\n孟浩然\n\n{SPRING}"
    assert understand(text, "x").records == [Record("", "李白", "静夜思", QUIET), Record("", "孟浩然", "春晓", SPRING)]
    assert understand(f"诗、酒\n{QUIET}\n\n春晓\n{SPRING}", "x").records[0] == Record("", "", "诗、酒", QUIET)


def test_a_header_without_a_column_of_poems_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"such as paragraphs, content, .* Received the columns 题目, 作者, 年级"):
        read_table("题目,作者,年级\n春晓,孟浩然,三\n静夜思,李白,四")


def test_rows_without_poems() -> None:
    assert records_of_rows([]) is None
    assert records_of_rows([["春晓", "孟浩然"]]) is None


@pytest.mark.parametrize("text", ["^^", ",", "\t\t", "||\n||", ";;\n;"])
def test_what_has_nothing_but_delimiters_is_no_table(text: str) -> None:
    assert read_table(text) is None
