"""Output that is closed or full ends no training, and files that cannot be replaced are written to."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tangshi_tf.training.run_folder import Run
from tests.end_to_end.test_stop import some_poems
from tests.paths import ROOT

FIT = "fit poems.txt --name mine --units 16 --embedding 12 --min-count 1 --token-budget 500 --epochs 3 --ear none"


def shell(folder: Path, script: str) -> "subprocess.CompletedProcess[str]":
    """Run bash, in which `tangshi-tf` is the command line."""
    program = f"tangshi-tf() {{ '{sys.executable}' -c 'from tangshi_tf.cli import main; main()' \"$@\"; }}\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    command = ["bash", "-c", program + script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)


def require_finished(folder: Path) -> None:
    """The run is at its end, and its model exported, with nothing left over."""
    assert len(Run(folder / "runs" / "mine").history) == 3
    assert [path.name for path in (folder / "saved_models" / "mine").iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("redirection", "lines", "errors"),
    [
        pytest.param("| head -1", 1, 2, marks=pytest.mark.ci),
        pytest.param("> /dev/full", 0, 2, marks=pytest.mark.long),
        pytest.param(">&- 2>&- <&-", 0, 0, marks=pytest.mark.long),
    ],
)
def test_training_goes_on_without_its_output(tmp_path: Path, redirection: str, lines: int, errors: int) -> None:
    some_poems(tmp_path)
    done = shell(tmp_path, f"{{ tangshi-tf {FIT}; echo $? > status; }} {redirection}")
    assert (tmp_path / "status").read_text() == "0\n"
    require_finished(tmp_path)
    assert len(done.stdout.splitlines()) == lines
    told = [line.split(":")[0] for line in done.stderr.splitlines()]
    assert told == ["poems.txt", "first poem"][:errors]  # what was understood of the file, and nothing went wrong


@pytest.mark.long
def test_training_goes_on_without_its_terminal(tmp_path: Path) -> None:
    """A terminal that is not its own is closed while it draws its bar; that gives no signal, but errors."""
    some_poems(tmp_path)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from tangshi_tf.cli import main; main()", *FIT.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"loss" not in shown:
        shown += os.read(ours, 4096)
    os.close(ours)
    assert process.wait(timeout=280) == 0
    require_finished(tmp_path)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("redirection", "status", "errors"),
    [
        ("> /dev/full", 1, ["Error: A working file system is required. Received: No space left on device."]),
        ("| true", 1, []),  # as a pipe that its reader leaves always ends a program
        ("2> /dev/full | cat > printed", 0, []),
        ("2>&- | cat > printed", 0, []),
    ],
)
def test_other_commands_are_ended_by_their_output_alone(
    tmp_path: Path, mini_folder: Path, redirection: str, status: int, errors: list[str]
) -> None:
    (tmp_path / "saved_models").symlink_to(mini_folder / "saved_models")
    sample = "tangshi-tf sample --model mini --seed 1 --count 3"
    done = shell(tmp_path, f"{{ {sample}; echo $? > status; }} {redirection}")
    told = [] if "2>" in redirection else ["model: saved_models/mini/1"]
    assert (done.stdout, done.stderr.splitlines()) == ("", told + errors)
    assert (tmp_path / "status").read_text() == f"{status}\n"
    assert status or (tmp_path / "printed").read_text().count("\n") > 2


@pytest.mark.ci
def test_poems_are_written_through_what_is_no_plain_file(tmp_path: Path, mini_folder: Path) -> None:
    (tmp_path / "saved_models").symlink_to(mini_folder / "saved_models")
    (tmp_path / "log").write_text("old\n")
    (tmp_path / "linked").write_text("old")
    (tmp_path / "linked").chmod(0o640)
    (tmp_path / "other").hardlink_to(tmp_path / "linked")
    (tmp_path / "loop").symlink_to("loop")
    sample = "tangshi-tf sample --model mini --seed 1 --count 3"
    script = f"""
{sample} > printed
{sample} --output >(cat > passed) | cat
{sample} --output /dev/stdout | cat > piped
{sample} --output /dev/stdout >> log
{sample} --output linked
{sample} --output loop
echo $?
"""
    done = shell(tmp_path, script)
    assert done.stdout == "1\n"
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in done.stderr
    poems = (tmp_path / "printed").read_text()
    assert poems
    for name in ("passed", "piped", "other"):
        assert (tmp_path / name).read_text() == poems, name
    assert (tmp_path / "log").read_text() == f"old\n{poems}"
    assert (tmp_path / "linked").samefile(tmp_path / "other")
    assert (tmp_path / "linked").stat().st_mode & 0o777 == 0o640
