"""What becomes of a run; that a whole one is published is shown in test_run."""

from pathlib import Path

import pytest

from tangshi_tf.config import TrainingConfig
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.errors import CheckpointError, CorpusError
from tangshi_tf.saving.saved_model import publish
from tangshi_tf.training.listeners import EpochReport
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run
from tests.training.test_run import MODEL, TRAINING, Notes, corpus

__all__ = ["corpus"]


def test_a_run_without_an_epoch_is_not_published(corpus: Corpus, tmp_path: Path) -> None:
    run = fit(corpus, tmp_path / "run", MODEL, TrainingConfig(max_steps=1, min_count=1), listeners=[Notes()])
    assert run is not None
    (run.folder / "history.jsonl").unlink()
    with pytest.raises(CheckpointError, match="at least one finished epoch is required"):
        publish(run, tmp_path / "saved_models", corpus)
    assert not (tmp_path / "saved_models").exists()


def test_a_run_that_was_stopped_is_published_with_its_own_corpus_only(corpus: Corpus, tmp_path: Path) -> None:
    class Impatient(Notes):
        def validated(self, report: EpochReport) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[Impatient()])
    run = Run(tmp_path / "run")
    other = Corpus({**corpus.splits, "test": corpus.splits["validation"]}, {})
    with pytest.raises(CorpusError, match=r"The corpus that .*run was trained on is required. Received: another one."):
        publish(run, tmp_path / "saved_models", other)
    version = publish(run, tmp_path / "saved_models", corpus)
    assert "after epoch 1 of the 1 trained" in (version / "assets.extra" / "README.md").read_text(encoding="utf-8")
