import time

import pytest

from tangshi_tf.corpus.values import parse_json, parse_xml
from tangshi_tf.errors import CorpusError


@pytest.mark.parametrize("between", ["\n", ",\n", "\n\n", " "])
def test_values_one_after_the_other(between: str) -> None:
    assert parse_json(between.join(['{"title": "春晓"}', '{"title":\n"江雪"}'])) == [
        {"title": "春晓"},
        {"title": "江雪"},
    ]


def test_literals_of_python() -> None:
    assert parse_json("[{'title': '春晓', 'id': None}]") == [[{"title": "春晓", "id": None}]]


@pytest.mark.parametrize("text", ["[静夜思]\n床前明月光", "[1] 静夜思\n床前", "[[poem]]", "春晓", "{静夜思}"])
def test_brackets_are_no_json(text: str) -> None:
    assert parse_json(text) is None


@pytest.mark.parametrize("text", ['[{"title": ', "[" * 100_000, '{"a": ' * 100_000])
def test_damaged_json_is_refused(text: str) -> None:
    with pytest.raises(CorpusError, match="Valid JSON is required") as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)


def test_entities_in_json_are_those_of_its_strings() -> None:
    assert parse_json('[{"title": "读&quot;离骚&quot;", "text": "春&nbsp;&#92;&lt;br&gt;"}]') == [
        [{"title": '读"离骚"', "text": "春\xa0\\<br>"}]
    ]
    assert parse_json("['a&#39;&#131072;']") == [["a'\U00020000"]]
    assert parse_json("[{&quot;title&quot;: &quot;春晓&quot;}]") == [[{"title": "春晓"}]]


@pytest.mark.parametrize("head", ["", '<?xml version="1.0"?>\n', "<!-- <br/> -->\n"])
@pytest.mark.parametrize("doctype", ["", "<!DOCTYPE poem>", '<!DOCTYPE poem SYSTEM "poem.dtd">\n'])
def test_entities_of_html_in_xml(head: str, doctype: str) -> None:
    text = (
        f"{head}{doctype}<poem><title>&quot;春&middot;晓&#34;</title><text>春&nbsp;&amp;nbsp;&LT;&nosuch;</text></poem>"
    )
    assert parse_xml(text) == {"poem": {"title": '"春·晓"', "text": "春\xa0\xa0<&nosuch;"}}


def test_entities_that_a_file_defines_are_refused() -> None:
    with pytest.raises(CorpusError, match="Valid XML is required"):
        parse_xml('<!DOCTYPE a [<!ENTITY b "春"><!ENTITY c "&b;&b;">]><a>&c;</a>')


def test_elements_are_named_values() -> None:
    assert parse_xml("<poems><poem id='1'>春</poem><poem>秋</poem></poems>") == {
        "poems": {"poem": [{"id": "1", "text": "春"}, "秋"]}
    }
    assert parse_xml("<text><l>春，</l><l>秋。</l></text>") == {"text": ["春，", "秋。"]}
    assert parse_xml("<poem/>") == {"poem": ""}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('<poems poem="2"><poem>春</poem><poem>秋</poem></poems>', {"poems": {"poem": ["春", "秋"]}}),
        ('<poems poem="1"><poem>春</poem></poems>', {"poems": {"poem": "春"}}),
        ('<poem text="1">春</poem>', {"poem": {"text": "春"}}),
    ],
)
def test_a_child_goes_before_an_attribute_of_its_name(text: str, value: object) -> None:
    assert parse_xml(text) == value


def test_many_children_take_no_time() -> None:
    start = time.monotonic()
    assert len(parse_xml("<poems>" + "<poem>春</poem>" * 100_000 + "</poems>")["poems"]["poem"]) == 100_000
    assert time.monotonic() - start < 10  # minutes, if each counts the others


def test_xml_of_nothing_is_empty() -> None:
    assert parse_xml('<?xml version="1.0"?><!-- </poem> -->') == ""


def test_other_xml() -> None:
    assert parse_xml("春晓") is None
    assert parse_xml("<春晓>春眠不觉晓，处处闻啼鸟。") is None
    with pytest.raises(CorpusError, match="Valid XML is required"):
        parse_xml("<poem><title>春晓</poem></title>")
