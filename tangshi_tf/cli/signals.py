"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal): end at once and leave nothing over, or end politely.

Python calls the handlers of signals in the main thread, and only between two of its own steps: TensorFlow may keep it
for a while, or swallow an exception that a handler raises. So another thread acts on them.
"""

import contextlib
import contextvars
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tangshi_tf.cli.catalogue import echo, say
from tangshi_tf.storage.temporaries import discard_all

__all__ = ["StopRequest", "ending_at_once"]

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SHOW_CURSOR = "\x1b[?25h"


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """While it is entered, a signal ends the process with status 128 + its number; what is temporary is removed."""
    standard_error = os.dup(2)  # 2 itself leads elsewhere while TensorFlow starts

    def end(number: int, frame: FrameType | None = None) -> None:
        _end(number, standard_error)

    try:
        with _answered(end, end):
            yield
    finally:
        os.close(standard_error)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of what Python does in the end


class StopRequest:
    """While it is entered, a signal asks for an end instead of making one; a second Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        """See the class."""
        self.signal = 0  # the number of the one that came
        self._held = contextlib.ExitStack()

    def __enter__(self) -> "StopRequest":
        """Begin to listen."""
        self._held.enter_context(_answered(self._ask, lambda number, frame: None))
        return self

    def __exit__(self, *error: object) -> None:
        """Leave signals to whoever had them before."""
        self._held.close()

    def __call__(self) -> bool:
        """Tell whether an end was asked for."""
        return bool(self.signal)

    def _ask(self, number: int) -> None:
        if self.signal and number == signal.SIGINT:
            _end(number)
        if not self.signal:
            self.signal = number
            with contextlib.suppress(OSError):  # Ctrl-C may have ended our reader first
                echo("Stopping after this step.", err=True)


@contextlib.contextmanager
def _answered(answer: Callable[[int], None], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a thread call `answer` with the number of each signal that comes, and Python call `handler` when it can.

    A signal that is ignored stays so: `nohup` asks for that.
    """
    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    context = contextvars.copy_context()  # with the language that is spoken

    def listen() -> None:
        while coming := reader.recv(1):
            if coming[0] in numbers:
                context.run(answer, coming[0])

    thread = threading.Thread(target=listen, name="signals", daemon=True)
    before = {number: signal.signal(number, handler) for number in numbers}
    other = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(other)
        for number, old in before.items():
            signal.signal(number, old)
        writer.close()  # which ends the thread
        thread.join()
        reader.close()


def _end(number: int, standard_error: int = 2) -> NoReturn:
    """End the process, whatever its other threads do; the first of two that want to does it."""
    discard_all()
    _discard_generated()
    shown = say("Interrupted.") + "\n"
    if os.isatty(standard_error):
        shown = f"{_SHOW_CURSOR}\n{shown}"  # below what a progress bar has drawn
    with contextlib.suppress(OSError):
        if _is_read(standard_error):
            os.write(standard_error, shown.encode())
    os._exit(128 + number)


def _is_read(descriptor: int) -> bool:
    """Tell whether a file takes a line within a second: a pipe may be full, and a terminal stopped."""
    try:
        return bool(select.select([], [descriptor], [], 1.0)[1])
    except (OSError, ValueError):  # Windows tells it of sockets only
        return True


def _discard_generated() -> None:
    """Remove the sources that TensorFlow has generated, which it does itself only when Python ends."""
    for name, module in list(sys.modules.items()):
        if name.startswith("__autograph_generated_file"):
            with contextlib.suppress(OSError):
                Path(str(module.__file__)).unlink()
