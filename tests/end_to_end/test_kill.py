"""A run that is killed many times, at random moments, ends as one that never was, bit for bit."""

import multiprocessing
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.corpus.prose import read_prose
from tangshi_tf.training.run_folder import Run

STEPS = 1_500
TIMED = {"seconds", "tokens_per_second", "peak_memory", "gpu_memory", "gpu_utilisation"}


def train(folder: Path) -> None:
    """Begin the run or go on with it, saving every fifth step."""
    from tangshi_tf.config import ModelConfig, TrainingConfig
    from tangshi_tf.training import run, session

    vars(session)["every_second"] = lambda: lambda step: step % 5 == 0
    prose = folder.parent.name == "prose"
    model = ModelConfig(units=12, embedding=8, dropout=0.2)
    if prose:
        model = replace(model, text="prose", ear="none", titles=False)
    training = TrainingConfig(
        epochs=1_000,
        max_steps=STEPS,
        min_count=1,
        token_budget=300,
        batch_size=6,
        sequence_length=50,
        learning_rate=0.01,
        precision="float32",
    )
    paths = [folder.parent / "poems.txt"]
    corpus = read_prose(paths) if prose else read_corpus(paths)
    run.fit(
        corpus,
        folder,
        model,
        training,
        begin="resume" if (folder / "config.json").exists() else "new",
        save_minutes=0.0,
    )


def settled(folder: Path) -> tuple[list[dict[str, Any]], list[bytes], bytes]:
    """Return what of a run does not depend on the clock."""
    run = Run(folder)
    history = [{key: value for key, value in record.items() if key not in TIMED} for record in run.history]
    position, values, _ = run.load_checkpoint()
    assert position.step == STEPS
    return history, [value.tobytes() for value in values], (folder / "best.weights.h5").read_bytes()


@pytest.mark.long
@pytest.mark.parametrize(("kind", "count"), [("poems", 30), ("prose", 10)])
def test_kills_change_nothing(tmp_path: Path, kind: str, count: int) -> None:
    tmp_path = tmp_path / kind
    tmp_path.mkdir()
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) < 70][:90]
    text = "".join(f"{poem.title}:{poem.text}\n" for poem in poems)
    (tmp_path / "poems.txt").write_text(text, encoding="utf-8")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tangshi_tf.training.run"])

    def start(name: str) -> Any:
        process = processes.Process(target=train, args=(tmp_path / name,))
        process.start()
        return process

    whole = start("whole")
    source, kills, seconds = random.Random(0), 0, 8.0
    while kills < count:
        process = start("killed")
        process.join(source.uniform(0, seconds))
        if process.is_alive():
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            kills += 1
        else:
            assert process.exitcode == 0
            seconds /= 2  # it has come to its end: from now on it is killed while it finds that out
    last = start("killed")
    for process in (last, whole):
        process.join()
        assert process.exitcode == 0
    assert settled(tmp_path / "killed") == settled(tmp_path / "whole")
    assert [path.name for path in (tmp_path / "killed").glob(".*")] == [".lock"]
