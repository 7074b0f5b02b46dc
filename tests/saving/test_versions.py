from pathlib import Path

import pytest

from tangshi_tf.config import BOX
from tangshi_tf.errors import ModelError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model
from tangshi_tf.saving.versions import find_model, latest_version


def test_versions_are_counted_and_never_overwritten(lstm: PoetryModel, tmp_path: Path) -> None:
    directory = tmp_path / "saved_models" / "name"
    assert latest_version(directory) is None
    first = export_model(lstm, directory)
    assert first == directory / "1"
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    (directory / "7").mkdir()
    (directory / "010").mkdir()
    (directory / "notes").mkdir()
    (directory / "12").write_text("no folder")
    assert latest_version(directory) == first  # a number alone is no model
    assert export_model(lstm, directory) == directory / "13"
    assert latest_version(directory) == directory / "13"
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in directory.iterdir()) == ["010", "1", "12", "13", "7", "notes"]


def test_a_model_is_found_by_path_or_by_name(
    lstm: PoetryModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = Path("saved_models") / "mine"
    first, second = export_model(lstm, mine), export_model(lstm, mine)
    assert find_model("mine") == find_model("saved_models/mine") == second
    assert find_model("saved_models/mine/1") == first
    box = find_model(BOX)
    assert box.is_absolute()
    (tmp_path / BOX / "2024").mkdir(parents=True)  # a folder of the user's that happens to have that name
    assert find_model(BOX) == box
    for model in ("nobody", "saved_models", "./nobody", "", "poem.txt"):
        with pytest.raises(
            ModelError, match=r"A name in ./saved_models \(mine\) or a folder with a SavedModel is required"
        ):
            find_model(model)


def test_a_number_taken_meanwhile_is_left_alone(
    lstm: PoetryModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        if target.name == "1":
            target.mkdir()
            (target / "theirs").touch()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    assert export_model(lstm, tmp_path) == tmp_path / "2"
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["theirs"]
