"""A whole run, from a corpus file to a published version."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.checkpoint import Run
from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus import Corpus, read_corpus
from tangshi_tf.errors import CheckpointError, CorpusError
from tangshi_tf.evaluation import evaluate
from tangshi_tf.model import PoetryModel
from tangshi_tf.run import EpochReport, Plan, fit, publish
from tangshi_tf.training import Progress

MODEL = ModelConfig(units=16, embedding=12, dropout=0.0)
TRAINING = TrainingConfig(epochs=2, min_count=1, token_budget=1_000, precision="float32")


class Notes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.progress: list[Progress] = []
        self.epochs: list[EpochReport] = []

    def planned(self, plan: Plan) -> None:
        self.plans.append(plan)

    def progressed(self, progress: Progress) -> None:
        self.progress.append(progress)

    def validated(self, report: EpochReport) -> None:
        self.epochs.append(report)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Eighty quatrains as a user would bring them."""
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) == 24][:80]
    path = tmp_path_factory.mktemp("corpus") / "poems.txt"
    path.write_text("".join(f"{poem.title}:{poem.text}\n" for poem in poems), encoding="utf-8")
    return read_corpus([path])


def test_a_run_is_reported_recorded_and_published(corpus: Corpus, tmp_path: Path) -> None:
    notes = Notes()
    run = fit(corpus, tmp_path / "runs" / "mine", MODEL, TRAINING, notes, command="tangshi-tf fit poems.txt")
    (plan,) = notes.plans
    assert sum(plan.poems.values()) + sum(plan.dropped.values()) == 80
    assert plan.steps == notes.progress[-1].step
    assert plan.steps >= 2 * 20  # however small the corpus
    assert [report.epoch for report in notes.epochs] == [1, 2]
    report = notes.epochs[-1]
    assert report.validation_perplexity == pytest.approx(np.exp(report.validation_nll))
    assert report.poem
    assert len(report.predicted) == len(report.target) + 1  # the end token is predicted too
    assert run.manifest["precision"] == "float32"
    assert run.manifest["command"] == "tangshi-tf fit poems.txt"
    assert len(run.history) == 2

    version = publish(run, tmp_path / "saved_models" / "mine", corpus)
    assert version == tmp_path / "saved_models" / "mine" / "1"
    readme = (version / "assets.extra" / "README.md").read_text(encoding="utf-8")
    assert "`tangshi-tf fit poems.txt`" in readme
    assert readme.count("\n- ") == 10
    config = json.loads((version / "assets.extra" / "config.json").read_text(encoding="utf-8"))
    poems = [poem.text for poem in corpus.poems("validation")]
    best = min(run.history, key=lambda record: record["validation_nll"])
    assert config["perplexity"]["validation"] == pytest.approx(best["validation_perplexity"], rel=1e-5)

    model = PoetryModel.from_saved_model(version)
    assert evaluate(model, poems).total.perplexity == pytest.approx(best["validation_perplexity"], rel=1e-5)
    poet = tf.saved_model.load(str(version))
    scores = poet.score(poems)
    nll = float(tf.reduce_sum(scores["nll"])) / float(tf.reduce_sum(scores["tokens"]))
    assert nll == pytest.approx(best["validation_nll"], rel=1e-4)


def test_the_best_epoch_is_the_one_that_is_kept(corpus: Corpus, tmp_path: Path) -> None:
    notes = Notes()
    wild = TrainingConfig(
        epochs=6,
        min_count=1,
        token_budget=200,
        learning_rate=0.3,
        warmup_steps=0,
        final_rate=1.0,
        precision="float32",
    )
    run = fit(corpus, tmp_path / "run", MODEL, wild, notes)
    figures = [report.validation_nll for report in notes.epochs]
    assert [report.best for report in notes.epochs] == [
        all(nll < earlier for earlier in figures[:i]) for i, nll in enumerate(figures)
    ]
    assert figures[-1] > min(figures)  # else this run shows nothing
    poems = [poem.text for poem in corpus.poems("validation")]
    kept = evaluate(run.load_model(), poems).total
    assert kept.nll / kept.tokens == pytest.approx(min(figures), rel=1e-5)


def test_a_run_begins_only_where_it_may(corpus: Corpus, tmp_path: Path) -> None:
    without = Corpus({**corpus.splits, "validation": []}, {})
    with pytest.raises(CorpusError, match="Received: none for validation"):
        fit(without, tmp_path / "run", MODEL, TRAINING)
    assert not (tmp_path / "run").exists()
    one_step = TrainingConfig(max_steps=1, min_count=1, precision="float32")
    fit(corpus, tmp_path / "run", MODEL, one_step, Notes())
    with pytest.raises(CheckpointError, match="--restart"):
        fit(corpus, tmp_path / "run", MODEL, one_step, Notes())
    fit(corpus, tmp_path / "run", MODEL, one_step, Notes(), restart=True)


def test_a_run_without_an_epoch_is_not_published(corpus: Corpus, tmp_path: Path) -> None:
    run = fit(corpus, tmp_path / "run", MODEL, TrainingConfig(max_steps=1, min_count=1), Notes())
    (run.folder / "history.jsonl").unlink()
    with pytest.raises(CheckpointError, match="at least one finished epoch is required"):
        publish(run, tmp_path / "saved_models", corpus)
    assert not (tmp_path / "saved_models").exists()


def test_a_run_that_was_stopped_is_published_with_its_own_corpus_only(corpus: Corpus, tmp_path: Path) -> None:
    class Impatient(Notes):
        def validated(self, report: EpochReport) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(corpus, tmp_path / "run", MODEL, TRAINING, Impatient())
    run = Run(tmp_path / "run")
    other = Corpus({**corpus.splits, "test": corpus.splits["validation"]}, {})
    with pytest.raises(CorpusError, match=r"The corpus is required that .*run was trained on. Received: another one."):
        publish(run, tmp_path / "saved_models", other)
    version = publish(run, tmp_path / "saved_models", corpus)
    assert "after epoch 1 of the 1 trained" in (version / "assets.extra" / "README.md").read_text(encoding="utf-8")
