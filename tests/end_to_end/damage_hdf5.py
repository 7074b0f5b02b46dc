"""Damage to HDF5 files that stay HDF5: datasets and attributes of other types, shapes and names."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["HDF5_KINDS"]


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
