"""A run that is killed many times, at random moments, ends as one that never was, bit for bit; so does its export."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end.processes import fit_arguments, left_over, start, state, write_corpus

EXPORT = ["export", "poems.txt", "--name", "mine"]


def finished(folder: Path, arguments: list[str]) -> float:
    """Let a command come to its end; return the seconds that it took."""
    began, told = time.monotonic(), folder.parent / "told"
    process = start(folder, arguments, told)
    process.join()
    assert process.exitcode == 0, Path(f"{told}.err").read_text(encoding="utf-8")
    return time.monotonic() - began


def is_killed(folder: Path, arguments: list[str], seconds: float) -> bool:
    """Kill a command after some seconds, unless it comes to its end before."""
    told = folder.parent / "told"
    process = start(folder, arguments, told)
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        return True
    assert process.exitcode == 0, Path(f"{told}.err").read_text(encoding="utf-8")
    return False


@pytest.mark.parametrize(
    ("size", "count"),
    [
        pytest.param("prose", 1, marks=pytest.mark.ci),
        pytest.param("small", 40, marks=pytest.mark.long),
        pytest.param("prose", 20, marks=pytest.mark.long),
        pytest.param("default", 15, marks=pytest.mark.long),
    ],
)
def test_kills_of_fit_change_nothing(tmp_path: Path, size: str, count: int) -> None:
    """Runs are killed until they come to their end, one after the other."""
    whole, source = tmp_path / "whole", random.Random(0)
    whole.mkdir()
    write_corpus(whole, size)
    seconds = finished(whole, fit_arguments(whole, size))
    expected, kills, ended = state(whole), 0, 0
    while kills < count:
        folder = tmp_path / f"killed-{ended}"
        folder.mkdir()
        write_corpus(folder, size)
        before = kills
        while is_killed(folder, fit_arguments(folder, size), source.uniform(0, seconds)):
            kills += 1
        if kills == before:
            seconds *= 0.7  # the machine has become faster
        assert state(folder) == expected
        assert not left_over(folder)
        ended += 1


@pytest.mark.parametrize(
    ("size", "count"),
    [
        pytest.param("prose", 4, marks=pytest.mark.long),
        pytest.param("small", 20, marks=pytest.mark.long),
        pytest.param("default", 5, marks=pytest.mark.long),
    ],
)
def test_kills_of_export_leave_nothing_behind(tmp_path: Path, size: str, count: int) -> None:
    """Versions are complete or not there, and all the same."""
    folder, source, kills = tmp_path / "killed", random.Random(1), 0
    folder.mkdir()
    write_corpus(folder, size)
    finished(folder, fit_arguments(folder, size))
    expected = state(folder)
    seconds = finished(folder, EXPORT)
    while kills < count:
        kills += is_killed(folder, EXPORT, source.uniform(0, seconds))
    finished(folder, EXPORT)
    assert state(folder) == expected
    assert len(expected["exported"]) == 1
    assert not left_over(folder)
