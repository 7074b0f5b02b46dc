import pytest

from tangshi_tf.verse.pinyin import readings

pytest.importorskip("pypinyin")


def test_each_character_has_one_reading_and_marks_have_none() -> None:
    text = "白日依山尽，𠀀x。還"
    found = readings(text)
    assert len(found) == len(text)
    assert found[:6] == ["bái", "rì", "yī", "shān", "jǐn", ""]
    assert found[6:9] == ["hē", "", ""]
    assert found[9] == "hái"


def test_the_phrase_decides_a_character_with_several() -> None:
    assert readings("重阳")[0] == "chóng"
    assert readings("沉重")[1] == "zhòng"
    assert readings("") == []
