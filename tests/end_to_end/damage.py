"""Damage to the files of runs and versions, each decided by one seed."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["Damage", "damage", "plan"]

DIGESTS = "digests.json"
RUN_FILES = ("config.json", "vocabulary.txt", "manifest.json", "history.jsonl", "checkpoint.h5", "best.weights.h5")
EXTRA = "assets.extra"
VERSION_FILES = (
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    f"{EXTRA}/config.json",
    f"{EXTRA}/vocabulary.txt",
    f"{EXTRA}/README.md",
)
DEEP = 10_000  # brackets inside each other
# What json.dumps itself cannot write: by the string that stands for it.
UNWRITABLE = {'"@deep@"': "[" * DEEP + "]" * DEEP, '"@long@"': "9" * 5_000}
SEPARATORS = ("\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\r", "\ufeff", "\0")
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "x",
    "山\u2028水\u0085月\u2029",
    "\ud800",
    "7",
    0,
    1,
    -1,
    2**31,
    2**63,
    10**40,
    "@long@",
    0.5,
    -0.5,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    [],
    [[]],
    [1, "x"],
    {},
    {"x": 1},
    "@deep@",
)


@dataclass(frozen=True, slots=True)
class Damage:
    """What is done to which file.

    Attributes:
        seed: decides the rest, and every detail.
        origin: whose files, a key of what `plan` was given.
        part: ``"run"`` or ``"version"``.
        file: its name in the folder of that part.
        kind: one of `KINDS`.
        digests: ``"kept"`` as they were written; ``"matched"`` to the damaged file; ``"removed"``.
    """

    seed: int
    origin: str
    part: str
    file: str
    kind: str
    digests: str


def plan(seed: int, folders: dict[str, Path]) -> Damage:
    """Choose whose file is damaged, and how. Half of all damage leaves the digests, where there are any, as they are.

    Args:
        seed: of the choice.
        folders: origin to the folder with its `run` and its `version`.
    """
    source = random.Random(seed)
    kept = source.random() < 0.5
    part = source.choice(["run", "version"])
    digested = {origin: _digests(folder / part).is_file() for origin, folder in folders.items()}
    choices = [origin for origin, has in digested.items() if has or not kept] or list(folders)
    origin = source.choice(choices)
    files = list(RUN_FILES if part == "run" else VERSION_FILES)
    if digested[origin] and source.random() < 0.1:
        files = [str(_digests(Path()) if part == "run" else f"{EXTRA}/{DIGESTS}")]
        kept = True
    file = source.choice(files)
    own = _kinds_of(file)
    kind = source.choice(own if own and source.random() < 0.6 else list(KINDS))
    digests = "removed" if not digested[origin] else "kept" if kept else source.choice(["matched", "removed"])
    return Damage(seed, origin, part, file, kind, digests)


def damage(what: Damage, folder: Path) -> None:
    """Damage a copy of the folder of a run or of a version."""
    source = random.Random(f"{what.seed} {what.file} {what.kind}")
    kinds = {**KINDS, **JSON_KINDS, **HDF5_KINDS, **TEXT_KINDS}
    digests = _digests(folder)
    digested = json.loads(digests.read_text(encoding="utf-8")) if digests.exists() else []
    kinds[what.kind](folder / what.file, source)
    if not digests.is_file():
        return
    if what.digests == "removed":
        digests.unlink()
    elif what.digests == "matched":
        found = {name: folder / name for name in digested}
        matching = {name: [_sha256(path)] for name, path in found.items() if path.is_file()}
        digests.write_text(json.dumps(matching), encoding="utf-8")


def _digests(folder: Path) -> Path:
    """Return where the digests of a run or of a version are."""
    return (folder / EXTRA if (folder / EXTRA).is_dir() else folder) / DIGESTS


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _kinds_of(file: str) -> list[str]:
    """Return the kinds of damage that ask for the format of the file."""
    if file.endswith(".h5"):
        return list(HDF5_KINDS)
    if file.endswith((".json", ".jsonl")):
        return [*JSON_KINDS] * 3 + list(TEXT_KINDS)
    return list(TEXT_KINDS) if file.endswith((".txt", ".md")) else []


# Any file.


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

# Lines of text.


def _lines(change: Callable[[list[str], random.Random], None]) -> Callable[[Path, random.Random], None]:
    def change_file(path: Path, source: random.Random) -> None:
        lines = path.read_bytes().decode().split("\n")
        change(lines, source)
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))

    return change_file


def _swap_lines(lines: list[str], source: random.Random) -> None:
    a, b = source.randrange(len(lines)), source.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]


def _swap_neighbours(lines: list[str], source: random.Random) -> None:
    a = source.randrange(max(1, len(lines) - 2))
    lines[a : a + 2] = reversed(lines[a : a + 2])


def _double_line(lines: list[str], source: random.Random) -> None:
    a = source.randrange(len(lines))
    lines.insert(a, lines[a])


def _drop_line(lines: list[str], source: random.Random) -> None:
    lines.pop(source.randrange(len(lines)))


def _separator(lines: list[str], source: random.Random) -> None:
    a = source.randrange(len(lines))
    place = source.randrange(len(lines[a]) + 1)
    lines[a] = lines[a][:place] + source.choice(SEPARATORS) + lines[a][place:]


def _carriage_returns(lines: list[str], source: random.Random) -> None:
    lines[:] = [line + "\r" for line in lines[:-1]] + lines[-1:]


def _cut_last_line(lines: list[str], source: random.Random) -> None:
    """The last line break is missing."""
    lines.pop()


def _surrogate(lines: list[str], source: random.Random) -> None:
    lines[source.randrange(len(lines))] += "\ud800"


def _byte_order_mark(lines: list[str], source: random.Random) -> None:
    lines[0] = "\ufeff" + lines[0]


def _swap_characters(lines: list[str], source: random.Random) -> None:
    a = source.randrange(len(lines))
    line = list(lines[a])
    source.shuffle(line)
    lines[a] = "".join(line)


TEXT_KINDS = {
    "lines swapped": _lines(_swap_lines),
    "neighbours swapped": _lines(_swap_neighbours),
    "line doubled": _lines(_double_line),
    "line dropped": _lines(_drop_line),
    "separator": _lines(_separator),
    "carriage returns": _lines(_carriage_returns),
    "last line cut": _lines(_cut_last_line),
    "surrogate": _lines(_surrogate),
    "byte order mark": _lines(_byte_order_mark),
    "characters shuffled": _lines(_swap_characters),
}

# JSON.


def _json(change: Callable[[Any, Any, random.Random], None]) -> Callable[[Path, random.Random], None]:
    """Return what changes one container, at one of its keys, in a JSON file or in a line of one."""

    def change_file(path: Path, source: random.Random) -> None:
        texts = path.read_text(encoding="utf-8").split("\n") if path.suffix == ".jsonl" else [path.read_text("utf-8")]
        line = source.randrange(max(1, len(texts) - 1))
        root = [json.loads(texts[line])]
        places = list(_places(root))
        container, key = source.choice(places)
        change(container, key, source)
        texts[line] = _dumped(root[0] if root else None)
        path.write_text("\n".join(texts), encoding="utf-8")

    return change_file


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii="\ud800" in repr(value) or "\\ud800" in repr(value), skipkeys=True)
    for name, written in UNWRITABLE.items():
        text = text.replace(name, written)
    return text


def _places(container: Any) -> Iterable[tuple[Any, Any]]:
    """Yield every container with every key of it."""
    for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
        yield container, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _other_value(container: Any, key: Any, source: random.Random) -> None:
    container[key] = source.choice(VALUES)


def _other_number(container: Any, key: Any, source: random.Random) -> None:
    """A value of the same type, if it is a number: what a schema of types lets through."""
    value = container[key]
    match value:
        case bool():
            container[key] = not value
        case int():
            container[key] = source.choice([value + 1, -value, value * 1_000, 2**31 - 1, 10**9, 0])
        case float():
            container[key] = source.choice([value + 1.0, -value, value * 1e6, 1e300, 0.0, 5e-324])
        case str():
            container[key] = source.choice([value[1:], value + "x", value[::-1], "x" * 100_000])
        case _:
            container[key] = None


def _remove_key(container: Any, key: Any, source: random.Random) -> None:
    del container[key]


def _rename_key(container: Any, key: Any, source: random.Random) -> None:
    if isinstance(container, dict):
        container[str(key) + source.choice(["x", " ", "\u2028"])] = container.pop(key)
    else:
        container.insert(0, container[key])


def _add_key(container: Any, key: Any, source: random.Random) -> None:
    inner = container[key]
    if isinstance(inner, dict):
        inner["x"] = source.choice(VALUES)
    elif isinstance(inner, list):
        inner.append(source.choice(VALUES))
    elif isinstance(container, dict):
        container["__class__"] = source.choice(VALUES)


def _wrap(container: Any, key: Any, source: random.Random) -> None:
    container[key] = [container[key]] if source.random() < 0.5 else {"value": container[key]}


JSON_KINDS = {
    "value": _json(_other_value),
    "value again": _json(_other_value),  # there are many to choose from
    "number": _json(_other_number),
    "key removed": _json(_remove_key),
    "key renamed": _json(_rename_key),
    "key added": _json(_add_key),
    "value wrapped": _json(_wrap),
}

# HDF5.


def _hdf5(change: Callable[[h5py.File, random.Random], None]) -> Callable[[Path, random.Random], None]:
    def change_file(path: Path, source: random.Random) -> None:
        with h5py.File(path, "r+") as file:
            change(file, source)

    return change_file


def _names(file: h5py.File, kind: type = h5py.Dataset) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, value: found.append(name) if isinstance(value, kind) else None)
    return found


def _replaced(file: h5py.File, name: str, value: Any, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, data=value, **options)


def _dataset_numbers(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    value = np.array(file[name])
    if value.size:
        fill = source.choice([np.nan, np.inf, -1.0, 1e30, 0.0])
        with np.errstate(all="ignore"):
            value.flat[source.randrange(value.size)] = np.array(fill).astype(value.dtype)
    _replaced(file, name, value)


def _dataset_type(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    value = np.array(file[name])
    with np.errstate(all="ignore"):
        kind = source.choice(["<f2", "<f8", ">f4", "<i4", "<u1", "<c8", "S4", "bool"])
        _replaced(file, name, np.nan_to_num(value).astype(kind))


def _dataset_strings(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    _replaced(file, name, ["x"] * max(1, file[name].size), dtype=h5py.string_dtype())


def _dataset_shape(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    value = np.array(file[name])
    shapes = [value.reshape(-1), value.T, value[None], value.reshape(-1)[:1], value.reshape(-1)[:0], np.zeros(())]
    _replaced(file, name, source.choice(shapes))


def _dataset_huge(file: h5py.File, source: random.Random) -> None:
    """It claims more than any memory holds; nothing of it is in the file."""
    name = source.choice(_names(file))
    del file[name]
    size = source.choice([2**33, 2**40, 2**60])
    file.create_dataset(name, shape=(size,), dtype="f4", chunks=(1024,))


def _dataset_none(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    del file[name]
    file[name] = h5py.Empty("f4")


def _dataset_renamed(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    file.move(name, source.choice([f"{name}x", f"{name}.0", f"x/{name}", "999"]))


def _dataset_removed(file: h5py.File, source: random.Random) -> None:
    del file[source.choice([*_names(file), *_names(file, h5py.Group)])]


def _datasets_swapped(file: h5py.File, source: random.Random) -> None:
    names = _names(file)
    a, b = source.sample(names, 2)
    file.move(a, "swapped")
    file.move(b, a)
    file.move("swapped", b)


def _dataset_group(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    del file[name]
    file.create_group(name)


def _dataset_link(file: h5py.File, source: random.Random) -> None:
    name = source.choice(_names(file))
    del file[name]
    links = [h5py.SoftLink("/nowhere"), h5py.SoftLink(f"/{name}"), h5py.ExternalLink("/etc/passwd", "/x")]
    file[name] = source.choice([*links, h5py.ExternalLink(Path(file.filename).name, f"/{name}")])


def _dataset_added(file: h5py.File, source: random.Random) -> None:
    file.create_dataset(source.choice(["x", "-1", "9999", "layers/x"]), data=source.choice([1.0, "x", [1, 2]]))


def _dataset_filtered(file: h5py.File, source: random.Random) -> None:
    """No damage: the same numbers, compressed."""
    name = source.choice([name for name in _names(file) if file[name].shape and file[name].size])
    _replaced(file, name, np.array(file[name]), compression="gzip", shuffle=True)


def _dataset_elsewhere(file: h5py.File, source: random.Random) -> None:
    """Its numbers are the bytes of another file."""
    name = source.choice([name for name in _names(file) if file[name].shape and file[name].size])
    shape, kind = file[name].shape, file[name].dtype
    del file[name]
    place = source.choice(["/dev/zero", "/dev/stdin", "/etc/passwd", "config.json", "nowhere"])
    file.create_dataset(name, shape=shape, dtype=kind, external=[(place, 0, h5py.h5f.UNLIMITED)])


def _holders(file: h5py.File) -> list[tuple[h5py.HLObject, str]]:
    """Return every object with every name of its attributes; the file's own, which we write, three times."""
    found = [(file, name) for name in file.attrs] * 3
    for name in [*_names(file), *_names(file, h5py.Group)]:
        found += [(file[name], attribute) for attribute in file[name].attrs]
    return found


ATTRIBUTES: Sequence[Any] = (
    "x",
    "",
    b"\xff",
    -1,
    0,
    1,
    7,
    2**31,
    2**63 - 1,
    np.uint64(2**64 - 1),
    0.5,
    -1.0,
    1e308,
    np.nan,
    np.inf,
    True,
    1 + 2j,
    [1, 2],
    [],
    [[1.0]],
    h5py.Empty("f4"),
    ["x", "y"],
)


def _attribute(file: h5py.File, source: random.Random) -> None:
    holder, name = source.choice(_holders(file))
    value = source.choice(ATTRIBUTES)
    holder.attrs[name] = value if not isinstance(value, list) else np.array(value, dtype="S1" if "x" in value else "f8")


def _attribute_number(file: h5py.File, source: random.Random) -> None:
    """Another value of the same type."""
    holder, name = source.choice(_holders(file))
    value = holder.attrs[name]
    if isinstance(value, np.number):
        holder.attrs[name] = type(value)(source.choice([value + 1, value * 1000, 0, value * -1]))
    else:
        holder.attrs[name] = f"{value}x"


def _attribute_removed(file: h5py.File, source: random.Random) -> None:
    holder, name = source.choice(_holders(file))
    del holder.attrs[name]


def _attribute_renamed(file: h5py.File, source: random.Random) -> None:
    holder, name = source.choice(_holders(file))
    holder.attrs[f"{name}x"] = holder.attrs[name]
    del holder.attrs[name]


def _attribute_added(file: h5py.File, source: random.Random) -> None:
    file.attrs["x"] = 1.0


HDF5_KINDS = {
    "numbers": _hdf5(_dataset_numbers),
    "type": _hdf5(_dataset_type),
    "strings": _hdf5(_dataset_strings),
    "shape": _hdf5(_dataset_shape),
    "huge": _hdf5(_dataset_huge),
    "none": _hdf5(_dataset_none),
    "renamed": _hdf5(_dataset_renamed),
    "dataset removed": _hdf5(_dataset_removed),
    "datasets swapped": _hdf5(_datasets_swapped),
    "group": _hdf5(_dataset_group),
    "link": _hdf5(_dataset_link),
    "added": _hdf5(_dataset_added),
    "filtered": _hdf5(_dataset_filtered),
    "elsewhere": _hdf5(_dataset_elsewhere),
    "attribute": _hdf5(_attribute),
    "attribute again": _hdf5(_attribute),
    "attribute number": _hdf5(_attribute_number),
    "attribute removed": _hdf5(_attribute_removed),
    "attribute renamed": _hdf5(_attribute_renamed),
    "attribute added": _hdf5(_attribute_added),
}
