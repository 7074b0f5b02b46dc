import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.errors import CheckpointError, ModelError
from tangshi_tf.saving.inventory import Entry, delete, entries_to_delete, list_entries
from tangshi_tf.storage.files import locked
from tangshi_tf.training.checkpoint import Position
from tangshi_tf.training.run_folder import Run
from tangshi_tf.vocabulary import Vocabulary
from tests.paths import ROOT
from tests.records import MANIFEST, epoch_record

OLD = ROOT / "tests" / "fixtures" / "0.1.0" / "poems"


def make_run(name: str, step: int = 5) -> Path:
    """Make a run of eight steps; without any it is a new one."""
    run = Run.create(
        Path("runs") / name, ModelConfig(cell="gru", units=4, titles=False), TrainingConfig(), Vocabulary("山水")
    )
    if step:
        run.write_manifest(MANIFEST)
        run.append_history(epoch_record(1, validation_nll=2.0, validation_perplexity=7.5))
        run.append_history(epoch_record(2))
        run.save_checkpoint(Position(step), [np.zeros(3, np.float32)], 90.0)
    return run.folder


def make_version(name: str, number: int) -> Path:
    """Copy a version that 0.1.0 wrote."""
    return Path(shutil.copytree(OLD / "version", Path("saved_models") / name / str(number)))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of the user's as the current one, beside another."""
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def listed() -> dict[str, Entry]:
    return {entry.name: entry for entry in list_entries()}


def test_an_empty_folder_has_the_model_in_the_package_alone() -> None:
    (box,) = list_entries()
    assert (box.name, box.state, box.step, box.epochs) == ("tangshi/1", "included", None, None)
    assert box.test_perplexity == pytest.approx(63.04, abs=0.01)
    assert box.config is not None
    assert box.config.units == 640
    assert not list(Path().iterdir())


def test_a_run_says_where_it_stands() -> None:
    for name, step in (("begun", 0), ("half", 5), ("whole", 8), ("busy", 5)):
        make_run(name, step)
    with locked(Path("runs/busy")):
        found = listed()
    states = {name: entry.state for name, entry in found.items() if name.startswith("runs/")}
    assert states == {
        "runs/begun": "new",
        "runs/busy": "running",
        "runs/half": "stopped",
        "runs/whole": "finished",
    }
    half = found["runs/half"]
    assert (half.step, half.steps, half.epochs, half.seconds, half.parameters) == (5, 8, 2, 90.0, 345)
    assert (half.validation_perplexity, half.test_perplexity) == (7.5, None)
    assert half.config == ModelConfig(cell="gru", units=4, titles=False)
    assert half.size == sum(path.stat().st_size for path in Path("runs/half").iterdir())
    assert half.saved is not None
    assert half.saved.timestamp() == pytest.approx(time.time(), abs=60)
    begun = found["runs/begun"]
    assert (begun.step, begun.steps, begun.epochs, begun.validation_perplexity, begun.saved) == (0, 0, 0, None, None)


def test_versions_follow_each_other_by_number() -> None:
    for number in (10, 2, 1):
        make_version("mine", number)
    (Path("saved_models") / "mine" / "notes").mkdir()
    (Path("saved_models") / "mine" / ".export-x").mkdir()
    names = [entry.name for entry in list_entries()]
    assert names == ["saved_models/mine/1", "saved_models/mine/2", "saved_models/mine/10", "tangshi/1"]
    first = listed()["saved_models/mine/1"]
    config = json.loads((first.path / "assets.extra" / "config.json").read_text(encoding="utf-8"))
    assert first.state == "exported"
    assert first.test_perplexity == config["perplexity"]["test"]
    assert first.parameters == config["manifest"]["parameters"]


@pytest.mark.parametrize("damage", ["cut", "folder", "pipe", "missing"])
def test_what_is_damaged_is_listed_beside_the_rest(damage: str) -> None:
    files = [make_run("hurt") / "config.json", make_version("hurt", 1) / "assets.extra" / "config.json"]
    make_run("well")
    for file in files:
        data = file.read_bytes()
        file.unlink()
        if damage == "cut":
            file.write_bytes(data[:-9])
        elif damage == "folder":
            file.mkdir()
        elif damage == "pipe":
            os.mkfifo(file)
    found = listed()
    for name in ("runs/hurt", "saved_models/hurt/1"):
        assert found[name].state == "damaged"
        assert name in found[name].problem
        assert "\n" not in found[name].problem
    assert found["runs/well"].state == "stopped"


def test_a_list_reads_no_weights_and_loads_no_tensorflow() -> None:
    folder = make_run("large")
    Run(folder).save_checkpoint(Position(5), [np.zeros(10_000_000, np.float32)], 90.0)
    for number in range(12):
        shutil.copytree(OLD / "run", Path("runs") / f"run-{number}")
        make_version("mine", number + 1)
    code = "import sys, time\nfrom tangshi_tf.saving.inventory import list_entries\nbegan = time.process_time()\n"
    code += "print(len(list_entries()), time.process_time() - began, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    entries, seconds, loaded = done.stdout.split()
    assert (entries, loaded) == ("26", "False")
    assert float(seconds) < 1


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("runs/mine", {"saved_models/mine/1", "saved_models/mine/2"}),
        ("./runs/mine/", {"saved_models/mine/1", "saved_models/mine/2"}),
        ("saved_models/mine/1", {"runs/mine", "saved_models/mine/2"}),
        ("saved_models/mine", {"runs/mine"}),
        ("mine", set()),
    ],
)
def test_what_a_name_means_is_deleted(name: str, left: set[str]) -> None:
    others = {"runs/other", "saved_models/other/1", "tangshi/1"}
    for one in ("mine", "other"):
        make_run(one)
        make_version(one, 1)
    make_version("mine", 2)
    delete(entries_to_delete(name))
    assert set(listed()) == others | left
    folders = {path.as_posix() for path in (*Path("runs").iterdir(), *Path("saved_models").iterdir())}
    assert folders == {"/".join(one.split("/")[:2]) for one in others | left} - {"tangshi/1"}


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "/", "runs", "saved_models", "runs/..", "runs/../runs/mine", "runs/../../elsewhere"),
        *("nobody", "saved_models/mine/3", "runs/mine/config.json", "runs/.lock", "*", "runs/*", "{absolute}"),
    ],
)
def test_other_names_are_refused(name: str, project: Path) -> None:
    make_run("mine")
    name = name.format(absolute=project / "runs" / "mine")
    with pytest.raises(ModelError, match=r"A run or a version is required \(runs/mine, tangshi/1\)\. Received: "):
        entries_to_delete(name)


def test_a_run_that_is_worked_on_stays() -> None:
    make_run("mine")
    make_version("mine", 1)
    entries = entries_to_delete("mine")
    with locked(Path("runs/mine")):
        for refused in (lambda: entries_to_delete("mine"), lambda: delete(entries)):
            with pytest.raises(CheckpointError, match="A run that nobody is working on is required"):
                refused()
    assert {"runs/mine", "saved_models/mine/1"} < set(listed())


def test_a_run_with_other_files_stays() -> None:
    folder = make_run("mine")
    (folder / ".123.history.jsonl").touch()  # which a killed process had begun to write
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match=r"Received one with other files: runs/mine\."):
        entries_to_delete("mine")
    (folder / "thesis.txt").unlink()
    delete(entries_to_delete("mine"))
    assert set(listed()) == {"tangshi/1"}


def test_the_model_in_the_package_stays() -> None:
    for name in ("tangshi", "tangshi/1"):
        with pytest.raises(ModelError, match=r"of your own is required\. Received: tangshi/1"):
            entries_to_delete(name)
    make_version("tangshi", 1)
    make_run("tangshi")
    with pytest.raises(ModelError, match=r"of your own is required\. Received: tangshi/1"):
        entries_to_delete("tangshi/1")
    delete(entries_to_delete("tangshi"))
    assert set(listed()) == {"tangshi/1"}


def test_the_model_in_a_clone_is_that_in_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert listed()["saved_models/tangshi/1"].state == "included"
    with pytest.raises(ModelError, match=r"of your own is required\. Received: saved_models/tangshi/1"):
        entries_to_delete("saved_models/tangshi/1")


def test_a_link_is_removed_and_what_it_leads_to_stays(project: Path) -> None:
    elsewhere = project.parent / "elsewhere"
    make_run("mine").rename(elsewhere / "run")
    make_version("mine", 1)
    make_version("mine", 2).rename(elsewhere / "2")
    Path("runs/mine").symlink_to(elsewhere / "run")
    Path("saved_models/mine/2").symlink_to(elsewhere / "2")
    before = sorted(elsewhere.rglob("*"))
    delete(entries_to_delete("mine"))
    assert set(listed()) == {"tangshi/1"}
    assert sorted(elsewhere.rglob("*")) == before


def test_versions_behind_a_link_go_together(project: Path) -> None:
    for number in (1, 2):
        make_version("mine", number)
    kept = Path("saved_models/mine").rename(project.parent / "elsewhere" / "kept").resolve()
    Path("saved_models/mine").symlink_to(kept)
    with pytest.raises(ModelError, match=r"lies in \./saved_models is required\. Received one behind a link"):
        entries_to_delete("saved_models/mine/1")
    delete(entries_to_delete("mine"))
    assert not Path("saved_models/mine").is_symlink()
    assert sorted(path.name for path in kept.iterdir()) == ["1", "2"]


def test_what_a_killed_deletion_left_is_no_run_and_goes_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, **options: object) -> None:
        (path / "config.json").unlink()
        raise KeyboardInterrupt

    make_run("mine")
    make_run("other")
    entries = entries_to_delete("mine")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            delete(entries)
    assert set(listed()) == {"runs/other", "tangshi/1"}
    assert len(list(Path("runs").iterdir())) == 2
    delete(entries_to_delete("runs/other"))
    assert list(Path("runs").iterdir()) == []
