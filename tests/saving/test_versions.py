import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tangshi_tf.config import BOX
from tangshi_tf.errors import ModelError
from tangshi_tf.saving.versions import add_version, find_model, latest_version
from tests.paths import ROOT


def write(made: Path) -> None:
    """Fill the folder of a version as far as that matters here."""
    (made / "saved_model.pb").write_text("graph")
    (made / "variables").mkdir()
    (made / "variables" / "variables.index").write_text("weights")


def test_the_tenth_version_comes_after_the_ninth(tmp_path: Path) -> None:
    versions = [add_version(tmp_path, write) for _ in range(10)]
    assert [version.name for version in versions] == [str(number) for number in range(1, 11)]
    assert latest_version(tmp_path) == find_model(str(tmp_path)) == tmp_path / "10"


def test_versions_are_counted_and_never_overwritten(tmp_path: Path) -> None:
    directory = tmp_path / "saved_models" / "name"
    assert latest_version(directory) is None
    first = add_version(directory, write)
    assert first == directory / "1"
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    (directory / "7").mkdir()
    (directory / "010").mkdir()
    (directory / "notes").mkdir()
    (directory / "12").write_text("no folder")
    assert latest_version(directory) == first  # a number alone is no model
    assert add_version(directory, write) == directory / "13"
    assert latest_version(directory) == directory / "13"
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in directory.iterdir()) == ["010", "1", "12", "13", "7", "notes"]


def test_a_model_is_found_by_path_or_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = Path("saved_models") / "mine"
    first, second = add_version(mine, write), add_version(mine, write)
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


def test_a_number_taken_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        if target.name == "1":
            target.mkdir()
            (target / "theirs").touch()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    assert add_version(tmp_path, write) == tmp_path / "2"
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["theirs"]


def half(made: Path) -> None:
    (made / "saved_model.pb").write_text("half")
    raise OSError(28, "No space left on device")


def refused(made: Path) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    ("fill", "reason"), [(half, "No space left on device"), (refused, "Permission denied")], ids=["half", "refused"]
)
def test_a_version_that_fails_leaves_nothing(tmp_path: Path, fill: Callable[[Path], None], reason: str) -> None:
    add_version(tmp_path, write)
    with pytest.raises(ModelError, match=rf"A writable folder is required: .* Received: {reason}\."):
        add_version(tmp_path, fill)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_file_in_the_way_of_versions_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="A writable folder is required"):
        add_version(tmp_path / "file" / "models", write)


KILLED = """
import os, signal, sys
from pathlib import Path
from tangshi_tf.saving.versions import add_version

def write(made):
    (made / "variables").mkdir()
    (made / "variables" / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)

add_version(Path(sys.argv[1]), write)
"""


def test_what_a_killed_export_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT)
        assert done.returncode == -signal.SIGKILL
        assert [path.name[:8] for path in tmp_path.iterdir()] == [".export-"]
    assert add_version(tmp_path, write) == tmp_path / "1"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_what_an_older_version_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".export-k3_x9abc" / "version" / "variables").mkdir(parents=True)
    (tmp_path / ".export-empty").mkdir()
    kept = [tmp_path / ".export-notes", tmp_path / ".export-link", tmp_path / ".exports"]
    (kept[0] / "thesis").mkdir(parents=True)
    (kept[2] / "version").mkdir(parents=True)
    kept[1].symlink_to(kept[2], target_is_directory=True)
    add_version(tmp_path, write)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["1", *(path.name for path in kept)])
    assert [path.name for path in kept[2].iterdir()] == ["version"]


def test_exports_at_the_same_time_leave_each_other_alone(tmp_path: Path) -> None:
    def slow(made: Path) -> None:
        write(made)
        with ThreadPoolExecutor(1) as other:  # it begins and ends while this one writes
            assert other.submit(add_version, tmp_path, write).result() == tmp_path / "1"
        assert (made / "variables" / "variables.index").read_text() == "weights"

    assert add_version(tmp_path, slow) == tmp_path / "2"
    with ThreadPoolExecutor(8) as others:
        added = list(others.map(lambda _: add_version(tmp_path, write), range(40)))
    assert sorted(int(path.name) for path in added) == list(range(3, 43))
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == list(range(1, 43))
    assert all(latest.joinpath("variables", "variables.index").is_file() for latest in added)
