"""What signals do, in processes of their own that load no TensorFlow."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from tangshi_tf.cli.signals import StopRequest
from tests.paths import ROOT

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
BEGIN = """
import contextlib, hashlib, os, signal, sys, time
from pathlib import Path
from tangshi_tf.cli.catalogue import speaking
from tangshi_tf.cli.signals import StopRequest, ending_at_once
from tangshi_tf.storage.temporaries import temporary

def ready():
    Path("half").write_text("half")
    print("ready", flush=True)

"""
IN_BLOCK = BEGIN + "with ending_at_once(), temporary(Path('half')):\n    ready()\n    "
WORK = {
    "sleeps": "time.sleep(60)",
    "computes": "while True: pass",
    "is in one long call": "hashlib.pbkdf2_hmac('sha256', b'x', b'y', 60_000_000)",
    "swallows what is raised": """
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.01)
""",
    "has another standard error": "os.dup2(os.open(os.devnull, os.O_RDWR), 2); time.sleep(60)",
    "reads": "sys.stdin.read()",
}


def start(
    code: str, folder: Path, *wrapped: str, stderr: int | IO[bytes] = subprocess.PIPE
) -> "subprocess.Popen[bytes]":
    """Start a program and wait until it says that it is ready."""
    process = subprocess.Popen(
        [*wrapped, sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def told(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, bytes]:
    """Return how a process ended and what it said, soon."""
    out, error = process.communicate(timeout=10)
    return process.returncode, out, error


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("work", WORK)
def test_a_signal_ends_a_process_at_once_and_leaves_nothing(tmp_path: Path, work: str, number: signal.Signals) -> None:
    process = start(IN_BLOCK + WORK[work], tmp_path)
    process.send_signal(number)
    assert told(process) == (128 + number, b"", b"Interrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_two_signals_end_it_once(tmp_path: Path) -> None:
    process = start(IN_BLOCK + WORK["computes"], tmp_path)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    status, out, error = told(process)
    assert status in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert (out, error) == (b"", b"Interrupted.\n")


def test_it_is_said_in_the_language_that_is_spoken(tmp_path: Path) -> None:
    code = BEGIN + "with speaking('zh'), ending_at_once():\n    ready()\n    time.sleep(60)"
    process = start(code, tmp_path)
    process.send_signal(signal.SIGTERM)
    assert told(process) == (128 + signal.SIGTERM, b"", "已中断。\n".encode())


@pytest.mark.parametrize("block", ["ending_at_once()", "StopRequest()"])
def test_a_signal_that_is_ignored_stays_so(tmp_path: Path, block: str) -> None:
    code = BEGIN + f"with ending_at_once(), {block} as stop:\n    ready()\n    sys.stdin.read()\n    print(bool(stop))"
    process = start(code, tmp_path, "nohup")
    process.send_signal(signal.SIGHUP)
    status, out, error = told(process)  # which closes what it reads
    assert status == 0
    assert b"Interrupted." not in error
    assert out in (b"False\n", b"True\n")


def test_nobody_has_to_read_what_is_said(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    code = (
        IN_BLOCK
        + "os.set_blocking(2, False)\n    "
        + """
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(2, bytes(4096))
    os.set_blocking(2, True)
    print("full", flush=True)
    time.sleep(60)
"""
    )
    with os.fdopen(writer, "wb") as errors:
        process = start(code, tmp_path, stderr=errors)
    assert process.stdout is not None
    assert process.stdout.readline() == b"full\n"
    process.send_signal(signal.SIGTERM)
    assert told(process)[0] == 128 + signal.SIGTERM
    os.close(reader)


def test_a_terminal_gets_its_cursor_back(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb", buffering=0) as terminal:
        process = start(IN_BLOCK + WORK["sleeps"], tmp_path, stderr=terminal)
        process.send_signal(signal.SIGINT)
        assert told(process)[0] == 128 + signal.SIGINT
        assert os.read(ours, 999) == b"\x1b[?25h\r\nInterrupted.\r\n"
    os.close(ours)


def test_the_very_end_has_no_traceback(tmp_path: Path) -> None:
    code = BEGIN + "with ending_at_once():\n    ready()\nsys.stdin.read()"
    process = start(code, tmp_path)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert told(process) == (-signal.SIGINT, b"", b"")


def wait_for(stop: StopRequest) -> None:
    for _ in range(500):
        if stop():
            return
        time.sleep(0.01)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_end_can_be_asked_for(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    before = {one: signal.getsignal(one) for one in SIGNALS}
    with StopRequest() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        wait_for(stop)
        assert stop()
        os.kill(os.getpid(), signal.SIGTERM)  # a second one, but for Ctrl-C, changes nothing
    assert stop.signal == number
    assert capsys.readouterr().err == "Stopping after this step.\n"
    assert {one: signal.getsignal(one) for one in SIGNALS} == before


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    code = BEGIN + (
        "with ending_at_once(), StopRequest() as stop, temporary(Path('half')):\n"
        "    ready()\n"
        "    while not stop(): time.sleep(0.01)\n"
        "    print('asked', flush=True)\n    " + WORK["is in one long call"]
    )
    process = start(code, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"asked\n"
    process.send_signal(signal.SIGINT)
    assert told(process) == (128 + signal.SIGINT, b"", b"Stopping after this step.\nInterrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_after_an_end_was_asked_for_a_signal_ends_at_once_again(tmp_path: Path) -> None:
    code = BEGIN + (
        "with ending_at_once():\n    with StopRequest() as stop:\n        pass\n    ready()\n    time.sleep(60)"
    )
    process = start(code, tmp_path)
    process.send_signal(signal.SIGHUP)
    assert told(process) == (128 + signal.SIGHUP, b"", b"Interrupted.\n")
