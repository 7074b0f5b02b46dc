import pytest

from tangshi_tf.corpus.html_text import break_lines, break_value, unescape


def test_entities() -> None:
    assert unescape("&#26149;&#x6653;&nbsp;&quot;&middot;&frac12;") == '春晓\xa0"·½'
    assert unescape("AT&T; & &春; &copy 2 &nosuch;") == "AT&T; & &春; &copy 2 &nosuch;"


@pytest.mark.parametrize("tag", ["<br>", "<br/>", "<br />", "< BR >", "</p>", "<div>", "<br>\n"])
def test_tags_break_lines(tag: str) -> None:
    assert break_lines(f"春{tag}秋") == "春\n秋"


def test_breaks_that_are_written() -> None:
    assert [break_value(f"春{sign}秋") for sign in (r"\n", r"\r\n", "\r\n", "\r", "<p>")] == ["春\n秋"] * 5
    assert break_lines(r"\noindent 春") == r"\noindent 春"
