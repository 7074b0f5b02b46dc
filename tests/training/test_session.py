import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.errors import CheckpointError, StoppedError
from tangshi_tf.storage.files import locked
from tangshi_tf.training.listeners import EpochReport, RunPlan
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import make_task
from tangshi_tf.training.trainer import Progress

MODEL = ModelConfig(units=8, embedding=8, ear="none", rhymes=False, titles=False)
TRAINING = TrainingConfig(epochs=2, min_count=1, token_budget=200, precision="float32", cooccurrence=False)


class Notes:
    """A listener that does nothing."""

    def planned(self, plan: RunPlan) -> None: ...

    def progressed(self, progress: Progress) -> None: ...

    def validated(self, report: EpochReport) -> None: ...


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) < 30][:40]
    return Corpus({"train": poems[:-4], "validation": poems[-4:], "test": []}, {})


def test_steps_are_recorded_once_though_the_run_is_stopped(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tangshi_tf.training.session.every_second", lambda: lambda step: True)
    asked = iter(range(999))
    with pytest.raises(StoppedError):
        fit(corpus, tmp_path, MODEL, TRAINING, listeners=[Notes()], stop=lambda: next(asked) == 2)
    assert [record["step"] for record in Run(tmp_path).steps] == [1, 2, 3]
    run = fit(corpus, tmp_path, MODEL, TRAINING, listeners=[Notes()], begin="resume")
    assert run is not None
    steps, total = run.steps, run.manifest["steps"]
    assert [record["step"] for record in steps] == list(range(1, total + 1))
    assert [record["epoch"] for record in run.history] == [1, 2]
    first = run.history[0]
    assert sum(record["loss"] for record in steps[: first["step"]]) / first["step"] == pytest.approx(
        first["loss"], rel=0.2
    )
    assert all(before["seconds"] < after["seconds"] for before, after in pairwise(steps))
    assert all(record["learning_rate"] > 0 for record in steps)


def test_a_long_run_records_at_most_500_steps(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tangshi_tf.training.session.every_second", lambda: lambda step: True)
    asked, long = iter(range(9999)), replace(TRAINING, epochs=500)
    with pytest.raises(StoppedError):
        fit(corpus, tmp_path, MODEL, long, listeners=[Notes()], stop=lambda: next(asked) == 90)
    stride = Run(tmp_path).manifest["steps"] / 500
    assert stride > 10
    assert 2 <= len(Run(tmp_path).steps) <= 91 / stride + 1


def test_a_folder_that_is_made_anew_under_a_run_is_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    """Someone removes the folder while it is trained in, and begins another run there."""
    folder, other = tmp_path / "run", replace(TRAINING, seed=1)

    class Remover(Notes):
        def validated(self, report: EpochReport) -> None:
            shutil.rmtree(folder)
            with locked(folder):
                Run.create(folder, MODEL, other, make_task(corpus, MODEL, other).vocabulary)

    with pytest.raises(CheckpointError, match=r"The folder that was locked at the start is required"):
        fit(corpus, folder, MODEL, TRAINING, listeners=[Remover()])
    assert Run(folder).training_config == other
    assert Run(folder).history == []
    assert not (folder / "checkpoint.h5").exists()
