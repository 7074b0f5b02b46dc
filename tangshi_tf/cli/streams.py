"""Standard streams that are closed, full, or have lost their reader."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["dropping_output", "open_missing_streams", "settle_output"]


class _Droppable(io.FileIO):
    """What a standard stream writes to: what cannot be written is taken for written."""

    def write(self, data: Any, /) -> int:
        """Write, or drop."""
        written: int | None = None  # as a stream says that would have to wait
        with contextlib.suppress(OSError):
            written = super().write(data)
        return memoryview(data).nbytes if written is None else written


def open_missing_streams() -> None:
    """Put the null device in the place of standard streams that were closed before this process began (`>&-`).

    Otherwise a file of ours would get their number, and what is printed.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


@contextlib.contextmanager
def dropping_output(name: str) -> Iterator[None]:
    """Drop what `stdout` or `stderr` cannot take: what is printed meanwhile is not worth ending a process for."""
    stream = getattr(sys, name)
    try:
        descriptor = stream.fileno()
    except OSError:  # a stream in memory, as tests have
        yield
        return
    raw = io.BufferedWriter(_Droppable(descriptor, "w", closefd=False))
    settings = {"errors": stream.errors, "line_buffering": stream.line_buffering}
    setattr(sys, name, io.TextIOWrapper(raw, stream.encoding, **settings, write_through=stream.write_through))
    try:
        yield
    finally:
        getattr(sys, name).flush()
        setattr(sys, name, stream)


def settle_output() -> None:
    """Forget what standard output could not take, which Python would try again, and complain about, at its very end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
