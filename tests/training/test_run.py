"""A whole run, from a corpus file to a published version."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.errors import CheckpointError, ConfigError, CorpusError, StoppedError, TangshiError
from tangshi_tf.evaluation.perplexity import evaluate
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import publish
from tangshi_tf.storage.files import locked
from tangshi_tf.training.listeners import EpochReport, RunPlan, Sample
from tangshi_tf.training.run import estimate, fit
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.trainer import Progress
from tangshi_tf.vocabulary import Vocabulary

MODEL = ModelConfig(units=16, embedding=12, dropout=0.0)
TRAINING = TrainingConfig(epochs=2, min_count=1, token_budget=1_000, precision="float32")


class Notes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.plans: list[RunPlan] = []
        self.progress: list[Progress] = []
        self.epochs: list[EpochReport] = []

    def planned(self, plan: RunPlan) -> None:
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


@pytest.fixture(scope="module")
def whole(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Notes]:
    """A run from beginning to end, and what was told of it."""
    folder, notes = tmp_path_factory.mktemp("runs") / "mine", Notes()
    run = fit(corpus, folder, MODEL, TRAINING, listeners=[notes], command="tangshi-tf fit poems.txt")
    assert run is not None
    return run, notes


def test_a_run_is_reported_and_recorded(corpus: Corpus, whole: tuple[Run, Notes]) -> None:
    run, notes = whole
    (plan,) = notes.plans
    assert sum(plan.members.values()) + sum(plan.dropped.values()) == 80
    assert plan.steps == notes.progress[-1].step
    assert plan.steps >= 2 * 20  # however small the corpus
    assert notes.progress[0].loss < np.log(plan.vocabulary) - 0.3  # it begins from the frequencies of tokens
    assert [report.epoch for report in notes.epochs] == [1, 2]
    report = notes.epochs[-1]
    assert report.validation_perplexity == pytest.approx(np.exp(report.validation_nll))
    assert report.poem
    assert len(report.predicted) == len(report.target) + 1  # the end token is predicted too
    assert run.manifest["precision"] == "float32"
    assert run.manifest["command"] == "tangshi-tf fit poems.txt"
    assert len(run.history) == 2
    total = evaluate(run.load_model(), corpus.texts("validation")).total
    assert total.nll / total.tokens == pytest.approx(run.best["validation_nll"], rel=1e-5)


@pytest.mark.ci
def test_the_version_of_a_run_has_its_figures(corpus: Corpus, whole: tuple[Run, Notes], tmp_path: Path) -> None:
    run, _ = whole
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


@pytest.mark.ci
def test_the_best_epoch_is_the_one_that_is_kept(corpus: Corpus, tmp_path: Path) -> None:
    notes = Notes()
    wild = TrainingConfig(
        epochs=6,
        min_count=1,
        token_budget=200,
        cooccurrence=False,  # from there, chance has it that the last epoch is the best
        learning_rate=0.3,
        warmup_steps=0,
        final_rate=1.0,
        precision="float32",
    )
    run = fit(corpus, tmp_path / "run", MODEL, wild, listeners=[notes])
    assert run is not None
    figures = [report.validation_nll for report in notes.epochs]
    assert [report.best for report in notes.epochs] == [
        all(nll < earlier for earlier in figures[:i]) for i, nll in enumerate(figures)
    ]
    assert figures[-1] > min(figures)  # else this run shows nothing
    poems = [poem.text for poem in corpus.poems("validation")]
    kept = evaluate(run.load_model(), poems).total
    assert kept.nll / kept.tokens == pytest.approx(min(figures), rel=1e-5)


def test_a_run_begins_only_where_it_may(corpus: Corpus, whole: tuple[Run, Notes], tmp_path: Path) -> None:
    without = Corpus({**corpus.splits, "validation": []}, {})
    with pytest.raises(CorpusError, match="Received: none for validation"):
        fit(without, tmp_path / "run", MODEL, TRAINING)
    assert not (tmp_path / "run").exists()
    shutil.copytree(whole[0].folder, tmp_path / "run")
    one_step = TrainingConfig(max_steps=1, min_count=1, precision="float32")
    with pytest.raises(CheckpointError, match="--restart"):
        fit(corpus, tmp_path / "run", MODEL, one_step, listeners=[Notes()])
    assert len(Run(tmp_path / "run").history) == 2
    run = fit(corpus, tmp_path / "run", MODEL, one_step, listeners=[Notes()], begin="restart")
    assert run is not None
    assert len(run.history) == 1


def settled(run: Run | None) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return what of a run does not depend on the clock."""
    assert run is not None
    timed = {"seconds", "tokens_per_second", "peak_memory", "gpu_memory", "gpu_utilisation"}
    history = [{key: value for key, value in record.items() if key not in timed} for record in run.history]
    _, values, _ = run.load_checkpoint()
    return history, [value.tobytes() for value in values]


SMALL_STEPS = TrainingConfig(epochs=3, min_count=1, token_budget=200, precision="float32")


@pytest.mark.parametrize(
    "strides",
    [
        lambda steps: (2, steps // 3),  # in mid-epoch and at its end
        pytest.param(lambda steps: (1, 2, 3, 5, steps // 3), marks=pytest.mark.long),
    ],
    ids=["twice", "often"],
)
def test_a_run_that_is_stopped_again_and_again_ends_as_one_that_never_was(
    strides: Callable[[int], tuple[int, ...]], corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tangshi_tf.training.session.every_second", lambda: lambda step: True)
    notes = Notes()
    whole = fit(corpus, tmp_path / "whole", MODEL, SMALL_STEPS, listeners=[notes])
    steps = notes.plans[0].steps
    done = 0
    for stride in strides(steps):
        done += stride
        asked = iter(range(1, steps + 1))
        with pytest.raises(StoppedError, match=rf"^Stopped after step {done} of {steps}\.$"):
            fit(
                corpus,
                tmp_path / "run",
                MODEL,
                SMALL_STEPS,
                listeners=[Notes()],
                begin="resume" if done > stride else "new",
                stop=lambda asked=asked, stride=stride: next(asked) == stride,  # type: ignore[misc]
            )
    run = fit(corpus, tmp_path / "run", MODEL, SMALL_STEPS, listeners=[Notes()], begin="resume")
    assert settled(run) == settled(whole)
    again = fit(corpus, tmp_path / "run", MODEL, SMALL_STEPS, listeners=[Notes()], begin="resume")
    assert settled(again) == settled(whole)


@pytest.mark.parametrize(
    ("model", "training", "change"),
    [
        (replace(MODEL, units=8, cell="gru"), TRAINING, "cell gru in place of lstm, units 8 in place of 16"),
        (MODEL, replace(TRAINING, learning_rate=0.5), "learning_rate 0.5 in place of 0.006"),
        (MODEL, TRAINING, "another corpus"),
    ],
)
def test_what_a_run_was_begun_with_is_required_to_go_on(
    corpus: Corpus,
    whole: tuple[Run, Notes],
    tmp_path: Path,
    model: ModelConfig,
    training: TrainingConfig,
    change: str,
) -> None:
    shutil.copytree(whole[0].folder, tmp_path / "run")
    if change == "another corpus":
        corpus = Corpus({**corpus.splits, "test": corpus.splits["validation"]}, {})
    with pytest.raises(CheckpointError, match=f"was begun with is required to go on with it. Received: {change}."):
        fit(corpus, tmp_path / "run", model, training, listeners=[Notes()], begin="resume")


def test_a_run_that_is_missing_cannot_go_on(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="A training run is required"):
        fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[Notes()], begin="resume")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.long
def test_a_finished_run_is_extended_and_an_extended_run_can_be_stopped(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate rises again and falls; whether it was stopped in between makes no difference."""
    monkeypatch.setattr("tangshi_tf.training.session.every_second", lambda: lambda step: True)
    short, longer = replace(SMALL_STEPS, epochs=1), replace(SMALL_STEPS, epochs=3, warmup_steps=2)
    short = replace(short, warmup_steps=2)
    first = fit(corpus, tmp_path / "whole", MODEL, short, listeners=[Notes()])
    assert first is not None
    assert first.finished
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    notes = Notes()
    whole = fit(corpus, tmp_path / "whole", MODEL, longer, listeners=[notes], begin="resume")
    assert whole is not None
    done, steps = whole.manifest["extended"][0]["step"], whole.manifest["steps"]
    assert [progress.step for progress in notes.progress] == list(range(done + 1, steps + 1))
    assert steps == notes.plans[0].steps > done
    rates = [progress.learning_rate for progress in notes.progress]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(longer.learning_rate, rel=0.2)
    assert 0 < top < len(rates) - 1
    assert rates[0] < 0.6 * max(rates) > rates[-1]
    assert [record["epoch"] for record in whole.history] == [1, 2, 3]
    assert (whole.training_config, Run(whole.folder).training_config) == (longer, longer)

    asked = iter(range(1, steps))
    with pytest.raises(StoppedError):
        fit(
            corpus,
            tmp_path / "stopped",
            MODEL,
            longer,
            listeners=[Notes()],
            begin="resume",
            stop=lambda: next(asked) == 2,
        )
    stopped = fit(corpus, tmp_path / "stopped", MODEL, longer, listeners=[Notes()], begin="resume")
    assert settled(stopped) == settled(whole)
    with pytest.raises(CheckpointError, match="Received: epochs 2 in place of 3"):
        fit(corpus, tmp_path / "stopped", MODEL, replace(longer, epochs=2), listeners=[Notes()], begin="resume")
    bound = replace(longer, epochs=9, max_steps=steps)
    with pytest.raises(ConfigError, match=rf"A plan of more than the {steps} steps that are done is required"):
        fit(corpus, tmp_path / "stopped", MODEL, bound, listeners=[Notes()], begin="resume")
    assert Run(tmp_path / "stopped").training_config == longer


def test_a_plan_that_ended_in_the_midst_of_an_epoch_is_extended(corpus: Corpus, tmp_path: Path) -> None:
    """As nearly every plan in minutes does; the two parts of that epoch count as epochs of their own."""
    notes, first = Notes(), fit(corpus, tmp_path, MODEL, replace(SMALL_STEPS, max_steps=4), listeners=[Notes()])
    assert first is not None
    assert first.history[0]["step"] == 4 < first.manifest["epoch_steps"]
    longer = replace(SMALL_STEPS, max_steps=first.manifest["epoch_steps"] + 4)
    fit(corpus, tmp_path, MODEL, longer, listeners=[notes], begin="resume")
    assert [record["epoch"] for record in Run(tmp_path).history] == [1, 2, 3]
    assert [progress.epoch for progress in notes.progress if progress.epoch_ended] == [2, 3]
    assert [report.epoch for report in notes.epochs] == [2, 3]


class Reader(Notes):
    """A listener that wants samples."""

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Sample] = []

    def sampled(self, sample: Sample) -> None:
        self.samples.append(sample)


def test_samples_leave_a_run_as_it_is(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tangshi_tf.training.session.every_second", lambda: lambda step: True)
    for name in ("_FIRST_SAMPLE", "_SAMPLES"):
        monkeypatch.setattr(f"tangshi_tf.training.validator.{name}", 0.0)
    settings, reader = replace(SMALL_STEPS, max_steps=6), Reader()
    sampled = fit(corpus, tmp_path / "sampled", MODEL, settings, listeners=[reader])
    plain = fit(corpus, tmp_path / "plain", MODEL, settings, listeners=[Notes()])
    assert [sample.step for sample in reader.samples] == [1, 2, 3, 4, 5]
    assert settled(sampled) == settled(plain)


def test_patience_ends_a_run(corpus: Corpus, tmp_path: Path) -> None:
    wild = replace(TRAINING, epochs=40, learning_rate=0.3, warmup_steps=0, final_rate=1.0, patience=2)
    model = replace(MODEL, ear="none", titles=False)
    run = fit(corpus, tmp_path / "run", model, wild, listeners=[Notes()])
    assert run is not None
    figures = [record["validation_nll"] for record in run.history]
    assert 3 <= len(figures) < 40
    assert figures.index(min(figures)) == len(figures) - 3
    fit(corpus, tmp_path / "run", model, wild, listeners=[Notes()], begin="resume")
    assert len(run.history) == len(figures)


def test_a_second_process_is_kept_out(corpus: Corpus, tmp_path: Path) -> None:
    with (
        locked(tmp_path / "run"),
        pytest.raises(CheckpointError, match=r"A run that nobody is working on is required\."),
    ):
        fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[Notes()], begin="restart")


def test_a_plan_that_is_refused_leaves_the_old_run(whole: tuple[Run, Notes], corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(whole[0].folder, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    short = replace(TRAINING, epochs=1, minutes=0.0001)
    with pytest.raises(ConfigError, match="steps are required to learn anything"):
        fit(corpus, folder, MODEL, short, listeners=[Notes()], begin="restart")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert Run(folder).load_model().config == MODEL


@pytest.mark.ci
def test_time_decides_the_steps_once(corpus: Corpus, tmp_path: Path) -> None:
    short = TrainingConfig(minutes=0.5, min_count=1, token_budget=200, precision="float32")
    notes = Notes()
    start = time.monotonic()
    run = fit(corpus, tmp_path / "run", MODEL, short, listeners=[notes])
    assert time.monotonic() - start < 120
    assert run is not None
    assert run.manifest["steps"] == notes.plans[0].steps == notes.progress[-1].step  # of a busy machine perhaps one
    resumed = Notes()
    fit(corpus, tmp_path / "run", MODEL, short, listeners=[resumed], begin="resume")
    assert resumed.plans[0].steps == run.manifest["steps"]


def test_an_estimate_trains_nothing(corpus: Corpus) -> None:
    plan, seconds, memory = estimate(corpus, replace(MODEL, ear="none", titles=False), TRAINING)
    assert plan.steps == 2 * plan.epoch_steps
    assert seconds > 0
    assert memory is None or memory > 0


def test_the_estimate_of_a_fine_tuned_run_is_of_the_vocabulary_that_it_will_have(
    corpus: Corpus, tmp_path: Path
) -> None:
    small = replace(MODEL, ear="none", titles=False)
    base = PoetryModel(small, Vocabulary("山水风月龍龜"))
    training, notes = replace(TRAINING, max_steps=1, min_count=3), Notes()
    planned, *_ = estimate(corpus, small, training, base=base)
    run = fit(corpus, tmp_path, small, training, base=base, listeners=[notes])
    (plan,) = notes.plans
    assert (planned.vocabulary, planned.parameters) == (plan.vocabulary, plan.parameters)
    assert estimate(corpus, small, training, run=run)[0].vocabulary == plan.vocabulary
    assert planned.vocabulary > estimate(corpus, small, training)[0].vocabulary


@pytest.mark.ci
def test_a_figure_that_is_not_finite_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    wild = TrainingConfig(max_steps=1, min_count=1, learning_rate=1e30, warmup_steps=0, precision="float32")
    with pytest.raises(TangshiError, match=r"A finite validation figure is required\. Received: (nan|inf) after"):
        fit(corpus, tmp_path / "run", MODEL, wild, listeners=[Notes()])
    fit(corpus, tmp_path / "run", MODEL, replace(wild, learning_rate=1e-3), listeners=[Notes()])  # it is not in the way


@pytest.mark.ci
def test_a_finished_run_without_a_checkpoint_is_not_begun_again_unasked(corpus: Corpus, tmp_path: Path) -> None:
    fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[Notes()])
    (tmp_path / "run" / "checkpoint.h5").unlink()
    with pytest.raises(CheckpointError, match=r"checkpoint\.h5\. Received none: it is gone\."):
        fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[Notes()], begin="resume")
    (tmp_path / "run" / "digests.json").unlink()  # as in a run of version 0.1
    with pytest.raises(CheckpointError, match=r"A checkpoint is required to go on: .*checkpoint\.h5. Received: none\."):
        fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[Notes()], begin="resume")
    assert len(Run(tmp_path / "run").history) == 2
