import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.errors import CheckpointError, ConfigError, VocabularyError
from tangshi_tf.files import write_text
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.trainer import Position
from tangshi_tf.vocabulary import Vocabulary

VOCABULARY = Vocabulary("山水风月，。", {"風": "风"}, rare="龙")
CONFIG = ModelConfig(units=8, embedding=6)


def make(folder: Path, **settings: Any) -> Run:
    return Run.create(folder / "run", CONFIG, TrainingConfig(seed=3), VOCABULARY, **settings)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_run_gives_back_what_it_was_given(tmp_path: Path, cell: str, tied: bool) -> None:
    config = ModelConfig(cell=cell, units=8, embedding=6, layers=2, tied=tied)
    run = Run.create(tmp_path / "a" / "run", config, TrainingConfig(seed=3), VOCABULARY)
    model = PoetryModel(config, VOCABULARY)
    run.save_weights(model)
    loaded = Run(run.folder)
    assert loaded.model_config == config
    assert loaded.training_config.seed == 3
    assert loaded.vocabulary.dumps() == VOCABULARY.dumps()
    weights = loaded.load_model().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_history_and_manifest(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert run.history == []
    run.append_history({"epoch": 1, "poem": "山水"})
    run.append_history({"epoch": 2, "poem": "风月"})
    assert [record["epoch"] for record in run.history] == [1, 2]
    run.write_manifest({"precision": "float32"})
    assert run.manifest == {"precision": "float32"}


def test_a_run_that_came_to_nothing_is_not_in_the_way(tmp_path: Path) -> None:
    make(tmp_path).write_manifest({})
    make(tmp_path)


def test_an_existing_run_is_not_overwritten_unasked(tmp_path: Path) -> None:
    make(tmp_path).append_history({"epoch": 1})
    with pytest.raises(CheckpointError, match=r"or --restart to discard it. Received an existing run"):
        make(tmp_path)
    assert len(Run(tmp_path / "run").history) == 1
    assert make(tmp_path, restart=True).history == []


def test_a_folder_with_other_files_is_never_discarded(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match="Received one with other files"):
        make(tmp_path, restart=True)
    assert (tmp_path / "run" / "thesis.txt").exists()
    assert (tmp_path / "run" / "config.json").exists()


def test_weights_of_another_vocabulary_or_configuration_are_refused(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.save_weights(PoetryModel(CONFIG, VOCABULARY))
    other = Vocabulary("水山风月，。", {"風": "风"}, rare="龙")
    write_text(run.folder / "vocabulary.txt", other.dumps())
    with pytest.raises(CheckpointError, match="Received those of another"):
        Run(run.folder).load_model()
    write_text(run.folder / "vocabulary.txt", VOCABULARY.dumps())
    config = json.loads((run.folder / "config.json").read_text())
    config["model"]["cell"] = "gru"
    write_text(run.folder / "config.json", json.dumps(config))
    with pytest.raises(CheckpointError, match="Received those of another"):
        Run(run.folder).load_model()


def test_damage_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="A training run is required"):
        Run(tmp_path)
    run = make(tmp_path)
    with pytest.raises(CheckpointError, match="Undamaged weights are required"):
        run.load_model()
    run.save_weights(PoetryModel(CONFIG, VOCABULARY))
    weights = run.folder / "best.weights.h5"
    for size in (weights.stat().st_size // 2, 10, 0):
        weights.write_bytes(weights.read_bytes()[:size])
        with pytest.raises(CheckpointError, match="Undamaged weights are required") as caught:
            run.load_model()
        assert "\n" not in str(caught.value)
    model = PoetryModel(CONFIG, VOCABULARY)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    run.save_weights(model)
    with pytest.raises(CheckpointError, match="Received: weights that are no finite numbers"):
        run.load_model()
    (run.folder / "history.jsonl").write_text("half")
    with pytest.raises(CheckpointError, match=r"An undamaged file is required: .*history.jsonl"):
        assert run.history
    (run.folder / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="A JSON file is required"):
        Run(run.folder)
    (run.folder / "config.json").write_text("{}")
    (run.folder / "vocabulary.txt").unlink()
    with pytest.raises(VocabularyError, match="A vocabulary file is required"):
        Run(run.folder)


POSITION = Position(step=7, nll=1.5, tokens=40.0)
VALUES: list[Any] = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64), np.zeros(0, np.float32)]


def test_a_checkpoint_gives_back_what_it_was_given_and_cuts_the_history(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert run.load_checkpoint() == (Position(), [], 0.0)
    run.append_history({"epoch": 1})
    run.save_checkpoint(POSITION, VALUES, 12.5)
    run.append_history({"epoch": 2})  # and then the process was killed
    position, values, seconds = Run(run.folder).load_checkpoint()
    assert (position, seconds) == (POSITION, 12.5)
    for a, b in zip(values, VALUES, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    assert run.history == [{"epoch": 1}]


def test_whichever_write_of_a_checkpoint_fails_the_last_good_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at every call that writes, in turn: opening, an attribute, an array, closing, sync, rename."""
    run = make(tmp_path)
    calls, failing = 0, 0

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise OSError(28, "No space left on device")
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for owner, name in [
            (h5py.File, "__init__"),
            (h5py.File, "close"),
            (h5py.AttributeManager, "__setitem__"),
            (h5py.Group, "create_dataset"),
            (os, "fsync"),
            (Path, "replace"),
        ]:
            patch.setattr(owner, name, watched(getattr(owner, name)))
        run.save_checkpoint(POSITION, VALUES, 1.0)
        writes, before = calls, (run.folder / "checkpoint.h5").read_bytes()
        assert writes >= 2 + 6 + len(VALUES) + 2
        for failing in range(1, writes + 1):
            calls = 0
            with pytest.raises(CheckpointError, match=r"A writable file is required: .* Received: No space left on"):
                run.save_checkpoint(Position(step=8), VALUES, 2.0)
            failing = 0
            assert (run.folder / "checkpoint.h5").read_bytes() == before
            assert run.load_checkpoint()[0] == POSITION
            assert not list(run.folder.glob(".*"))


@pytest.mark.parametrize("size", [0, 10, 500, 2_000])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, size: int) -> None:
    run = make(tmp_path)
    run.save_checkpoint(POSITION, VALUES, 1.0)
    path = run.folder / "checkpoint.h5"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="Undamaged weights are required"):
        run.load_checkpoint()


def test_a_run_of_several_epochs_without_a_checkpoint_is_not_begun_again(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.append_history({"epoch": 1})
    assert run.load_checkpoint() == (Position(), [], 0.0)  # it was killed before the first checkpoint
    assert run.history == []
    for epoch in (1, 2):
        run.append_history({"epoch": epoch})
    with pytest.raises(CheckpointError, match=r"A checkpoint is required to go on: .*checkpoint\.h5. Received: none\."):
        run.load_checkpoint()
    assert len(run.history) == 2


def test_the_best_epoch_is_that_with_the_lowest_figure(tmp_path: Path) -> None:
    run = make(tmp_path)
    with pytest.raises(
        CheckpointError, match=r"A run with at least one finished epoch is required\. Received: .*run\."
    ):
        _ = run.best
    for epoch, nll in enumerate((3.0, 2.0, 2.5), 1):
        run.append_history({"epoch": epoch, "validation_nll": nll})
    assert run.best["epoch"] == 2
