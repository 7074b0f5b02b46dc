"""Standard streams that are closed, full, or have lost their reader, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tangshi_tf.cli.streams import dropping_output
from tests.paths import ROOT

PRINTS = """
import os, sys
from tangshi_tf.cli.streams import dropping_output, open_missing_streams, settle_output

open_missing_streams()
with dropping_output("stdout"), dropping_output("stderr"):
    for i in range(3):
        print("line", i, flush=True)
        print("note", i, file=sys.stderr)
print("end", open("kept", "w").write("kept"), sys.stdin.read() if len(sys.argv) > 1 else "")  # stays in the buffer
settle_output()
"""


def shell(folder: Path, command: str, code: str = PRINTS) -> "subprocess.CompletedProcess[bytes]":
    """Run bash with a function `program`, and return how that ended."""
    settings = {"PYTHONPATH": str(ROOT), "PROGRAM": code, "PYTHON": sys.executable, "PYTHONUNBUFFERED": ""}
    script = 'program() { "$PYTHON" -c "$PROGRAM" "$@"; echo $? > status; }\n' + command
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**os.environ, **settings}, capture_output=True, timeout=60
    )


@pytest.mark.parametrize(
    ("command", "out", "error"),
    [
        ("program", b"line 0\nline 1\nline 2\nend 4 \n", b"note 0\nnote 1\nnote 2\n"),
        ("program > /dev/full", b"", b"note 0\nnote 1\nnote 2\n"),
        ("program 2> /dev/full", b"line 0\nline 1\nline 2\nend 4 \n", b""),
        ("program > /dev/full 2>&1", b"", b""),
        ("program >&-", b"", b"note 0\nnote 1\nnote 2\n"),
        ("program 2>&-", b"line 0\nline 1\nline 2\nend 4 \n", b""),
        ("program end <&- >&- 2>&-", b"", b""),
        ("program end <&-", b"line 0\nline 1\nline 2\nend 4 \n", b"note 0\nnote 1\nnote 2\n"),
        ("program 2> notes | true", b"", b""),
    ],
)
def test_what_cannot_be_printed_ends_nothing(tmp_path: Path, command: str, out: bytes, error: bytes) -> None:
    done = shell(tmp_path, command)
    assert (done.stdout, done.stderr) == (out, error)
    assert (tmp_path / "status").read_text() == "0\n"
    assert (tmp_path / "kept").read_text() == "kept"  # what is printed does not go into a file of ours


def test_the_shell_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("old\n")
    shell(tmp_path, "program >> log")
    assert (tmp_path / "log").read_text() == "old\nline 0\nline 1\nline 2\nend 4 \n"


def test_an_encoding_and_its_errors_stay(tmp_path: Path) -> None:
    code = """
import sys
from tangshi_tf.cli.streams import dropping_output
sys.stdout.reconfigure(errors="backslashreplace")
with dropping_output("stdout"):
    print("山 end")
"""
    done = shell(tmp_path, "PYTHONIOENCODING=latin-1 program", code)
    assert (done.stdout, done.stderr) == (b"\\u5c71 end\n", b"")


def test_a_stream_in_memory_stays(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with dropping_output("stdout"):
        assert sys.stdout is before
