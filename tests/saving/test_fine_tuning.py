"""A model that begins with the weights of another one, from the command line to its card."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tangshi_tf.cli import main
from tangshi_tf.config import TrainingConfig
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.errors import CheckpointError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.fine_tuning import BASE, gained
from tangshi_tf.storage.version_folder import read_version, version_vocabulary
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run

TRAINING = TrainingConfig(epochs=1, min_count=1, token_budget=100, precision="float32", cooccurrence=False)


@pytest.fixture
def poems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    chosen = [poem for poem in read_corpus().poems("test") if len(poem.text) < 30][:12]
    (tmp_path / "poems.txt").write_text("".join(f"{p.title}:{p.text}\n" for p in chosen), encoding="utf-8")
    return tmp_path / "poems.txt"


def test_fit_from_a_model_tells_what_it_gained(mini_folder: Path, poems: Path) -> None:
    base = mini_folder / "saved_models" / "mini" / "1"
    command = f"fit poems.txt --from {base} --name mine --epochs 2 --min-count 2 --precision float32"
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 0, result.output
    run, version = Run(Path("runs/mine")), Path("saved_models/mine/1")
    assert run.base == str(base)
    tokens, before = run.vocabulary.tokens, version_vocabulary(base).tokens
    assert tokens[: len(before)] == before
    assert len(tokens) > len(before)
    assert (run.model_config.units, run.model_config.cell) == (16, "lstm")
    gain = gained(run, version)
    assert gain is not None
    assert gain.before == run.manifest["base"]["validation_perplexity"]
    assert gain.after == run.best["validation_perplexity"]
    assert gain.base_before is gain.base_after is None  # it has not learnt the shipped poems: forgetting is not known
    assert f"validation perplexity before {gain.before:.2f}, after {gain.after:.2f} (" in result.output
    assert BASE not in read_version(version)["perplexity"]
    again = CliRunner().invoke(
        main, ["fit", "poems.txt", "--name", "mine", "--resume", "--min-count", "2", "--precision", "float32"]
    )
    assert "The run is finished, and exported as saved_models/mine/1." in again.output


@pytest.mark.parametrize("option", ["--units 9", "--ear none", "--preset o1", "--cell gru", "--untied"])
def test_the_shape_is_that_of_the_base(mini_folder: Path, poems: Path, option: str) -> None:
    base = mini_folder / "saved_models" / "mini" / "1"
    result = CliRunner().invoke(main, f"fit poems.txt --from {base} --name mine {option}".split())
    assert result.exit_code == 1
    assert "exclude each other" in result.stderr


@pytest.mark.ci
def test_a_run_that_was_stopped_goes_on_without_its_base(
    mini_folder: Path, poems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tangshi_tf.training.session.every_second", lambda: lambda step: True)
    base = PoetryModel.from_saved_model(mini_folder / "saved_models" / "mini" / "1")
    corpus = read_corpus([poems])
    whole = fit(corpus, tmp_path / "whole", base.config, TRAINING, base=base)
    assert whole is not None
    asked = iter(range(99))
    with pytest.raises(CheckpointError, match="Stopped after step 2"):
        fit(corpus, tmp_path / "run", base.config, TRAINING, base=base, stop=lambda: next(asked) == 1)
    run = fit(corpus, tmp_path / "run", base.config, TRAINING, begin="resume")
    assert run is not None
    for one, other in zip(run.load_checkpoint()[1], whole.load_checkpoint()[1], strict=True):
        assert one.tobytes() == other.tobytes()

    shutil.copytree(tmp_path / "run", tmp_path / "cut")
    for name in ("checkpoint.h5", "history.jsonl", "best.weights.h5", "digests.json"):
        (tmp_path / "cut" / name).unlink()
    with pytest.raises(CheckpointError, match=r"The base of .*cut is required once more"):
        fit(corpus, tmp_path / "cut", base.config, TRAINING, begin="resume")
