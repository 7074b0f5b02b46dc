import pytest

from tangshi_tf.corpus.cleaning import fold
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.verse.traditional import parse_table, to_traditional


@pytest.mark.parametrize(
    "traditional",
    [
        "白髮三千丈，緣愁似個長。",
        "後宮佳麗三千人，雲想衣裳花想容。",
        "餘霞散成綺，澄江靜如練。",
        "乾坤日夜浮。干戈寥落四周星。",
        "斗酒十千恣歡謔。",
        "萬里悲秋常作客，百年多病獨登臺。",
    ],
)
def test_neighbours_decide_among_several_forms(traditional: str) -> None:
    assert to_traditional(fold(traditional).replace("乾戈", "干戈")) == traditional


def test_the_length_and_what_is_not_simplified_stay() -> None:
    text = "云x\n🙂雲，"
    assert to_traditional(text) == "雲x\n🙂雲，"
    assert to_traditional("") == ""


def test_every_poem_comes_back() -> None:
    """Folding what has become traditional gives the corpus again, but for what only data/build_corpus.py folds."""
    text = "\n".join(read_corpus().texts("test"))
    back = fold(to_traditional(text))
    different = {(a, b) for a, b in zip(text, back, strict=True) if a != b}
    assert different <= {("干", "乾"), ("征", "徵"), ("征", "徴"), ("仿", "彷"), ("佛", "彿")}


def test_a_table_is_read() -> None:
    table = parse_table("云\t雲\t9\t白8\t\n云\t云\t2\t子2\t\n里\t裏\n")
    assert [form.form for form in table["云"]] == ["雲", "云"]
    assert (table["云"][1].before, table["里"][0].form) == ({"子": 2}, "裏")
    assert to_traditional("子云，云里", table) == "子云，雲裏"
