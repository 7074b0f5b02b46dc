import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tangshi_tf.storage import temporaries
from tangshi_tf.storage.temporaries import temporary
from tests.paths import ROOT


@pytest.mark.parametrize("fails", [False, True])
def test_a_temporary_thing_is_gone_in_the_end(tmp_path: Path, fails: bool) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    try:
        with temporary(folder), temporary(file):
            (folder / "deep").mkdir(parents=True)
            (folder / "deep" / "half").touch()
            file.touch()
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert list(tmp_path.iterdir()) == []


def test_what_was_moved_to_its_place_stays(tmp_path: Path) -> None:
    with temporary(tmp_path / "half"):
        (tmp_path / "half").touch()
        (tmp_path / "half").rename(tmp_path / "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_a_link_is_removed_and_not_what_it_means(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with temporary(tmp_path / "link"):
        (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


INTERRUPTED = """
import os, sys, threading, time
from pathlib import Path
from tangshi_tf.storage.temporaries import discard_all, temporary

folder = Path(sys.argv[1])
def work():
    with temporary(folder / "export"):
        while True:  # as TensorFlow does in a thread of its own
            try:
                (folder / "export" / "variables").mkdir(parents=True, exist_ok=True)
                (folder / "export" / "variables" / "data").touch()
            except FileNotFoundError:
                break
    print("The error was noticed.", flush=True)

with temporary(folder / "file"):
    (folder / "file").touch()
    threading.Thread(target=work, daemon=True).start()
    while not (folder / "export" / "variables" / "data").exists():
        time.sleep(0.01)
    discard_all()
    os._exit(3)
"""


def test_a_process_that_ends_discards_what_its_threads_write(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)], env=environment, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
    assert not (tmp_path / "file").exists()


def test_nothing_begins_while_things_are_discarded(tmp_path: Path) -> None:
    begun = threading.Event()

    def begin() -> None:
        with temporary(tmp_path / "late"):
            begun.set()

    thread = threading.Thread(target=begin)
    with temporaries.MOVING:  # `discard_all` never gives it back
        thread.start()
        assert not begun.wait(0.1)
    thread.join()
    assert begun.is_set()
