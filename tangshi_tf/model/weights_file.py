"""A model's weights as an HDF5 file: the layout of Keras, made and read in memory.

HDF5 crashes if the disk fills up while it writes. So the disk sees finished bytes only.
"""

import io
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import h5py
import numpy as np

__all__ = ["dump_hdf5", "dump_weights", "load_weights", "open_hdf5", "weights_by_path"]

_GROUPS = {"rnn": "simple_rnn", "lstm": "lstm", "gru": "gru"}  # as Keras calls the layers of each cell


def dump_hdf5(write: Callable[[h5py.File], None]) -> memoryview:
    """Return the bytes of the file that `write` fills."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(file)
    return buffer.getbuffer()


def open_hdf5(file: bytes | BinaryIO) -> h5py.File:
    """Open the bytes of a file, or an open one, to be read. Of an open one only what is asked for is read.

    Raises:
        OSError: if it is no HDF5 file.
    """
    return h5py.File(io.BytesIO(file) if isinstance(file, bytes) else file, "r")


def dump_weights(model: Any, attributes: Mapping[str, str]) -> memoryview:
    """Return the bytes of a file that `model.load_weights` can read too.

    Args:
        model: a `PoetryModel`.
        attributes: of the file.
    """

    def write(file: h5py.File) -> None:
        for name, value in attributes.items():
            file.attrs[name] = value
        file.require_group("vars")  # Keras reads it even if the model itself has no variable
        for path, variable in weights_by_path(model).items():
            file[path] = np.asarray(variable)

    return dump_hdf5(write)


def load_weights(model: Any, file: h5py.File) -> None:
    """Set the weights of a model to those of a file that `dump_weights` or `model.save_weights` wrote.

    Raises:
        ValueError: if the file has other weights, of other shapes or types, or such as are no finite numbers.
    """
    found: dict[str, Any] = {}
    file.visititems(lambda path, entry: found.update({path: entry} if isinstance(entry, h5py.Dataset) else {}))
    variables = weights_by_path(model)
    if found.keys() != variables.keys():
        raise ValueError(f"other weights: {', '.join(sorted(found.keys() ^ variables.keys()))}")
    for path, variable in variables.items():
        if found[path].shape != tuple(variable.shape) or found[path].dtype != variable.dtype:
            raise ValueError(f"{path} of shape {found[path].shape} and type {found[path].dtype}")
    for path, variable in variables.items():
        variable.assign(np.asarray(found[path]))
    model.require_finite_weights()


def weights_by_path(model: Any) -> dict[str, Any]:
    """Return every variable of a model by its path in a file of weights."""
    paths = {"embedding": model.embedding.weights, "layers/dense": model.projection.variables}
    if model.config.tied:
        paths[""] = [model.output_bias]
    if model.hearing.weights:
        paths["hearing"] = model.hearing.weights
    for i, layer in enumerate(model.recurrent):
        number = f"_{i}" if i else ""
        paths[f"layers/{_GROUPS[model.config.cell]}{number}/cell"] = layer.weights
    return {
        f"{path}/vars/{i}".removeprefix("/"): variable
        for path, variables in paths.items()
        for i, variable in enumerate(variables)
    }
