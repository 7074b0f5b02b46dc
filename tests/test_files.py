import os
from pathlib import Path

import pytest

from tangshi_tf.errors import CheckpointError
from tangshi_tf.files import locked, write_atomic, write_text


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "poem.txt", "山\r\n水\n")
    assert (tmp_path / "poem.txt").read_bytes() == "山\r\n水\n".encode()


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """While it is written it stands beside its place, and what stands in its place is the old one."""
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
        assert temporary != path

    write_atomic(path, write)
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_file_is_on_the_disk_before_it_is_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append(f"fsync of {os.fstat(handle).st_size} bytes")
        fsync(handle)

    def replaced(path: Path, target: Path) -> Path:
        done.append(f"replace {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_text(tmp_path / "poem.txt", "mountain")
    assert done == ["fsync of 8 bytes", "replace poem.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match=r"A writable file is required: .*file.txt. Received: No space left"):
        write_atomic(path, fail)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
    with pytest.raises(CheckpointError, match="A writable file is required"):
        write_text(tmp_path / "missing" / "file.txt", "new")


def test_a_link_is_followed_and_what_is_no_plain_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file.txt")
    write_text(tmp_path / "link", "through")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file.txt").read_text() == "through"
    write_text(Path(os.devnull), "nothing")
    assert not Path(os.devnull).is_file()


def test_a_folder_is_locked_and_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    with locked(folder):
        (folder / ".12.checkpoint.h5").write_bytes(b"half")
        with pytest.raises(CheckpointError, match=r"A run that nobody is working on is required\."), locked(folder):
            pass
    with locked(folder):
        assert [path.name for path in folder.iterdir()] == [".lock"]
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="A writable folder is required"), locked(tmp_path / "file"):
        pass
