"""What every cell must do, with an ear for verse and titles, without, and of prose.

In one table: {rnn, lstm, gru} x {ear, none, prose} x {checkpoint, resume, SavedModel, mirrored, bfloat16}. A part of it
that has every cell, every kind and every check is run by CI, two checks of it always, the rest on request.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.corpus.prose import Prose, read_prose
from tangshi_tf.errors import StoppedError
from tangshi_tf.evaluation.perplexity import evaluate, stream_evaluator
from tangshi_tf.saving.saved_model import export_model, load
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run

TRAINING = TrainingConfig(
    epochs=3,
    min_count=1,
    token_budget=400,
    batch_size=9,
    sequence_length=40,
    learning_rate=0.01,
    precision="float32",
)
KINDS = {
    "ear": ModelConfig(units=16, layers=2, embedding=12, dropout=0.2),
    "none": ModelConfig(units=16, layers=2, embedding=12, dropout=0.2, ear="none", titles=False),
    "prose": ModelConfig(text="prose", units=16, layers=2, embedding=12, dropout=0.2, ear="none", titles=False),
}


CELLS = ("rnn", "lstm", "gru")
CI = [("lstm", "ear"), ("gru", "none"), ("rnn", "prose")]


@pytest.fixture(scope="module")
def row(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A cell and a kind."""
    return tuple(request.param)


@pytest.fixture(scope="module")
def corpus(row: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Corpus | Prose:
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) < 70][:60]
    path = tmp_path_factory.mktemp("corpus") / "poems.txt"
    path.write_text("".join(f"{poem.title}:{poem.text}\n" for poem in poems), encoding="utf-8")
    return read_prose([path]) if row[1] == "prose" else read_corpus([path])


@pytest.fixture(scope="module")
def whole(row: tuple[str, str], corpus: Corpus | Prose, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run from beginning to end on one device in float32, two layers, dropout on."""
    cell, kind = row
    run = fit(corpus, tmp_path_factory.mktemp("runs") / "whole", replace(KINDS[kind], cell=cell), TRAINING)
    assert run is not None
    return run


def losses(run: Run | None) -> list[float]:
    assert run is not None
    return [record["loss"] for record in run.history]


def checkpoint(whole: Run, corpus: Corpus | Prose, folder: Path, strategy: Any) -> None:
    position, values, _ = whole.load_checkpoint()
    assert position.step == whole.manifest["steps"]
    opened = Run(whole.folder)
    assert len(values) > 2 * len(opened.load_model().get_weights())
    opened.save_checkpoint(position, values, 1.0)
    assert all(np.array_equal(a, b) for a, b in zip(opened.load_checkpoint()[1], values, strict=True))


def resume(whole: Run, corpus: Corpus | Prose, folder: Path, strategy: Any) -> None:
    with pytest.raises(StoppedError):
        fit(corpus, folder / "run", whole.model_config, TRAINING, stop=lambda: True)
    run = fit(corpus, folder / "run", whole.model_config, TRAINING, begin="resume")
    assert losses(run) == losses(whole)
    assert run is not None
    for a, b in zip(run.load_checkpoint()[1], whole.load_checkpoint()[1], strict=True):
        np.testing.assert_array_equal(a, b)


def saved_model(whole: Run, corpus: Corpus | Prose, folder: Path, strategy: Any) -> None:
    model = whole.load_model()
    poet = load(export_model(model, folder / "models"))
    if isinstance(corpus, Prose):
        stream = corpus.ids(model.vocabulary, "validation")
        expected, _ = stream_evaluator(model, stream)()
        texts = ["".join(corpus.types[i] for i in corpus.part("validation"))]
    else:
        texts = corpus.texts("validation")
        expected = evaluate(model, texts).total.nll
    assert float(tf.reduce_sum(poet.score(texts)["nll"])) == pytest.approx(expected, rel=1e-4)


def mirrored(whole: Run, corpus: Corpus | Prose, folder: Path, strategy: Any) -> None:
    run = fit(corpus, folder / "run", whole.model_config, TRAINING, strategy=strategy)
    np.testing.assert_allclose(losses(run), losses(whole), rtol=1e-5)


def bfloat16(whole: Run, corpus: Corpus | Prose, folder: Path, strategy: Any) -> None:
    run = fit(corpus, folder / "run", whole.model_config, replace(TRAINING, precision="bfloat16"))
    np.testing.assert_allclose(losses(run), losses(whole), rtol=0.03)


CHECKS: list[Callable[..., None]] = [checkpoint, resume, saved_model, mirrored, bfloat16]
QUICK = [("rnn", "prose", resume), ("rnn", "prose", saved_model)]


def tier(cell: str, kind: str, check: Callable[..., None]) -> list[pytest.MarkDecorator]:
    if (cell, kind, check) in QUICK:
        return []
    return [pytest.mark.ci if (cell, kind) in CI else pytest.mark.long]


@pytest.mark.parametrize(
    ("row", "check"),
    [
        pytest.param((cell, kind), check, id=f"{cell}-{kind}-{check.__name__}", marks=tier(cell, kind, check))
        for kind in KINDS
        for cell in CELLS
        for check in CHECKS
    ],
    indirect=["row"],
)
def test_every_cell(
    check: Callable[..., None], whole: Run, corpus: Corpus | Prose, tmp_path: Path, two_replicas: Any
) -> None:
    check(whole, corpus, tmp_path, two_replicas)
