"""What version 0.1.0 has written is read as it was meant: models write the same, and stopped runs go on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.corpus.prose import Prose, read_prose
from tangshi_tf.evaluation.perplexity import evaluate, perplexity, stream_evaluator
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import load
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run

HERE = Path(__file__).parents[1] / "fixtures" / "0.1.0"
POEMS = ModelConfig(units=12, embedding=8, dropout=0.2)
MODELS = {"poems": POEMS, "prose": replace(POEMS, text="prose", ear="none", titles=False)}
TRAINING = TrainingConfig(
    epochs=4,
    min_count=1,
    token_budget=300,
    batch_size=6,
    sequence_length=40,
    learning_rate=0.01,
    precision="float32",
)


class Written(NamedTuple):
    """A folder with what 0.1.0 wrote, and what it found when it did."""

    kind: str
    folder: Path
    expected: dict[str, Any]


@pytest.fixture(scope="module", params=["poems", pytest.param("prose", marks=pytest.mark.ci)])
def written(request: pytest.FixtureRequest) -> Written:
    expected = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    return Written(request.param, HERE / request.param, expected[request.param])


@pytest.fixture(scope="module")
def texts(written: Written) -> Corpus | Prose:
    paths = [HERE / "poems.txt"]
    return read_corpus(paths) if written.kind == "poems" else read_prose(paths)


def figure(model: PoetryModel, texts: Corpus | Prose) -> float:
    """Return the perplexity of the validation split."""
    if isinstance(texts, Corpus):
        return evaluate(model, texts.texts("validation")).total.perplexity
    return perplexity(*stream_evaluator(model, texts.ids(model.vocabulary, "validation"))())


def test_a_version_writes_what_it_wrote(written: Written) -> None:
    poet = load(written.folder / "version")
    answer = poet.generate("山", seed=3)
    assert answer["poem"].numpy()[0].decode() == written.expected["poem"]
    assert answer["log_probability"].numpy()[0] == pytest.approx(written.expected["log_probability"], rel=1e-5)
    if "verse" in written.expected:
        verse = poet.generate("山", form="五绝", seed=4)
        assert [verse["poem"].numpy()[0].decode(), verse["problem"].numpy()[0].decode()] == written.expected["verse"]


def test_a_model_made_of_a_version_has_its_perplexity_and_writes_the_same(
    written: Written, texts: Corpus | Prose
) -> None:
    model = PoetryModel.from_saved_model(written.folder / "version")
    assert model.config == MODELS[written.kind]
    best = written.expected.get("perplexity", written.expected["manifest_perplexity"])
    assert figure(model, texts) == pytest.approx(best, rel=1e-5)
    poet = Poet(model)  # a name of its own keeps it alive
    assert poet.generate("山", seed=3)["poem"].numpy()[0].decode() == written.expected["poem"]


def test_a_run_can_be_read(written: Written, texts: Corpus | Prose) -> None:
    run = Run(written.folder / "run")
    assert (run.model_config, run.training_config) == (MODELS[written.kind], TRAINING)
    assert run.manifest["package"] == "0.1.0"
    assert len(run.history) == 1
    assert figure(run.load_model(), texts) == pytest.approx(np.exp(written.expected["validation"][0]), rel=1e-5)


def test_a_stopped_run_goes_on_as_if_it_had_never_been_stopped(
    written: Written, texts: Corpus | Prose, tmp_path: Path
) -> None:
    shutil.copytree(written.folder / "run", tmp_path / "run")
    run = fit(texts, tmp_path / "run", MODELS[written.kind], TRAINING, begin="resume")
    assert run is not None
    for name, figures in (("loss", "losses"), ("validation_nll", "validation")):
        np.testing.assert_allclose([record[name] for record in run.history], written.expected[figures], rtol=1e-5)
