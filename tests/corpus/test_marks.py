import pytest

from tangshi_tf.corpus.marks import ENDS, FULL_STOP, has_marks, segments, without_notes


def test_notes_are_no_verse() -> None:
    assert without_notes("床前（注（又））明月光[1]") == "床前明月光"
    assert segments("“床前明月光”，疑是（注）地上霜。") == ["床前明月光", "疑是地上霜"]
    assert [has_marks(line) for line in ("春，", "春（，）", "春")] == [True, False, False]


@pytest.mark.parametrize(
    ("line", "ends", "stops"),
    [("春，", True, False), ("春。", True, True), ("春。」", True, True), ("春", False, False), ("春）", False, False)],
)
def test_ends_of_lines(line: str, ends: bool, stops: bool) -> None:
    assert (bool(ENDS.search(line)), bool(FULL_STOP.search(line))) == (ends, stops)
