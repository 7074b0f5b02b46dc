import json
from typing import Any

import pytest

from tangshi_tf.corpus.objects import read_json, read_xml
from tangshi_tf.corpus.records import Record
from tangshi_tf.errors import CorpusError

SPRING = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
HALVES = [SPRING[:12], SPRING[12:]]
LINES = ["春眠不觉晓", "处处闻啼鸟", "夜来风雨声", "花落知多少"]
POEM = Record("", "孟浩然", "春晓", SPRING)


def read(value: Any) -> list[Record]:
    found = read_json(json.dumps(value, ensure_ascii=False))
    assert found is not None
    return found.records


@pytest.mark.parametrize(
    "value",
    [
        {"title": "春晓", "author": "孟浩然", "content": SPRING},
        {"title": "春晓", "author": "孟浩然", "text": f"{HALVES[0]}\n{HALVES[1]}"},
        {"title": "春晓", "author": "孟浩然", "para": HALVES},
        {"题目": "春晓", "作者": "（唐）孟浩然", "内容": SPRING, "注释": ["晓：天亮"]},
        {"诗": "春晓", "作者": "孟浩然", "内容": SPRING},
        {"Poem": "春晓", "Author": "孟浩然", "Content": SPRING, "content": ""},
        {"Name": "x", "TITLE": "春晓", "author": "孟浩然", "Body": "x", "TEXT": SPRING},
        {"poem": ["春晓"], "content": [SPRING], "author": ["孟浩然"]},
        {"rhythmic": "春晓", "author": "孟浩然", "paragraphs": HALVES},
        {"title": "春晓", "rhythmic": "菩萨蛮", "author": "孟浩然", "paragraphs": HALVES},
        {"title": "唐诗", "author": "编者", "content": [{"type": "五绝", "content": [
            {"chapter": "春晓", "author": "（唐）孟浩然", "subchapter": None, "paragraphs": HALVES}]}]},
        {"code": 0, "data": {"list": [{"name": "春晓", "poet": {"name": "孟浩然"}, "body": "|".join(LINES)}]}},
        {"春晓": {"author": "孟浩然", "content": SPRING}},
        {"孟浩然": [{"title": "春晓", "paragraphs": HALVES}]},
        {"title": ["春晓"], "author": ["孟浩然"], "content": [SPRING]},
        {"columns": ["title", "author", "content"], "data": [["春晓", "孟浩然", SPRING]]},
        [["春晓", "孟浩然", SPRING]],
        [[{"title": "春晓", "author": "孟浩然", "lines": LINES}]],
        ["春晓\n孟浩然\n" + SPRING],
    ],
)  # fmt: skip
def test_json(value: Any) -> None:
    assert read(value) == [POEM]


def test_titles_and_strings_of_poems() -> None:
    other = SPRING.replace("春", "秋")
    assert read({"春晓": SPRING, "秋晓": other, "府中夜赏": other}) == [
        Record("", "", title, text) for title, text in (("春晓", SPRING), ("秋晓", other), ("府中夜赏", other))
    ]
    assert [record.text for record in read([SPRING, other])] == [SPRING, other]


def test_titles_beside_an_author_and_objects() -> None:
    other = SPRING.replace("春", "秋")
    entry: dict[str, Any] = {"author": "孟浩然", "春晓": SPRING, "秋晓": other, "诗": other, "count": 5}
    entry |= {"夜雨": {"content": SPRING, "author": "李白"}, "花落": HALVES}
    assert sorted(read(entry)) == sorted(
        [
            POEM,
            *(Record("", "孟浩然", title, other) for title in ("秋晓", "诗")),
            Record("", "李白", "夜雨", SPRING),
            Record("", "孟浩然", "花落", SPRING),
        ]
    )
    assert sorted(read({"春晓": SPRING, "夜雨": {"content": other}})) == [
        Record("", "", "夜雨", other),
        Record("", "", "春晓", SPRING),
    ]


def test_a_short_text_under_a_title_beside_others_is_a_poem() -> None:
    assert read({"上阳铜器篆": "长宜子孙。", "春晓": SPRING}) == [
        Record("", "", "上阳铜器篆", "长宜子孙。"),
        Record("", "", "春晓", SPRING),
    ]


def test_notes_are_no_poems() -> None:
    note = "春天来了，鸟儿叫了。风雨过后，花都落了。"
    entry = {"题目": "春晓", "作者": "孟浩然", "内容": SPRING, "译文": note, "赏析": note, "名句": note, "意境": note}
    assert read(entry) == [POEM]
    assert read({"春晓": {name: part for name, part in entry.items() if name != "题目"}}) == [POEM]


MOON = "海上生明月，天涯共此时。"
DOUBT = ("each string of a list was taken for a poem",)


@pytest.mark.parametrize(
    ("value", "texts", "doubts"),
    [
        ([*[SPRING] * 20, MOON], [*[SPRING] * 20, MOON], ()),
        ([SPRING, MOON, MOON], [SPRING, MOON, MOON], DOUBT),
        (HALVES, [SPRING], ()),
        ([*[SPRING] * 20, "待续"], [*[SPRING] * 20, ""], ()),
        ({"poems": [SPRING, SPRING]}, [SPRING, SPRING], DOUBT),
        ({"title": "春晓", "content": [SPRING, SPRING]}, [SPRING * 2], ()),
        ({"春晓": [MOON, MOON, SPRING]}, [MOON * 2 + SPRING], ()),
    ],
)
def test_strings_of_a_list_are_poems_or_lines(value: Any, texts: list[str], doubts: tuple[str, ...]) -> None:
    found = read_json(json.dumps(value, ensure_ascii=False))
    assert found is not None
    assert [record.text for record in found.records] == texts
    assert found.doubts == doubts


def test_a_chat_is_doubtful() -> None:
    chat = [{"role": "user", "content": "请写一首关于春天的诗，五言绝句。"}, {"role": "assistant", "content": SPRING}]
    for value in (chat, {"messages": chat}):
        found = read_json(json.dumps(value, ensure_ascii=False))
        assert found is not None
        assert found.doubts == ("the messages of a chat were taken for poems",)
    found = read_json(json.dumps([{"role": "诗人", "content": SPRING}]))
    assert found is not None
    assert found.doubts == ()


@pytest.mark.parametrize("value", [["春晓", SPRING], ["春晓", SPRING, "春望", MOON], ["春晓", "孟浩然", *HALVES]])
def test_titles_may_stand_between_strings(value: list[str]) -> None:
    assert [record.title for record in read(value)] == [part for part in value if part in ("春晓", "春望")]


def test_objects_one_after_the_other() -> None:
    entry = json.dumps({"title": "春晓", "author": "孟浩然", "content": SPRING}, indent=1)
    found = read_json(f"{entry}\n{entry}")
    assert found is not None
    assert found.records == [POEM, POEM]


def test_python_is_read_like_json() -> None:
    found = read_json(repr([{"title": "春晓", "author": "孟浩然", "content": SPRING}]))
    assert found is not None
    assert found.records == [POEM]


def test_a_lone_surrogate_is_in_its_own_poem_alone() -> None:
    found = read_json('[{"title": "\\ud800春", "text": "\\ud800' + SPRING + '"}, {"text": "' + SPRING + '"}]')
    assert found is not None
    assert [record.text for record in found.records] == ["\ud800" + SPRING, SPRING]
    assert found.records[0].title == "春"


def test_what_is_no_poem_has_no_text() -> None:
    odd = [1, None, {"paragraphs": 3}, {"paragraphs": ["山", 5, "水"], "title": ["x"]}]
    assert [record.text for record in read(odd)] == ["", "", "", "山水"]


def test_what_no_format_knows_is_none() -> None:
    assert read_json("[静夜思]\n" + SPRING) is None
    assert read_xml("春晓") is None


def test_elements_one_after_the_other() -> None:
    found = read_xml(f'<poems poem="2"><poem>{SPRING}</poem><poem>{SPRING}</poem></poems>')
    assert found is not None
    assert [record.text for record in found.records] == [SPRING, SPRING]
    found = read_xml('<?xml version="1.0"?><!-- </poem> -->')
    assert found is not None
    assert not any(record.text for record in found.records)


def test_fields_and_elements_without_poems_are_named() -> None:
    with pytest.raises(
        CorpusError, match=r"under a name such as paragraphs, content, .* Received the fields title, strains$"
    ):
        read_json('[{"title": "春晓", "strains": ["平仄"]}]')
    with pytest.raises(CorpusError, match=r"under a name such as paragraphs, content, .* Received the elements x, y$"):
        read_xml("<song><x>1</x><y>2</y></song>")


@pytest.mark.parametrize(
    "text",
    [
        f"<poems><poem><title>春晓</title><author>孟浩然</author><content>{SPRING}</content></poem></poems>",
        f'<?xml version="1.0"?><poems><poem title="春晓" author="孟浩然">{SPRING}</poem></poems>',
        f"<poem><title>春晓</title><author>孟浩然</author><text><l>{HALVES[0]}</l><l>{HALVES[1]}</l></text></poem>",
        f'<lg xmlns="http://www.tei-c.org/ns/1.0" xml:id="p1"><head>春晓</head><byline>孟浩然</byline>'
        f"<l>{HALVES[0]}</l><l>{HALVES[1]}</l></lg>",
        f'<t:div xmlns:t="urn:t"><t:title>春晓</t:title><t:author>孟浩然</t:author><t:text>{SPRING}</t:text></t:div>',
    ],
)
def test_xml(text: str) -> None:
    found = read_xml(text)
    assert found is not None
    assert found.records == [POEM]
