"""Show on standard error what takes long: in a terminal a line that goes away, elsewhere a line now and then."""

import contextlib
import contextvars
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from tangshi_tf.cli.catalogue import say
from tangshi_tf.phases import watched_by

__all__ = ["PhaseDisplay", "showing_phases"]

_TICK = 0.5  # seconds
_SOON = 1.0  # seconds after which a terminal shows a phase
_LATE = 15.0  # the same of a log, which keeps its lines
_OFTEN = 60.0  # seconds between two lines in a log
_LEAST_SHARE = 0.02  # from which the time that is left is estimated
_ERASE = "\r\x1b[K"


@dataclass(slots=True)
class _Phase:
    name: str
    began: float = field(default_factory=time.monotonic)
    share: float = 0.0
    told: float = 0.0  # when a log had its latest line


class PhaseDisplay:
    """A `Watcher` that shows the innermost phase, with the time left if that is known.

    A thread draws, since whoever works does not stop to do so.

    Args:
        terminal: the descriptor of the terminal to draw on; None for a log. It is no standard stream, since these lead
            elsewhere while TensorFlow starts.
    """

    def __init__(self, terminal: int | None = None) -> None:
        """See the class."""
        self._terminal, self._phases, self._drawn = terminal, list[_Phase](), False
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def began(self, name: str) -> None:
        """See `Watcher`."""
        with self._lock:
            self._phases.append(_Phase(name))
            if self._thread is None:
                context = contextvars.copy_context()  # with the language that is spoken
                self._thread = threading.Thread(target=context.run, args=[self._work], name="phases", daemon=True)
                self._thread.start()

    def advanced(self, share: float) -> None:
        """See `Watcher`."""
        self._phases[-1].share = share

    def ended(self) -> None:
        """See `Watcher`."""
        with self._lock:
            self._phases.pop()
            self._erase()

    def close(self) -> None:
        """Show no more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self._erase()

    def _work(self) -> None:
        while not self._closed.wait(_TICK):
            with self._lock:
                if self._phases:
                    self._show(self._phases[-1], time.monotonic())

    def _show(self, phase: _Phase, now: float) -> None:
        passed = now - phase.began
        if self._terminal is not None:
            if passed >= _SOON:
                self._write(_ERASE + (_line(phase, passed) or f"{say(phase.name)} … {passed:.0f} s"))
                self._drawn = True
        elif passed >= _LATE and (not phase.told or (phase.share and now - phase.told >= _OFTEN)):
            phase.told = now
            click.echo(_line(phase, passed) or f"{say(phase.name)} …", err=True)

    def _erase(self) -> None:
        if self._drawn:
            self._write(_ERASE)
            self._drawn = False

    def _write(self, text: str) -> None:
        assert self._terminal is not None
        with contextlib.suppress(OSError):  # it is closed
            os.write(self._terminal, text.encode(sys.stderr.encoding, "replace"))


def _line(phase: _Phase, passed: float) -> str:
    """Return a phase with the time that it still takes; empty if that is not known."""
    if phase.share < _LEAST_SHARE:
        return ""
    left = passed * (1 - phase.share) / phase.share
    return f"{say(phase.name)} … " + say(f"{phase.share:.0%}, {left:.0f} s left")


@contextlib.contextmanager
def showing_phases() -> Iterator[None]:
    """Show what takes long inside a `with` block."""
    terminal = os.dup(sys.stderr.fileno()) if sys.stderr.isatty() else None
    display = PhaseDisplay(terminal)
    try:
        with watched_by(display):
            yield
    finally:
        display.close()
        if terminal is not None:
            os.close(terminal)
