"""Damage to any file: its bytes, or what is in its place."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

__all__ = ["KINDS"]


def _changed(change: Callable[[bytearray, random.Random], None]) -> Callable[[Path, random.Random], None]:
    """Return what changes the bytes of a file."""

    def change_file(path: Path, source: random.Random) -> None:
        data = bytearray(path.read_bytes())
        change(data, source)
        path.write_bytes(data)

    return change_file


def _block(data: bytearray, source: random.Random) -> slice:
    first = source.randrange(max(1, len(data)))
    return slice(first, first + source.choice([1, 7, 64, 4096]))


def _flip_bit(data: bytearray, source: random.Random) -> None:
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def _flip_early_bit(data: bytearray, source: random.Random) -> None:
    """Where formats have their headers."""
    data[source.randrange(min(len(data), 2048))] ^= 1 << source.randrange(8)


def _randomize(data: bytearray, source: random.Random) -> None:
    where = _block(data, source)
    data[where] = source.randbytes(len(data[where]))


def _zero(data: bytearray, source: random.Random) -> None:
    where = _block(data, source)
    data[where] = bytes(len(data[where]))


def _truncate(data: bytearray, source: random.Random) -> None:
    del data[source.randrange(len(data)) :]


def _append(data: bytearray, source: random.Random) -> None:
    data += source.randbytes(source.choice([1, 100, 10_000]))


def _delete(data: bytearray, source: random.Random) -> None:
    del data[_block(data, source)]


def _double(data: bytearray, source: random.Random) -> None:
    where = _block(data, source)
    data[where.start : where.start] = data[where]


def _double_all(data: bytearray, source: random.Random) -> None:
    data += bytes(data)


def _swap(data: bytearray, source: random.Random) -> None:
    size = min(source.choice([1, 7, 64, 4096]), len(data) // 2)
    first = source.randrange(len(data) - 2 * size + 1)
    second = source.randrange(first + size, len(data) - size + 1)
    data[first : first + size], data[second : second + size] = (
        data[second : second + size],
        data[first : first + size],
    )


def _clear(data: bytearray, source: random.Random) -> None:
    data.clear()


def _remove(path: Path, source: random.Random) -> None:
    path.unlink()


def _folder(path: Path, source: random.Random) -> None:
    path.unlink()
    path.mkdir()
    if source.random() < 0.5:
        (path / "file").touch()


def _loop(path: Path, source: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _dangling(path: Path, source: random.Random) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _linked(path: Path, source: random.Random) -> None:
    """No damage: the same content behind a link."""
    elsewhere = path.parent.parent / f"elsewhere-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(os.path.relpath(elsewhere, path.parent))


def _pipe(path: Path, source: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _endless(path: Path, source: random.Random) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _forbidden(path: Path, source: random.Random) -> None:
    """Nothing for root, who may read all."""
    path.chmod(0)


def _parent_is_a_file(path: Path, source: random.Random) -> None:
    """For a run the folder itself, for most files of a version one of its folders."""
    shutil.rmtree(path.parent)
    path.parent.touch()


KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    "bit": _changed(_flip_bit),
    "early bit": _changed(_flip_early_bit),
    "random block": _changed(_randomize),
    "zero block": _changed(_zero),
    "truncated": _changed(_truncate),
    "appended": _changed(_append),
    "block deleted": _changed(_delete),
    "block doubled": _changed(_double),
    "doubled": _changed(_double_all),
    "blocks swapped": _changed(_swap),
    "emptied": _changed(_clear),
    "removed": _remove,
    "folder": _folder,
    "loop": _loop,
    "dangling link": _dangling,
    "linked": _linked,
    "pipe": _pipe,
    "endless": _endless,
    "forbidden": _forbidden,
    "parent a file": _parent_is_a_file,
}
