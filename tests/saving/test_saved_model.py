import copy
import json
import re
import runpy
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig, from_dict
from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.errors import CheckpointError, CorpusError, ModelError
from tangshi_tf.evaluation.perplexity import evaluate
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.model_card import results_of
from tangshi_tf.saving.saved_model import export_again, export_model, load, load_model, load_poet, publish
from tangshi_tf.training.checkpoint import Position
from tangshi_tf.training.listeners import EpochReport, RunPlan
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.trainer import Progress
from tangshi_tf.vocabulary import Vocabulary
from tests.conftest import OnceMaker
from tests.paths import ROOT
from tests.records import epoch_record

EXAMPLE = ROOT / "examples" / "plain_tensorflow.py"


@pytest.fixture(scope="module")
def described(lstm: PoetryModel, make_once: OnceMaker) -> Path:
    """A version with a card and metadata."""
    metadata = {"perplexity": {"test": 63.0}, "package": "0.1.0"}
    readme = "# 诗\n\nMade by hand.\n"
    return make_once("described", lambda made: export_model(lstm, made, readme=readme, metadata=metadata)) / "1"


def test_a_folder_describes_itself(lstm: PoetryModel, described: Path) -> None:
    extra = described / "assets.extra"
    config = json.loads((extra / "config.json").read_text(encoding="utf-8"))
    assert config["format"] == 1
    assert from_dict(ModelConfig, config["model"]) == lstm.config
    assert config["tensorflow"] == tf.__version__
    assert config["perplexity"] == {"test": 63.0}
    readme = (extra / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# 诗\n\nMade by hand.\n\n## What the loaded object offers\n")
    poet = load(described)
    assert poet.about().numpy().decode() in readme
    assert Vocabulary.load(extra / "vocabulary.txt").tokens == lstm.vocabulary.tokens


def test_the_default_readme_tells_how_to_load(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (folder / "assets.extra" / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    exec(code.replace("PATH/OF/THIS/FOLDER", str(folder)), {})
    assert capsys.readouterr().out.startswith("山")


def test_the_model_comes_back(lstm: PoetryModel, folder: Path) -> None:
    model = PoetryModel.from_saved_model(folder)
    for ours, theirs in zip(lstm.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.ci
def test_the_default_model_is_small_enough_for_the_box(tmp_path: Path) -> None:
    model = PoetryModel(ModelConfig(), Vocabulary([chr(0x4E00 + i) for i in range(6000)]))
    folder = export_model(model, tmp_path)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    weights = 4 * sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert size < weights + 2_000_000
    assert size < 25_000_000


def full_disk(*args: Any, **kwargs: Any) -> None:
    (Path(args[1]) / "variables").mkdir(parents=True)
    raise tf.errors.ResourceExhaustedError(None, None, "No space left on device\nmore")


def read_only(*args: Any, **kwargs: Any) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("failure", [full_disk, pytest.param(read_only, marks=pytest.mark.ci)])
def test_a_failed_export_leaves_nothing(
    lstm: PoetryModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[..., None]
) -> None:
    monkeypatch.setattr(tf.saved_model, "save", failure)
    with pytest.raises(ModelError, match="A writable folder is required") as caught:
        export_model(lstm, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ci
def test_a_file_in_the_way(lstm: PoetryModel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="A writable folder is required"):
        export_model(lstm, tmp_path / "file" / "models")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    path.write_bytes(b"\x07" * 1000)


def remove(path: Path) -> None:
    path.unlink()


WAYS: list[Callable[[Path], None]] = [cut, scramble, remove]
DAMAGES = [
    (name, damage)
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
    for damage in WAYS
    if damage is not scramble or "data" not in name  # values are not checked when they are read
]
DAMAGES += [("assets.extra/config.json", damage) for damage in WAYS]
DAMAGES += [("fingerprint.pb", damage) for damage in (cut, scramble)]  # one that is removed is no damage


@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damaged_folder_is_one_line_of_error(
    folder: Path, tmp_path: Path, name: str, damage: Callable[[Path], None], digests: bool
) -> None:
    """Versions of 0.1 have no digests."""
    for path in folder.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    damage(tmp_path / name)
    if not digests:
        (tmp_path / "assets.extra" / "digests.json").unlink()
    with pytest.raises(ModelError, match="required") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_foreign_or_later_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="written by tangshi-tf is required"):
        load(tmp_path / "missing")
    tf.saved_model.save(tf.Module(), str(tmp_path / "foreign"))
    with pytest.raises(ModelError, match="written by tangshi-tf is required"):
        load(tmp_path / "foreign")
    extra = tmp_path / "foreign" / "assets.extra"
    extra.mkdir()
    (extra / "config.json").write_text('{"format": 1, "model": {}, "tensorflow": "2.21.0"}')
    with pytest.raises(ModelError, match="a function generate"):
        load(tmp_path / "foreign")
    (extra / "config.json").write_text('{"format": 2}')
    with pytest.raises(ModelError, match="of format 1 is required"):
        load(tmp_path / "foreign")


@pytest.mark.ci
def test_the_example_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE))["main"](str(folder))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["signature", "function", "steps", "perplexity"]


@pytest.mark.parametrize("opened", [load, PoetryModel.from_saved_model])
def test_another_format_and_damage_are_refused_by_both_ways_in(
    folder: Path, tmp_path: Path, opened: Callable[[Path], object]
) -> None:
    copy = tmp_path / "1"
    shutil.copytree(folder, copy)
    config = copy / "assets.extra" / "config.json"
    text = config.read_text(encoding="utf-8")
    digests = copy / "assets.extra" / "digests.json"
    for damaged, message in [
        (text + "\n", "The file that was written is required: .*config.json. Received one that was changed"),
        (text.replace('"format": 1', '"format": 99'), "of format 1 is required: .* Received: format 99"),
        ("{", "An undamaged JSON file is required"),
    ]:
        config.write_text(damaged, encoding="utf-8")
        if damaged != text + "\n":
            digests.unlink(missing_ok=True)  # as in a version of 0.1
        with pytest.raises(ModelError, match=message) as caught:
            opened(copy)
        assert "\n" not in str(caught.value)
    config.write_text(text, encoding="utf-8")
    (weights,) = (copy / "variables").glob("variables.data*")
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(ModelError, match="An undamaged model folder is required"):
        opened(copy)
    with pytest.raises(ModelError, match="A model folder written by tangshi-tf is required"):
        opened(tmp_path)


def test_a_run_without_an_epoch_is_not_published(mini_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(mini_folder / "runs" / "mini", tmp_path / "run")
    for name in ("history.jsonl", "checkpoint.h5", "digests.json"):
        (folder / name).unlink()
    run = Run(folder)
    with pytest.raises(CheckpointError, match="A run that has saved a checkpoint is required"):
        publish(run, tmp_path / "saved_models", read_corpus([mini_folder / "poems.txt"]))
    assert not (tmp_path / "saved_models").exists()


def test_an_export_beside_training_leaves_the_run_as_it_is(mini_folder: Path, tmp_path: Path) -> None:
    """Training writes the history before the checkpoint: then there is one line more than the checkpoint knows."""
    folder = shutil.copytree(mini_folder / "runs" / "mini", tmp_path / "run")
    run = Run(folder)
    _, values, seconds = run.load_checkpoint()
    run.save_checkpoint(Position(1), values, seconds)
    run.append_history({**run.steps[-1], "step": run.steps[-1]["step"] + 1})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    publish(Run(folder), tmp_path / "saved_models", read_corpus([mini_folder / "poems.txt"]), last=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def train_on(run: Run) -> None:
    """Write what a third epoch writes, the best so far."""
    model = run.load_model()
    model.set_weights([weight + 0.01 for weight in model.get_weights()])
    run.save_weights(model)
    run.append_history(epoch_record(3, validation_nll=0.1))


def test_a_run_that_is_trained_on_while_it_is_scored_is_told_of_as_it_was(
    mini_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(shutil.copytree(mini_folder / "runs" / "mini", tmp_path / "run"))
    weights = run.weights_digest()

    def score(*args: Any) -> Any:
        train_on(run)
        return results_of(*args)

    monkeypatch.setattr("tangshi_tf.saving.saved_model.results_of", score)
    path = publish(Run(run.folder), tmp_path / "saved_models", read_corpus([mini_folder / "poems.txt"]))
    card = (path / "assets.extra" / "README.md").read_text(encoding="utf-8")
    config = json.loads((path / "assets.extra" / "config.json").read_text(encoding="utf-8"))
    assert re.search(r"those after epoch [12] of the 2 trained", card)
    assert config["weights"] == weights != run.weights_digest()


def test_weights_that_are_replaced_while_they_are_read_are_not_published(
    mini_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, read = Run(shutil.copytree(mini_folder / "runs" / "mini", tmp_path / "run")), Run.load_model

    def load_while_training(*args: Any, **kwargs: Any) -> PoetryModel:
        loaded = read(*args, **kwargs)
        monkeypatch.setattr(Run, "load_model", read)
        train_on(run)
        return loaded

    monkeypatch.setattr(Run, "load_model", load_while_training)
    with pytest.raises(CheckpointError, match="Weights that stay while they are read are required"):
        publish(Run(run.folder), tmp_path / "saved_models", read_corpus([mini_folder / "poems.txt"]))
    assert not (tmp_path / "saved_models").exists()


def test_a_run_whose_corpus_alone_makes_no_vocabulary_is_published(lstm: PoetryModel, tmp_path: Path) -> None:
    """It has that of its base, and no character of its own is frequent enough."""
    corpus = read_corpus()
    few = Corpus({split: corpus.poems(split)[:12] for split in corpus.splits}, {})
    training = TrainingConfig(max_steps=1, min_count=10**6, precision="float32")
    run = fit(few, tmp_path / "run", training_config=training, base=lstm)
    assert run is not None
    assert publish(run, tmp_path / "saved_models", few).name == "1"


def test_a_damaged_checkpoint_does_not_keep_the_best_weights_back(mini_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(mini_folder / "runs" / "mini", tmp_path / "run")
    (folder / "checkpoint.h5").write_bytes(b"damaged")
    corpus = read_corpus([mini_folder / "poems.txt"])
    assert publish(Run(folder), tmp_path / "saved_models", corpus).name == "1"
    with pytest.raises(CheckpointError, match=r"checkpoint.h5. Received one that was changed or damaged since"):
        publish(Run(folder), tmp_path / "saved_models", corpus, last=True)


def test_the_last_weights_are_exported_if_asked_for_or_if_no_epoch_is_finished(
    mini_folder: Path, tmp_path: Path
) -> None:
    run, corpus = Run(mini_folder / "runs" / "mini"), read_corpus([mini_folder / "poems.txt"])
    wanted = run.load_checkpoint()[1]
    path = publish(run, tmp_path / "saved_models", corpus, last=True)
    weights = PoetryModel.from_saved_model(path).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(weights, wanted[: len(weights)], strict=True))
    steps = run.manifest["steps"]
    card = (path / "assets.extra" / "README.md").read_text(encoding="utf-8")
    assert f"the weights are those after step {steps:,} of {steps:,}, the last that were saved." in card
    assert not any(np.isnan(weight).any() for weight in weights)

    # One that was stopped before its first epoch was over.
    folder = shutil.copytree(run.folder, tmp_path / "run")
    for name in ("history.jsonl", "best.weights.h5", "digests.json"):
        (folder / name).unlink()
    begun = Run(folder)
    begun.save_checkpoint(Position(1), wanted, 90.0)
    again = publish(begun, tmp_path / "saved_models", corpus)
    card = (again / "assets.extra" / "README.md").read_text(encoding="utf-8")
    assert f"the weights are those after step 1 of {steps:,}, the last that were saved." in card
    assert " in 1.5 minutes (" in card


def test_a_run_is_published_with_its_own_corpus_only(mini_folder: Path, tmp_path: Path) -> None:
    corpus = read_corpus([mini_folder / "poems.txt"])
    other = Corpus({**corpus.splits, "test": corpus.splits["validation"]}, {})
    run = Run(mini_folder / "runs" / "mini")
    with pytest.raises(CorpusError, match=r"The corpus that .*mini was trained on is required. Received: another one."):
        publish(run, tmp_path / "saved_models", other)
    assert not (tmp_path / "saved_models").exists()


def test_what_is_published_are_the_best_weights_and_their_figures(mini_folder: Path) -> None:
    corpus, run = read_corpus([mini_folder / "poems.txt"]), Run(mini_folder / "runs" / "mini")
    version = mini_folder / "saved_models" / "mini" / "1"
    extra = version / "assets.extra"
    config = json.loads((extra / "config.json").read_text(encoding="utf-8"))
    assert (config["training"], config["manifest"]) == (asdict(run.training_config), run.manifest)
    assert set(config["perplexity"]) == {"validation", "test", "validation, titled", "test, titled"}
    model = PoetryModel.from_saved_model(version)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), run.load_model().get_weights(), strict=True))
    total = evaluate(model, corpus.texts("validation")).total
    assert config["perplexity"]["validation"] == pytest.approx(total.perplexity, rel=1e-6)
    readme = (extra / "README.md").read_text(encoding="utf-8")
    assert f"{total.perplexity:.2f}" in readme
    assert readme.count("\n- ") == 10
    assert "## What the loaded object offers" in readme
    poet = load(version)
    scores = poet.score(corpus.texts("validation"))
    assert float(tf.reduce_sum(scores["nll"])) == pytest.approx(total.nll, rel=1e-4)


@pytest.mark.ci
def test_a_run_that_was_stopped_is_published(tmp_path: Path, mini_folder: Path) -> None:
    class Impatient:
        def planned(self, plan: RunPlan) -> None:
            pass

        def progressed(self, progress: Progress) -> None:
            pass

        def validated(self, report: EpochReport) -> None:
            raise KeyboardInterrupt

    corpus, folder = read_corpus([mini_folder / "poems.txt"]), tmp_path / "run"
    model, training = ModelConfig(units=16, embedding=12), TrainingConfig(epochs=2, min_count=1, token_budget=1_000)
    with pytest.raises(KeyboardInterrupt):
        fit(corpus, folder, model, training, listeners=[Impatient()])
    version = publish(Run(folder), tmp_path / "saved_models", corpus)
    assert "after epoch 1 of the 1 trained" in (version / "assets.extra" / "README.md").read_text(encoding="utf-8")


def variables_of(version: Path) -> dict[str, bytes]:
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("weights/")]
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names}


def test_a_version_written_once_more_keeps_weights_card_and_metadata(
    lstm: PoetryModel, loaded: Any, described: Path, tmp_path: Path
) -> None:
    again = export_again(described, tmp_path / "again")
    assert variables_of(again) == variables_of(described)
    assert len(variables_of(again)) == len(lstm.weights)
    for name in ("README.md", "vocabulary.txt"):
        assert (again / "assets.extra" / name).read_bytes() == (described / "assets.extra" / name).read_bytes()
    old, new = (
        json.loads((v / "assets.extra" / "config.json").read_text(encoding="utf-8")) for v in (described, again)
    )
    assert new.pop("package") != old.pop("package")
    assert new == old
    poet = load(again)
    assert poet.generate("山", seed=1)["poem"] == loaded.generate("山", seed=1)["poem"]


@pytest.mark.ci
def test_lora_is_added_to_the_weights(lstm: PoetryModel, tmp_path: Path) -> None:
    model = copy.copy(lstm)
    model.embedding.enable_lora(2)
    model.embedding.lora_embeddings_b.assign_add(tf.ones_like(model.embedding.lora_embeddings_b))
    again = PoetryModel.from_saved_model(export_model(model, tmp_path))
    x = np.array([[1, 5, 6]], np.int32)
    np.testing.assert_allclose(again(x), model(x), rtol=1e-4, atol=1e-5)
    assert not np.allclose(again(x), lstm(x))


def test_models_are_found_by_name_and_by_path(lstm: PoetryModel, folder: Path, tmp_path: Path) -> None:
    one, two = load_poet(folder), load_poet(folder.parent)
    assert one.generate("山", seed=1)["poem"] == two.generate("山", seed=1)["poem"]
    lstm.save(tmp_path / "x.keras")
    for model in (load_model(folder), load_model(str(folder.parent)), load_model(tmp_path / "x.keras")):
        for ours, theirs in zip(lstm.get_weights(), model.get_weights(), strict=True):
            assert np.array_equal(ours, theirs)
    assert load_model().config.units == 640
    with pytest.raises(ModelError, match=r"A name in \./saved_models"):
        load_poet("nosuch")


def test_a_file_of_something_else_is_an_error(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    (tmp_path / "empty.keras").touch()
    for name in ("other", "empty", "missing"):
        with pytest.raises(ModelError, match="A file of a PoetryModel is required"):
            load_model(tmp_path / f"{name}.keras")
