from tangshi_tf.corpus.items import SIGN, in_blocks, is_whole, read_items, told_apart, told_apart_bare

BARE = "静夜思\n李白\n床前明月光\n疑是地上霜\n举头望明月\n低头思故乡"


def test_lines_that_say_nothing_are_gaps() -> None:
    items = read_items("春晓\n\n-----\n春眠不觉晓，\n处处闻啼鸟。\n（完）\n- 1 -\n卷二\n江雪\n")
    assert [(item.gap, item.head, item.verse) for item in items] == [
        (0, "春晓", ""),
        (3, "", "春眠不觉晓，"),
        (0, "", "处处闻啼鸟。"),
        (4, "江雪", ""),
    ]


def test_commentary_is_passed_over() -> None:
    items = read_items(
        "春晓\n春眠不觉晓，处处闻啼鸟。\n【注释】\n[1]晓：天亮。\n\n江雪\nqiān shān niǎo fēi jué\n千山鸟飞绝，"
    )
    assert [item.head or item.verse for item in items] == ["春晓", "春眠不觉晓，处处闻啼鸟。", "江雪", "千山鸟飞绝，"]


def test_a_signature_stands_alone() -> None:
    items = read_items("千山鸟飞绝，万径人踪灭。——柳宗元《江雪》")
    assert [item.head for item in items] == ["", f"{SIGN}柳宗元《江雪》"]


def test_a_blank_line_between_all_lines_is_none() -> None:
    assert [item.gap for item in read_items("春晓\n\n春眠不觉晓，\n\n处处闻啼鸟。\n\n\n江雪")] == [0, 0, 0, 1]


def test_verse_without_marks_has_lines_of_one_length() -> None:
    items = told_apart_bare(read_items(BARE))
    assert [bool(item.verse) for item in items] == [False, False, True, True, True, True]
    titles = told_apart_bare(read_items("静夜思\n登鹳雀楼\n春晓\n相思\n江雪\n送友人\n竹里馆"))
    assert not any(item.verse for item in titles)


def test_two_words_are_a_title_where_verse_has_marks() -> None:
    items = told_apart(read_items("中和乐九章 歌登封第一\n春眠不觉晓，处处闻啼鸟。"))
    assert items[0].head == "中和乐九章 歌登封第一"


def test_blocks_and_poems() -> None:
    assert [len(block) for block in in_blocks(read_items("春，\n晓，\n\n江，\n\n\n雪，"))] == [2, 1, 1]
    assert is_whole("春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。")
    assert not is_whole("春眠不觉晓，处处闻啼鸟。")
