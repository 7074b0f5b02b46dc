import errno
import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tangshi_tf.errors import CheckpointError
from tangshi_tf.storage.files import clear_half_written, locked, write_bytes, write_text
from tests.paths import ROOT


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "poem.txt", "山\r\n水\n")
    assert (tmp_path / "poem.txt").read_bytes() == "山\r\n水\n".encode()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_written_whatever_holds_them(tmp_path: Path, kind: Callable[[bytes], memoryview]) -> None:
    for data in (b"", b"\0\xff" * 70_000):
        write_bytes(tmp_path / "file", kind(data))
        assert (tmp_path / "file").read_bytes() == data


def test_numbers_are_written_as_the_bytes_they_are(tmp_path: Path) -> None:
    numbers = memoryview(bytes(range(8))).cast("I")
    (tmp_path / "file").write_bytes(b"longer than that")
    (tmp_path / "other").hardlink_to(tmp_path / "file")
    for name in ("new", "file"):
        write_bytes(tmp_path / name, numbers)
        assert (tmp_path / name).read_bytes() == bytes(range(8))


def test_a_file_and_its_name_are_on_the_disk_before_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is written it stands beside its place, and what stands in its place is the old one."""
    path = tmp_path / "poem.txt"
    path.write_text("old")
    done = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        file = stat.S_ISREG(os.fstat(handle).st_mode)
        done.append(f"fsync of {os.fstat(handle).st_size} bytes" if file else "fsync of the folder")
        fsync(handle)

    def replaced(temporary: Path, target: Path) -> Path:
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
        done.append(f"replace {target.name}")
        return replace(temporary, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_text(path, "mountain")
    assert done == ["fsync of 8 bytes", "replace poem.txt", "fsync of the folder"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["poem.txt"]


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_until(monkeypatch: pytest.MonkeyPatch, full: int) -> None:
    """Let the disk be full at the write call of that number, and each take four bytes at most."""
    write, calls = os.write, 0

    def call(descriptor: int, data: memoryview) -> int:
        nonlocal calls
        calls += 1
        if calls == full:
            raise FULL
        return write(descriptor, data[:4])

    monkeypatch.setattr(os, "write", call)


@pytest.mark.parametrize("names", [[], ["file.txt"], ["file.txt", "other.txt"]], ids=["new", "old", "linked"])
def test_a_disk_that_is_full_at_any_write_keeps_the_old_file_and_nothing_else(tmp_path: Path, names: list[str]) -> None:
    path, data = tmp_path / "file.txt", b"longer than what was there"
    for name in names:
        path.write_bytes(b"old, but not short") if name == "file.txt" else (tmp_path / name).hardlink_to(path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    for full in range(1, 8):  # seven calls for 26 bytes
        with pytest.MonkeyPatch.context() as patch:
            write_until(patch, full)
            with pytest.raises(CheckpointError) as found:
                write_bytes(path, data)
        assert str(found.value) == f"A writable file is required: {path}. Received: No space left on device."
        assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before
    with pytest.MonkeyPatch.context() as patch:
        write_until(patch, 8)
        write_bytes(path, data)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == dict.fromkeys(names or [path.name], data)


def test_a_disk_that_is_found_full_only_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some file systems, NFS among them, tell it."""

    def full(descriptor: int) -> None:
        raise FULL

    write_text(tmp_path / "file.txt", "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        write_text(tmp_path / "file.txt", "new")
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("links", [1, 2])
def test_a_real_disk_that_is_full(small_disk: Path, links: int) -> None:
    path, old = small_disk / "file", b"old" * 10_000
    write_bytes(path, old)
    if links == 2:
        (small_disk / "other").hardlink_to(path)
    with pytest.raises(CheckpointError, match=r"A writable file is required: .*Received: No space left on device\."):
        write_bytes(path, bytes(100_000))
    assert path.read_bytes() == old
    assert {entry.name for entry in small_disk.iterdir()} == {"file", "other"} if links == 2 else {"file"}
    write_bytes(path, b"new")
    assert [entry.read_bytes() for entry in small_disk.iterdir()] == [b"new"] * links


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "pool")
    (tmp_path / "pool").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    reasons = {
        "missing/file.txt": "No such file or directory",
        "file/file.txt": "Not a directory",
        "loop": "Too many levels of symbolic links",
        "loop/file.txt": "Too many levels of symbolic links",
        ".": "Is a directory",
        "x" * 300: "File name too long",
    }
    for name, reason in reasons.items():
        with pytest.raises(CheckpointError) as found:
            write_text(tmp_path / name, "new")
        assert str(found.value) == f"A writable file is required: {tmp_path / name}. Received: {reason}."
    with pytest.raises(CheckpointError, match=r"/dev/full\. Received: No space left on device\."):
        write_text(Path("/dev/full"), "new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "loop", "pool"]


def test_a_name_may_be_as_long_as_the_system_takes(tmp_path: Path) -> None:
    name = "诗" * 85
    write_text(tmp_path / name, "new")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_file_keeps_its_mode_and_its_names(tmp_path: Path) -> None:
    old, other = tmp_path / "file.txt", tmp_path / "other.txt"
    old.write_text("older, and longer")
    old.chmod(0o640)
    write_text(old, "new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    other.hardlink_to(old)
    for text in ("new for both", "short"):
        write_text(other, text)
        assert old.read_text() == text
        assert old.samefile(other)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file.txt", "other.txt"]


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser gives files away")
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    path.chmod(0o4750)
    os.chown(path, 12, 34)
    path.chmod(0o4750)
    write_text(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (12, 34, 0o4750)


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file.txt")
    (tmp_path / "longer").symlink_to(tmp_path / "link")
    for text in ("through to nothing", "through to a file"):
        write_text(tmp_path / "longer", text)
        assert (tmp_path / "file.txt").read_text() == text
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "longer").is_symlink()


def test_what_is_no_plain_file_is_written_to(tmp_path: Path) -> None:
    write_text(Path(os.devnull), "nothing")
    assert not Path(os.devnull).is_file()
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_bytes(tmp_path / "pipe", b"poem" * 50_000)  # more than a pipe holds
    reader.join()
    assert read == [b"poem" * 50_000]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


PROGRAM = """
import sys
from pathlib import Path
from tangshi_tf.storage.files import write_text
for name in sys.argv[1:]:
    write_text(Path(name), "poem\\n")
"""


@pytest.mark.parametrize(
    ("redirected", "found"),
    [
        ("/dev/stdout | cat > out", "poem\n"),
        ("/dev/fd/1 /proc/self/fd/1 | cat > out", "poem\npoem\n"),
        ("/dev/stdout > out", "poem\n"),
        ("/dev/stdout out > out", "poem\npoem\n"),
        ("/dev/stdout >> out", "old\npoem\n"),
        ("link >> out", "old\npoem\n"),
        ("/dev/stderr /dev/stderr 2>> out", "old\npoem\npoem\n"),
        ("/dev/fd/3 3>> out", "old\npoem\n"),
        (">(cat > out) | cat", "poem\n"),
        ("out >> other", "poem\n"),
    ],
)
def test_the_output_of_the_process_is_written_through(tmp_path: Path, redirected: str, found: str) -> None:
    """As the shell hands it over: opened anew, a file that `>>` appends to would lose what it holds."""
    (tmp_path / "out").write_text("old\n")
    (tmp_path / "link").symlink_to("/dev/stdout")
    command = shlex.join([sys.executable, "-c", PROGRAM]) + " " + redirected
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert (tmp_path / "out").read_text() == found
    assert {entry.name for entry in tmp_path.iterdir()} <= {"out", "link", "other"}


def test_an_output_without_a_reader_is_one_line(tmp_path: Path) -> None:
    reader, writer = socket.socketpair()
    for closed, error in ((False, ""), (True, "A writable file is required: /dev/stdout. Received: Broken pipe.")):
        if closed:
            reader.close()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "/dev/stdout"],
            cwd=ROOT,
            stdout=writer.fileno(),
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert done.stderr.strip().endswith(error)
        assert (done.returncode, bool(done.stderr)) == (closed, closed)
        assert closed or reader.recv(99) == b"poem\n"
    writer.close()


def test_a_folder_is_locked(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    with (
        locked(folder),
        pytest.raises(CheckpointError, match=r"A run that nobody is working on is required\."),
        locked(folder),
    ):
        pass
    with locked(folder):
        assert [path.name for path in folder.iterdir()] == [".lock"]
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="A writable folder is required"), locked(tmp_path / "file"):
        pass


def test_only_what_was_half_written_is_cleared(tmp_path: Path) -> None:
    kept = {".12.notes", "12.checkpoint.h5", ".checkpoint.h5", ".2024.two\nlines"}
    for name in kept | {".12.checkpoint.h5", ".3.config.json"}:
        (tmp_path / name).touch()
    clear_half_written(tmp_path, ["checkpoint.h5", "config.json"])
    assert {path.name for path in tmp_path.iterdir()} == kept


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def made_anew(folder: Path) -> None:
    shutil.rmtree(folder)
    with locked(folder):
        (folder / "config.json").touch()


def moved_away(folder: Path) -> None:
    folder.rename(folder.with_name("other"))


def unlocked(folder: Path) -> None:
    (folder / ".lock").unlink()
    (folder / ".lock").touch()


@pytest.mark.parametrize("change", [removed, made_anew, moved_away, unlocked])
def test_a_lock_knows_whether_its_folder_is_still_there(tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = tmp_path / "run"
    with locked(folder) as lock:
        write_text(folder / "config.json", "{}")
        lock.require_held()
        change(folder)
        with pytest.raises(CheckpointError) as found:
            lock.require_held()
        assert str(found.value) == (
            f"The folder that was locked at the start is required: {folder}. "
            "Received: one that was removed or made anew meanwhile."
        )
        assert not folder.exists() or not (folder / ".lock").read_bytes()
    with locked(folder) as lock:
        lock.require_held()
