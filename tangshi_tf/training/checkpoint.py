"""A checkpoint: all that a run needs to go on, as an HDF5 file made and read in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from tangshi_tf.model.weights_file import dump_hdf5

__all__ = ["Checkpoint", "Position", "dump_checkpoint", "parse_checkpoint"]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come."""

    step: int = 0  # batches trained on
    nll: float = 0.0  # nats, summed since the epoch began; a float32
    tokens: float = 0.0  # since the epoch began; a float32


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run stands.

    Attributes:
        position: how far it has come.
        values: of every variable that it needs to go on: the model's, then the optimizer's, then the state carried on.
        seconds: that it has taken.
        records: the lines that its history had.
    """

    position: Position = Position()
    values: Sequence[npt.NDArray[Any]] = ()
    seconds: float = 0.0
    records: int = 0


def dump_checkpoint(checkpoint: Checkpoint, attributes: Mapping[str, str]) -> memoryview:
    """Return the bytes of a checkpoint's file, with further attributes."""
    facts = {**asdict(checkpoint.position), "seconds": checkpoint.seconds, "records": checkpoint.records}

    def write(file: h5py.File) -> None:
        for name, value in {**attributes, **facts}.items():
            file.attrs[name] = value
        for i, array in enumerate(checkpoint.values):
            file.create_dataset(str(i), data=array)

    return dump_hdf5(write)


def parse_checkpoint(file: h5py.File, *, whole: bool = True) -> Checkpoint:
    """Read what `dump_checkpoint` wrote; if not the whole, then without the values of the variables.

    Raises:
        KeyError: if an attribute or a variable is missing.
        ValueError: if one is of another type, or is no finite number.
    """
    facts = {field.name: _number(file, field.name, field.type) for field in fields(Position)}
    values = [_array(file, str(i)) for i in range(len(file))] if whole else []
    return Checkpoint(Position(**facts), values, _number(file, "seconds", float), _number(file, "records", int))


def _number(file: h5py.File, name: str, kind: Any) -> Any:
    value = np.asarray(file.attrs[name])
    if value.shape or value.dtype.kind != np.dtype(kind).kind or not np.isfinite(value) or value < 0:
        raise ValueError(f"{name} {value!r:.80}")
    return value.item()


def _array(file: h5py.File, name: str) -> npt.NDArray[Any]:
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "fiub":
        raise ValueError(f"variable {name} that is no array of numbers")
    if dataset.chunks or dataset.external or dataset.nbytes > dataset.id.get_storage_size():
        raise ValueError(f"variable {name} of {dataset.nbytes:,} bytes")
    array = np.asarray(dataset)
    if not np.isfinite(array).all():
        raise ValueError(f"variable {name} with values that are no finite numbers")
    return array
