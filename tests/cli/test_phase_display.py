import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tangshi_tf.cli import phase_display as module
from tangshi_tf.cli.catalogue import speaking
from tangshi_tf.cli.phase_display import PhaseDisplay, showing_phases
from tangshi_tf.phases import phase, tracked, watched_by

ERASE = "\r\x1b[K"


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundredths of seconds in place of seconds."""
    for name in ("_TICK", "_SOON", "_LATE", "_OFTEN"):
        monkeypatch.setattr(module, name, getattr(module, name) / 100)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[int]:
    """A file that stands in for a terminal; what is drawn on it can be read back."""
    descriptor = os.open(tmp_path / "terminal", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def drawn(descriptor: int) -> list[str]:
    return os.pread(descriptor, 100_000, 0).decode().split(ERASE)[1:]


def show(display: PhaseDisplay, seconds: float) -> None:
    with watched_by(display):
        with phase("loading the model"):
            time.sleep(seconds)
        for _ in tracked("scoring the model", range(10)):
            time.sleep(seconds / 5)
    display.close()


def test_a_terminal_has_one_line_that_goes_away(terminal: int) -> None:
    show(PhaseDisplay(terminal), 0.2)
    shown = drawn(terminal)
    assert shown[0] == "loading the model … 0 s"
    assert any(line.startswith("scoring the model … ") and line.endswith("%, 0 s left") for line in shown)
    assert shown[-1] == ""
    assert "\n" not in "".join(shown)


def test_what_is_quick_is_not_shown(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    for display in (PhaseDisplay(terminal), PhaseDisplay()):
        show(display, 0.0)
    assert drawn(terminal) == []
    assert capsys.readouterr().err == ""


def test_a_log_has_a_line_of_what_takes_long_and_few_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_OFTEN", 1000.0)
    show(PhaseDisplay(), 0.5)
    loading, scoring = capsys.readouterr().err.splitlines()
    assert loading == "loading the model …"
    assert scoring.startswith("scoring the model … ")
    assert scoring.endswith("%, 1 s left")
    monkeypatch.setattr(module, "_OFTEN", 0.3)
    show(PhaseDisplay(), 0.5)
    assert len(capsys.readouterr().err.splitlines()) in (3, 4, 5)


def test_an_outer_phase_is_shown_again_and_the_language_is_spoken(terminal: int) -> None:
    display = PhaseDisplay(terminal)
    with speaking("zh"), watched_by(display), phase("building the model"):
        with phase("loading the model"):
            time.sleep(0.1)
        time.sleep(0.1)
    display.close()
    first, *_, last, _ = [line for line in drawn(terminal) if line] + [""]
    assert first.startswith("正在加载模型 … ")
    assert last.startswith("正在建立模型 … ")


def test_it_is_shown_on_a_terminal_though_standard_error_leads_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while TensorFlow starts."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb") as pipe:
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys, "stderr", stream)
        with showing_phases(), phase("starting TensorFlow"):
            os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
            time.sleep(0.1)
        assert pipe.read(8).decode() == f"{ERASE}star"
