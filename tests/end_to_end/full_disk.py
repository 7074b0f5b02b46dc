"""`python -m tests.end_to_end.full_disk FOLDER SIZE SEED FITS EXPORTS`: fill a real file system while a run is on it.

Started in a mount namespace of its own, so that nobody else sees the file system, which is memory. It is full at a
random moment: because it is small, or because another file takes what is left. Then space is made, and the run goes on.
"""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.end_to_end.processes import fit_arguments, left_over, start, state, write_corpus

EXPORT = ["export", "poems.txt", "--name", "mine"]
PLENTY = 1 << 30  # bytes
LEAST = 1 << 12  # that a run needs for its folders


class Disk:
    """A small file system with the folder of a run."""

    def __init__(self, mount: Path, size: str) -> None:
        """Mount it."""
        self.mount = mount
        self.told = mount.parent / "told"
        mount.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={PLENTY}", "tmpfs", str(mount)], check=True)
        write_corpus(mount, size)

    def resize(self, size: int) -> None:
        """Give it so many bytes, and not less than it holds."""
        subprocess.run(["mount", "-o", f"remount,size={max(size, self.used() + LEAST)}", str(self.mount)], check=True)

    def used(self) -> int:
        """Return the bytes that are taken."""
        return int(subprocess.check_output(["df", "-B1", "--output=used", str(self.mount)], text=True).split()[1])

    def fill(self) -> None:
        """Let another file take all that is left."""
        try:
            with (self.mount / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 12))
        except OSError:
            pass

    def empty(self) -> None:
        """Remove that file."""
        (self.mount / "filler").unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the run and its models."""
        subprocess.run(["rm", "-rf", str(self.mount / "runs"), str(self.mount / "saved_models")], check=True)

    def ends(self, arguments: list[str], fill_after: float | None = None) -> bool:
        """Tell whether a command came to its end; if not, it must have said that the disk is full."""
        process = start(self.mount, arguments, self.told)
        timer = threading.Timer(fill_after or 0.0, self.fill)
        if fill_after is not None:
            timer.start()
        process.join()
        timer.cancel()
        timer.join() if fill_after is not None else None
        error = Path(f"{self.told}.err").read_text(encoding="utf-8")
        if process.exitcode == 0:
            return True
        assert process.exitcode == 1, (process.exitcode, error)
        assert "Traceback" not in error, error
        assert error.splitlines()[-1].startswith("Error: "), error
        assert "No space left on device" in error.splitlines()[-1], error
        return False


def main(mount: Path, size: str, seed: int, fits: int, exports: int) -> None:
    """Fill the disk so many times while a run is trained, and while one is exported."""
    source, disk = random.Random(seed), Disk(mount, size)
    began = time.monotonic()
    assert disk.ends(fit_arguments(mount, size))
    seconds, used, expected = time.monotonic() - began, disk.used(), state(mount)

    while fits > 0:
        disk.clear()
        ended = False
        while not ended and fits > 0:
            if source.random() < 0.5:
                disk.resize(round(source.uniform(disk.used(), used)))
                ended = disk.ends(fit_arguments(mount, size))
            else:
                ended = disk.ends(fit_arguments(mount, size), source.uniform(0, seconds))
            fits -= not ended
            disk.resize(PLENTY)
            disk.empty()
        assert ended or disk.ends(fit_arguments(mount, size))
        assert state(mount) == expected
        assert not left_over(mount), left_over(mount)

    while exports > 0:
        subprocess.run(["rm", "-rf", str(mount / "saved_models")], check=True)
        disk.resize(round(source.uniform(disk.used(), used)))
        exports -= not disk.ends(EXPORT)
        assert not left_over(mount), left_over(mount)  # at once
        disk.resize(PLENTY)
    assert disk.ends(EXPORT)
    assert state(mount) == expected


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
