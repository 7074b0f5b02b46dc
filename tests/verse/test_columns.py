import unicodedata

from tangshi_tf.verse.columns import in_lines

POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


def width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def test_a_sentence_is_a_line() -> None:
    assert in_lines(POEM) == "白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。"
    assert in_lines("山？月！云") == "山？\n月！\n云"


def test_tones_stand_under_their_characters() -> None:
    assert in_lines("白日。山。", tones="仄仄　平　") == "白日。\n仄仄\n山。\n平"


def test_readings_stand_above_their_characters_and_tones_below() -> None:
    readings = ["zhuàng", "é", "", "ā", ""]
    rows = in_lines("壮鹅。啊。", readings, "仄平　平　").split("\n")
    assert rows == ["zhuàng é", "壮     鹅 。", "仄     平", "ā", "啊 。", "平"]
    assert width("壮     ") == width("zhuàng ") == width("仄     ")


def test_every_reading_begins_where_its_character_does() -> None:
    readings = [f"s{i}" * (1 + i % 3) for i in range(len(POEM))]
    above, line = in_lines(POEM, readings).split("\n")[:2]
    for reading, char in zip(readings[:12], POEM[:12], strict=True):
        assert width(line[: line.index(char)]) == above.index(reading)
