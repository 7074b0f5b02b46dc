from tangshi_tf.corpus.records import add_marks, one_line


def test_titles_lose_what_nobody_sees() -> None:
    assert one_line("\ufeff 静夜思\u200b\n  其一\x00\ud800") == "静夜思 其一"


def test_lines_without_marks_get_them_in_turn() -> None:
    assert add_marks(["白日依山尽", "黄河入海流", "欲穷千里目！"]) == "白日依山尽，黄河入海流。欲穷千里目！"
