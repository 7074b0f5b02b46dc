from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.errors import CheckpointError
from tangshi_tf.storage.files import locked
from tangshi_tf.training.checkpoint import Position
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.run_status import run_status
from tangshi_tf.vocabulary import Vocabulary
from tests.records import MANIFEST, epoch_record


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = ModelConfig(units=4, embedding=3, titles=False)
    return Run.create(tmp_path / "run", config, TrainingConfig(patience=3), Vocabulary("山水"))


def test_a_run_is_new_then_stopped_then_finished(run: Run) -> None:
    assert run_status(run.folder).state == "new"
    run.write_manifest(MANIFEST)
    run.append_history(epoch_record(1, validation_perplexity=33.0))
    run.save_checkpoint(Position(5), [np.zeros(3, np.float32)], 90.0)
    status = run_status(run.folder)
    assert (status.state, status.step, status.steps, status.epochs, status.seconds) == ("stopped", 5, 8, 1, 90.0)
    assert status.best is not None
    assert status.best["validation_perplexity"] == 33.0
    assert status.saved is not None
    assert timedelta(0) <= datetime.now(UTC) - status.saved < timedelta(minutes=1)
    run.append_history(epoch_record(2))
    run.save_checkpoint(Position(8), [np.zeros(3, np.float32)], 100.0)
    assert run_status(run.folder).state == "finished"
    with locked(run.folder):
        assert run_status(run.folder).state == "running"


def test_a_run_out_of_patience_is_finished(run: Run) -> None:
    run.write_manifest(MANIFEST)
    for epoch in range(1, 5):
        assert not run.finished
        run.append_history(epoch_record(epoch, validation_nll=2.0 + epoch))
        run.save_checkpoint(Position(epoch), [], 1.0)
    assert run.finished
    assert run_status(run.folder).state == "finished"


@pytest.mark.parametrize("name", ["config.json", "vocabulary.txt", "manifest.json", "history.jsonl", "checkpoint.h5"])
def test_a_damaged_run_says_what_is_wrong(run: Run, name: str) -> None:
    run.write_manifest(MANIFEST)
    run.append_history(epoch_record(1))
    run.save_checkpoint(Position(5), [], 90.0)
    (run.folder / name).write_bytes(b"x" + (run.folder / name).read_bytes())
    status = run_status(run.folder)
    assert (status.state, status.steps) == ("damaged", 0)
    assert name in status.problem
    assert "\n" not in status.problem


def test_no_run_is_no_status(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="A training run is required"):
        run_status(tmp_path)
