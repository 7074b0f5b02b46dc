import math
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, Poem
from tangshi_tf.errors import TangshiError
from tangshi_tf.evaluation.perplexity import evaluate
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training import validator as module
from tangshi_tf.training.listeners import EpochReport, RunPlan, Sample
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import make_task
from tangshi_tf.training.trainer import Progress
from tangshi_tf.training.validator import Validator
from tests.records import epoch_record

MODEL = ModelConfig(units=8, embedding=8, dropout=0.0, ear="none", titles=False)
TRAINING = TrainingConfig(min_count=1, precision="float32")
POEMS = Corpus(
    {
        "train": [Poem("", "", "山水风月。"), Poem("", "", "春花。")] * 9,
        "validation": [Poem("", "", "秋月龙。"), Poem("", "", "山花。")],
        "test": [],
    },
    {},
)


class Notes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.plans: list[RunPlan] = []
        self.steps: list[int] = []
        self.epochs: list[EpochReport] = []

    def planned(self, plan: RunPlan) -> None:
        self.plans.append(plan)

    def progressed(self, progress: Progress) -> None:
        self.steps.append(progress.step)

    def validated(self, report: EpochReport) -> None:
        self.epochs.append(report)


def at(epoch: int, ended: bool = True) -> Progress:
    return Progress(epoch, 10 * epoch, 40, 2.5, 2.25, 1_000.0, 9.0, 0.001, epoch_ended=ended)


def start(folder: Path) -> tuple[Run, PoetryModel, Notes, Validator]:
    keras.utils.set_random_seed(0)
    task = make_task(POEMS, MODEL, TRAINING)
    run = Run.create(folder / "run", MODEL, TRAINING, task.vocabulary)
    model, notes = PoetryModel(MODEL, task.vocabulary), Notes()
    return run, model, notes, Validator(run, model, task, [notes], time.monotonic())


def test_the_best_weights_are_kept_and_every_epoch_is_told(tmp_path: Path) -> None:
    run, model, notes, validator = start(tmp_path)
    bias = model.logit_bias.numpy()
    good, better, bad = (bias + shift * np.eye(len(bias))[model.vocabulary.ids["。"]] for shift in (0, 1, 30))
    for epoch, values in enumerate((good, bad, better, bad), 1):
        model.logit_bias.assign(values)
        validator.follow(at(epoch))
        kept = run.load_model().logit_bias.numpy()
        assert np.array_equal(kept, (good if epoch < 3 else better).astype(np.float32))
    assert [report.best for report in notes.epochs] == [True, False, True, False]
    assert [record["epoch"] for record in run.history] == [1, 2, 3, 4]
    assert run.best["epoch"] == 3
    model.logit_bias.assign(better)
    total = evaluate(model, POEMS.texts("validation")).total
    assert run.best["validation_nll"] == pytest.approx(total.nll / total.tokens, rel=1e-5)
    report = notes.epochs[2]
    assert report.validation_perplexity == pytest.approx(math.exp(report.validation_nll))
    assert report.target == "·月·。"  # what is not in the vocabulary prints as nothing
    assert len(report.predicted) == len(report.target) + 1
    assert {"step": 30, "learning_rate": 0.001}.items() <= run.history[2].items()


def test_between_epochs_nothing_is_validated(tmp_path: Path) -> None:
    run, _, notes, validator = start(tmp_path)
    validator.follow(at(1, ended=False))
    assert notes.steps == [10]
    assert (notes.epochs, run.history) == ([], [])


def test_patience_is_of_epochs_since_the_best(tmp_path: Path) -> None:
    run, _, _, validator = start(tmp_path)
    assert not validator.out_of_patience(1)
    found = []
    for epoch, nll in enumerate((3.0, 2.0, 2.5, 2.0, 2.1), 1):
        run.append_history(epoch_record(epoch, validation_nll=nll))
        found.append([validator.out_of_patience(patience) for patience in (0, 1, 2, 3)])
    assert found == [
        [False, False, False, False],
        [False, False, False, False],
        [False, True, False, False],
        [False, True, True, False],
        [False, True, True, True],
    ]


def test_a_figure_that_is_no_number_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    run, model, notes, validator = start(tmp_path)
    model.logit_bias.assign(np.full(len(model.vocabulary), np.nan))
    with pytest.raises(TangshiError, match=r"A finite validation figure is required\. Received: nan after epoch 1;"):
        validator.follow(at(1))
    assert (notes.epochs, run.history) == ([], [])
    assert not (run.folder / "best.weights.h5").exists()


class Readers(Notes):
    """Listeners that want samples."""

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Sample] = []

    def sampled(self, sample: Sample) -> None:
        self.samples.append(sample)


def test_samples_come_between_epochs_and_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_SAMPLE", 0.0)
    run, model, _, _ = start(tmp_path)
    readers = Readers()
    validator = Validator(run, model, make_task(POEMS, MODEL, TRAINING), [Notes(), readers], time.monotonic())
    before = [np.array(variable) for variable in model.variables]
    for _ in range(3):
        validator.follow(at(1, ended=False))
    assert [sample.step for sample in readers.samples] == [10]  # the next one is minutes away
    assert all(np.array_equal(old, np.array(new)) for old, new in zip(before, model.variables, strict=True))
    monkeypatch.setattr(module, "_SAMPLES", 0.0)
    validator.follow(at(1))
    assert readers.epochs[0].poem == readers.samples[0].text
    validator.follow(at(2, ended=False))
    assert [sample.step for sample in readers.samples] == [10, 20]
