from pathlib import Path

import pytest

from tangshi_tf.errors import CheckpointError
from tangshi_tf.training.run_files import RUN_FILES, other_files, require_place


def test_the_files_of_a_run_are_no_other_files(tmp_path: Path) -> None:
    for name in (*RUN_FILES, ".lock", "notes.txt"):
        (tmp_path / name).touch()
    assert other_files(tmp_path) == {"notes.txt"}


def test_a_run_takes_an_empty_folder_or_that_of_a_run_to_be_discarded(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    require_place(folder, restart=False)
    (folder / "config.json").touch()
    require_place(folder, restart=False)  # nothing was trained yet
    (folder / "history.jsonl").touch()
    require_place(folder, restart=True)
    with pytest.raises(CheckpointError, match="A new run is required, or --resume"):
        require_place(folder, restart=False)
    (folder / "notes.txt").touch()
    with pytest.raises(CheckpointError, match="Received one with other files"):
        require_place(folder, restart=True)
    with pytest.raises(CheckpointError, match="A writable folder is required"):
        require_place(folder / "notes.txt", restart=False)
