import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest

from tangshi_tf.config import ModelConfig
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.weights_file import dump_hdf5, dump_weights, load_weights, open_hdf5
from tangshi_tf.vocabulary import Vocabulary

VOCABULARY = Vocabulary("山水风月，。")
GRID = list(itertools.product(["rnn", "lstm", "gru"], [1, 2], [True, False], ["full", "none"]))


def make(cell: str = "gru", layers: int = 1, tied: bool = True, ear: str = "verse") -> PoetryModel:
    config = ModelConfig(cell=cell, layers=layers, tied=tied, ear=ear, units=4, embedding=3, titles=False)
    model = PoetryModel(config, VOCABULARY)
    model.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in model.get_weights()])
    return model


def contents(file: h5py.File) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    file.visititems(
        lambda path, entry: found.update({path: entry[()].tobytes()} if isinstance(entry, h5py.Dataset) else {})
    )
    return found


@pytest.mark.parametrize(("cell", "layers", "tied", "ear"), GRID)
def test_keras_reads_what_we_write_and_we_read_what_keras_writes(
    tmp_path: Path, cell: str, layers: int, tied: bool, ear: str
) -> None:
    model = make(cell, layers, tied, ear)
    model.save_weights(tmp_path / "keras.weights.h5")
    ours = bytes(dump_weights(model, {"digest": "abc"}))
    (tmp_path / "ours.weights.h5").write_bytes(ours)
    with h5py.File(tmp_path / "keras.weights.h5") as theirs, open_hdf5(ours) as file:
        assert contents(file) == contents(theirs)
        assert file.attrs["digest"] == "abc"
    for read in ("keras", "ours"):
        other = make(cell, layers, tied, ear)
        other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
        if read == "keras":
            other.load_weights(tmp_path / "ours.weights.h5")
        else:
            with h5py.File(tmp_path / "keras.weights.h5") as file:
                load_weights(other, file)
        assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), model.get_weights(), strict=True))


def test_other_weights_are_refused_and_nothing_is_set() -> None:
    model = make()
    before = model.get_weights()
    for other in (make(cell="lstm"), make(layers=2), make(tied=False), make(ear="none")):
        with (
            open_hdf5(bytes(dump_weights(other, {}))) as file,
            pytest.raises(ValueError, match=r"other weights|of shape"),
        ):
            load_weights(model, file)
    with open_hdf5(bytes(dump_weights(model, {}))) as right:
        arrays = {path: np.frombuffer(data, np.float32) for path, data in contents(right).items()}
    flat = dump_hdf5(lambda file: file.update(arrays))
    with open_hdf5(bytes(flat)) as file, pytest.raises(ValueError, match=r"of shape \(\d+,\)"):
        load_weights(model, file)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


def test_weights_that_are_no_numbers_are_refused() -> None:
    model = make()
    model.output_bias.assign(np.full(len(VOCABULARY), np.inf))
    with open_hdf5(bytes(dump_weights(model, {}))) as file, pytest.raises(ValueError, match="no finite numbers"):
        load_weights(make(), file)
