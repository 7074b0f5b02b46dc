"""Ctrl-C and SIGTERM save a run and say how to go on with it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

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


def test_a_signal_saves_the_run_and_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which sends the signal to itself once an epoch has ended."""
    some_poems(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tangshi-tf", *FIT.split(), "--ear", "none"])
    history = tmp_path / "runs" / "mine" / "history.jsonl"
    before, ended = signal.getsignal(signal.SIGTERM), threading.Event()

    def stop() -> None:
        while not history.exists() and not ended.wait(0.05):
            pass
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=stop)
    sender.start()
    try:
        result = CliRunner().invoke(main, sys.argv[1:])
    finally:
        ended.set()
        sender.join()
    assert result.exit_code == 128 + signal.SIGTERM, result.output
    first, second = result.stderr.splitlines()
    assert first == "Stopping after this step."
    step = Run(tmp_path / "runs" / "mine").load_checkpoint()[0].step
    assert 0 < step < 600
    assert second == f"Stopped after step {step} of 600. Go on with: tangshi-tf {FIT} --ear none --resume"
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.ci
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
    told = error.splitlines()
    assert told[0] == "Stopping after this step."
    assert told[1].startswith("Stopped after step ")
    assert told[1].endswith(" --resume")
    step = Run(tmp_path / "runs" / "mine").load_checkpoint()[0].step
    assert 0 < step < 600
    if number == signal.SIGTERM:
        return  # what is saved is the same
    out, error = start("--resume").communicate(timeout=300)
    assert "exported saved_models/mine/1" in out, error
    assert Run(tmp_path / "runs" / "mine").load_checkpoint()[0].step == 600
