import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.errors import CheckpointError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.storage.files import write_text
from tangshi_tf.training.checkpoint import Position
from tangshi_tf.training.run_folder import Run
from tangshi_tf.vocabulary import Vocabulary
from tests.records import MANIFEST, epoch_record

VOCABULARY = Vocabulary("山水风月，。", {"風": "风"}, rare="龙", titled=True)
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
    run.append_history(epoch_record(1, poem="山\u2028水\u2029月\x85"))
    run.append_history(epoch_record(2))
    assert [record["epoch"] for record in run.history] == [1, 2]
    assert Run(run.folder).history[0]["poem"] == "山\u2028水\u2029月\x85"  # a line ends with \n alone
    run.write_manifest(MANIFEST)
    assert run.manifest == MANIFEST


def test_progress_is_the_checkpoint_without_its_variables(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert run.progress is None
    run.append_history(epoch_record(1))
    run.save_checkpoint(Position(5, 1.5, 40.0), [np.full(1000, 7.0)], 90.0)
    found = run.progress
    assert found is not None
    assert (found.position, found.seconds, found.records) == (Position(5, 1.5, 40.0), 90.0, 1)
    assert list(found.values) == []
    path = run.folder / "checkpoint.h5"
    data = path.read_bytes()
    path.write_bytes(data.replace(np.float64(7.0).tobytes(), np.float64(8.0).tobytes()))
    for look in ("progress", "checkpoint"):
        with pytest.raises(CheckpointError, match="changed or damaged since"):
            getattr(run, look)


@pytest.mark.parametrize(
    ("settings", "extends"),
    [({}, False), ({"epochs": 19}, True), ({"epochs": 17}, False), ({"minutes": 1.0}, True), ({"seed": 9}, False)],
)
def test_only_a_longer_plan_extends_a_run_and_only_one_at_its_end(
    tmp_path: Path, settings: dict[str, Any], extends: bool
) -> None:
    run = make(tmp_path)
    run.write_manifest(MANIFEST)
    longer = replace(run.training_config, **settings)
    run.save_checkpoint(Position(7), [], 1.0)
    assert not run.is_extended_by(longer)
    run.save_checkpoint(Position(8), [], 1.0)
    assert run.is_extended_by(longer) == extends


def test_a_run_that_came_to_nothing_is_not_in_the_way(tmp_path: Path) -> None:
    make(tmp_path).write_manifest(MANIFEST)
    make(tmp_path)


def test_a_vocabulary_needs_no_separator_if_no_poem_has_a_title(tmp_path: Path) -> None:
    """But without titles in the settings it must not have one."""
    run = Run.create(tmp_path / "run", CONFIG, TrainingConfig(), Vocabulary("山水"))
    assert Run(run.folder).vocabulary.separator is None
    with pytest.raises(CheckpointError, match="A vocabulary of these settings is required"):
        Run.create(tmp_path / "other", ModelConfig(units=8, titles=False), TrainingConfig(), VOCABULARY)


def test_an_existing_run_is_not_overwritten_unasked(tmp_path: Path) -> None:
    make(tmp_path).append_history(epoch_record(1))
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
    (run.folder / "digests.json").unlink()  # as in a run of version 0.1
    other = Vocabulary("水山风月，。", {"風": "风"}, rare="龙", titled=True)
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
    with pytest.raises(CheckpointError, match=r"A readable file is required: .*best\.weights\.h5"):
        run.load_model()
    run.save_weights(PoetryModel(CONFIG, VOCABULARY))
    weights = run.folder / "best.weights.h5"
    written = weights.read_bytes()
    for size in (len(written) // 2, 10, 0):
        weights.write_bytes(written[:size])
        with pytest.raises(CheckpointError, match="The file that was written is required"):
            run.load_model()
        (run.folder / "digests.json").unlink(missing_ok=True)
        with pytest.raises(CheckpointError, match="Undamaged weights are required") as caught:
            Run(run.folder).load_model()
        assert "\n" not in str(caught.value)
    model = PoetryModel(CONFIG, VOCABULARY)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    run.save_weights(model)
    with pytest.raises(CheckpointError, match="Received: weights that are no finite numbers"):
        run.load_model()
    (run.folder / "history.jsonl").write_text("half")
    with pytest.raises(CheckpointError, match=r"A file of whole lines is required: .*history.jsonl"):
        assert run.history
    (run.folder / "digests.json").unlink()
    for text in ("{", "{}", '{"model": [], "training": {}}', '{"model": {"units": -1}, "training": {}}'):
        (run.folder / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"required.*config\.json"):
            Run(run.folder)
    (run.folder / "config.json").write_text('{"model": {}, "training": {}}')
    (run.folder / "vocabulary.txt").unlink()
    with pytest.raises(CheckpointError, match=r"A readable file is required: .*vocabulary\.txt"):
        Run(run.folder)


POSITION = Position(step=7, nll=1.5, tokens=40.0)
VALUES: list[Any] = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64), np.zeros(0, np.float32)]


def test_a_checkpoint_gives_back_what_it_was_given_and_cuts_the_history(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert run.load_checkpoint() == (Position(), (), 0.0)
    run.append_history(epoch_record(1))
    run.save_checkpoint(POSITION, VALUES, 12.5)
    run.append_history(epoch_record(2))  # and then the process was killed
    position, values, seconds = Run(run.folder).load_checkpoint()
    assert (position, seconds) == (POSITION, 12.5)
    for a, b in zip(values, VALUES, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    assert run.history == [epoch_record(1)]


def test_whichever_write_of_a_checkpoint_fails_the_last_good_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at every call that writes, in turn: opening, writing, sync, rename; of digest and checkpoint."""
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

    run.save_checkpoint(POSITION, VALUES, 1.0)
    before = (run.folder / "checkpoint.h5").read_bytes()
    with monkeypatch.context() as patch:
        for owner, name in [(os, "open"), (os, "write"), (os, "fsync"), (Path, "replace")]:
            patch.setattr(owner, name, watched(getattr(owner, name)))
        run.save_checkpoint(POSITION, VALUES, 1.0)
        writes = calls
        assert writes >= 2 * 4
        for number in range(1, writes + 1):
            calls, failing = 0, number
            try:
                run.save_checkpoint(Position(step=8), VALUES, 2.0)
            except CheckpointError as error:
                failing = 0
                assert "No space left on device" in str(error)  # noqa: PT017
                assert (run.folder / "checkpoint.h5").read_bytes() == before
            failing = 0
            assert Run(run.folder).load_checkpoint()[0] in (POSITION, Position(step=8))
            run.save_checkpoint(POSITION, VALUES, 1.0)
            assert not list(run.folder.glob(".*"))


@pytest.mark.parametrize("size", [0, 10, 500, 2_000])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, size: int) -> None:
    run = make(tmp_path)
    run.save_checkpoint(POSITION, VALUES, 1.0)
    path = run.folder / "checkpoint.h5"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="The file that was written is required"):
        run.load_checkpoint()
    (run.folder / "digests.json").unlink()
    with pytest.raises(CheckpointError, match="Undamaged weights are required"):
        Run(run.folder).load_checkpoint()


def test_a_run_of_several_epochs_without_a_checkpoint_is_not_begun_again(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.append_history(epoch_record(1))
    assert run.load_checkpoint() == (Position(), (), 0.0)  # it was killed before the first checkpoint
    assert run.history == []
    for epoch in (1, 2):
        run.append_history(epoch_record(epoch))
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
        run.append_history(epoch_record(epoch, validation_nll=nll))
    assert run.best["epoch"] == 2
