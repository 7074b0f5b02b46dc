"""Ctrl-C, SIGTERM and SIGHUP save a run and say how to go on with it; other commands they end, and leave nothing."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tangshi_tf.cli import main
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.training.run_folder import Run
from tests.paths import ROOT

FIT = (
    "fit poems.txt --name mine --units 16 --embedding 12 --min-count 1 --token-budget 300 --epochs 999 --max-steps 600"
)


def some_poems(folder: Path) -> None:
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) < 70][:60]
    text = "".join(f"{poem.title}:{poem.text}\n" for poem in poems)
    (folder / "poems.txt").write_text(text, encoding="utf-8")


def fit_until(folder: Path, file: str, *options: str) -> Result:
    """Train in this process, which sends SIGTERM to itself once there is a file of that name in the run."""
    some_poems(folder)
    ended = threading.Event()

    def stop() -> None:
        while not (folder / "runs" / "mine" / file).exists() and not ended.wait(0.05):
            pass
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=stop)
    sender.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["tangshi-tf", *FIT.split(), *options])
            return CliRunner().invoke(main, sys.argv[1:])
    finally:
        ended.set()
        sender.join()


def test_a_signal_saves_the_run_and_says_how_to_go_on(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    result = fit_until(tmp_path, "history.jsonl", "--ear", "none")
    assert result.exit_code == 128 + signal.SIGTERM, result.output
    first, second = result.stderr.splitlines()[-2:]
    assert first == "Stopping after this step."
    step = Run(tmp_path / "runs" / "mine").load_checkpoint()[0].step
    assert 0 < step < 600
    assert second == f"Stopped after step {step} of 600. Go on with: tangshi-tf {FIT} --ear none --resume"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_during_the_last_step_is_no_less_heard(tmp_path: Path) -> None:
    result = fit_until(tmp_path, "config.json", "--ear", "none", "--max-steps", "1")
    assert result.exit_code == 128 + signal.SIGTERM, result.output
    assert result.stderr.splitlines()[-1].startswith("Stopped after the last step. Go on with: tangshi-tf fit ")
    assert Run(tmp_path / "runs" / "mine").load_checkpoint()[0].step == 1
    assert not (tmp_path / "saved_models").exists()


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGHUP, marks=pytest.mark.ci),
        *(pytest.param(number, marks=pytest.mark.long) for number in (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_a_run_that_is_asked_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    some_poems(tmp_path)
    program = [sys.executable, "-u", "-c", "from tangshi_tf.cli import main; main()"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}

    def start(*options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*program, *FIT.split(), *options],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    process = start()
    assert process.stdout is not None
    while "epoch 1:" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(number)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    told = error.splitlines()[-2:]
    assert told[0] == "Stopping after this step."
    assert told[1].startswith("Stopped after step ")
    assert told[1].endswith(" --resume")
    step = Run(tmp_path / "runs" / "mine").load_checkpoint()[0].step
    assert 0 < step < 600
    if number != signal.SIGINT:
        return  # what is saved is the same
    out, error = start("--resume").communicate(timeout=300)
    assert "exported saved_models/mine/1" in out, error
    assert Run(tmp_path / "runs" / "mine").load_checkpoint()[0].step == 600


COMMANDS = {
    "export": "export poems.txt --name mini",
    "onnx": "export --name mini --format onnx",
    "litert": "export --name mini --format litert",
    "sample": "sample --model mini --count 5000 --best-of 50 --output out.txt",
    "evaluate": "evaluate poems.txt --model mini --verse --count 5000",
    "fit": "fit poems.txt --name other --dry-run",
}


@pytest.mark.parametrize(
    "command",
    [pytest.param(command, marks=pytest.mark.ci if command == "export" else pytest.mark.long) for command in COMMANDS],
)
def test_a_command_ends_at_once_and_leaves_nothing(tmp_path: Path, mini_folder: Path, command: str) -> None:
    """Whatever it is doing: importing TensorFlow, tracing graphs, writing or reading files, running a long graph."""
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    shutil.copytree(mini_folder, project)
    temporary.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    before, source = {path: path.stat().st_mtime_ns for path in project.rglob("*")}, random.Random(command)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = subprocess.Popen(
            [sys.executable, "-c", "from tangshi_tf.cli import main; main()", *COMMANDS[command].split()],
            cwd=project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=source.uniform(1, 12))
            continue  # it was faster
        process.send_signal(number)
        _, error = process.communicate(timeout=10)
        assert (process.returncode, error.splitlines()[-1]) == (128 + number, "Interrupted.")
        assert "Traceback" not in error
        assert {path.name for path in project.rglob(".*")} <= {".lock"}
        assert list(temporary.iterdir()) == []
        if command not in ("export", "onnx", "litert"):
            assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
