"""`novelty`: lines that a poet copied, and how long the runs are that it shares with training poems."""

import random

import pytest

from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.evaluation.copied_lines import SHORTEST, TrainingLines, longest_shared
from tangshi_tf.verse.forms import lines_of

NIGHT = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
SPRING = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
SHORT = "君不见，黄河之水天上来。"
LINES = TrainingLines([NIGHT, SHORT])


@pytest.mark.parametrize(
    ("poem", "begin", "copied"),
    [
        (NIGHT, "", ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]),
        (NIGHT, "床前", ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]),
        (NIGHT, "床前明月光", ["疑是地上霜", "举头望明月", "低头思故乡"]),
        (NIGHT, "床前明月光，疑是", ["疑是地上霜", "举头望明月", "低头思故乡"]),
        (NIGHT, NIGHT, []),
        ("床前 明月光，" + SPRING, " 床前 明月", ["床前明月光"]),
        ("床前 明月光，" + SPRING, " 床前 明月光 ", []),
        ("床前明月光," + NIGHT, "床前明月光,", ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]),
        ("舉頭望明月，" + SPRING, "舉", ["举头望明月"]),
        (SPRING, "", []),
        ("不是床前明月光，" + SPRING, "", []),
        ("君不见，" + SPRING, "", []),
        ("", "", []),
    ],
)
def test_lines_that_the_poet_copied(poem: str, begin: str, copied: list[str]) -> None:
    assert LINES.copied(poem, begin) == copied


def test_a_training_poem_is_all_copied() -> None:
    texts = read_corpus().texts("train")[:500]
    lines = TrainingLines(texts)
    for text in texts:
        assert lines.copied(text) == [line for line in lines_of(text) if len(line) >= SHORTEST]


def longest_by_hand(text: str, others: list[str]) -> int:
    runs = {text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)}
    return max((len(run) for run in runs if any(run in other for other in others)), default=0)


def test_the_longest_run_is_what_a_search_finds() -> None:
    source = random.Random(0)
    texts, others = (
        ["".join(source.choices("山水月，。", k=source.randrange(12))) for _ in range(count)] for count in (200, 9)
    )
    expected = [longest_by_hand(han_only(text), [han_only(other) for other in others]) for text in texts]
    assert longest_shared(texts, others).tolist() == expected
    assert set(expected) >= {0, 1, 2, 3, 4}


def test_runs_cross_marks_but_not_poems() -> None:
    assert longest_shared(["明月光疑是", "故乡春眠", "龘", ""], [NIGHT, SPRING]).tolist() == [5, 2, 0, 0]
    assert longest_shared([NIGHT, SPRING], [NIGHT]).tolist() == [20, 0]
    assert longest_shared([], [NIGHT]).tolist() == []
    assert longest_shared([NIGHT], []).tolist() == [0]
