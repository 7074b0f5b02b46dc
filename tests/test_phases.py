from collections.abc import Iterator

import pytest

from tangshi_tf.phases import first_call, phase, tracked, watched_by


class Notes:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.told: list[str | float] = []

    def began(self, name: str) -> None:
        self.told.append(name)

    def advanced(self, share: float) -> None:
        self.told.append(share)

    def ended(self) -> None:
        self.told.append("ended")


@pytest.fixture
def told() -> Iterator[list[str | float]]:
    notes = Notes()
    with watched_by(notes):
        yield notes.told


def test_a_phase_begins_and_ends_whatever_happens(told: list[str | float]) -> None:
    with phase("loading") as tell:
        tell(0.25)
    with pytest.raises(ValueError, match="bad"), phase("reading"):
        raise ValueError("bad")
    assert told == ["loading", 0.25, "ended", "reading", "ended"]


def test_a_decorated_function_is_a_phase_each_time(told: list[str | float]) -> None:
    @phase("doubling")
    def double(x: int) -> int:
        return 2 * x

    assert [double(1), double(2)] == [2, 4]
    assert told == ["doubling", "ended"] * 2


def test_shares_of_items_are_told_once_they_are_done_with(told: list[str | float]) -> None:
    for item in tracked("adding", "ab"):
        told.append(item)
    assert list(tracked("adding", "")) == []
    assert told == ["adding", "a", 0.5, "b", 1.0, "ended", "adding", "ended"]


def test_only_the_first_call_is_a_phase(told: list[str | float]) -> None:
    add = first_call("building", lambda x, y: x + y)
    assert [add(1, 2), add(3, 4)] == [3, 7]
    assert told == ["building", "ended"]


def test_nobody_need_watch() -> None:
    with phase("loading") as tell:
        tell(0.5)
    assert list(tracked("adding", [1])) == [1]
