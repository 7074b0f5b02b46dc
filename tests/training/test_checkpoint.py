import h5py
import numpy as np
import pytest

from tangshi_tf.model.weights_file import dump_hdf5, open_hdf5
from tangshi_tf.training.checkpoint import Checkpoint, Position, dump_checkpoint, parse_checkpoint

CHECKPOINT = Checkpoint(
    Position(step=7, nll=1.5, tokens=40.0),
    [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64), np.zeros(0, np.float32), np.array([True])],
    seconds=12.5,
    records=2,
)


def damaged(damage: str) -> bytes:
    """Return the bytes of the checkpoint with one thing changed."""
    data = bytes(dump_checkpoint(CHECKPOINT, {"digest": "abc"}))

    def write(file: h5py.File) -> None:
        with open_hdf5(data) as right:
            for name in right:
                right.copy(name, file)
            file.attrs.update(right.attrs)
        exec(damage, {"file": file, "np": np})

    return bytes(dump_hdf5(write))


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    data = bytes(dump_checkpoint(CHECKPOINT, {"digest": "abc"}))
    assert data == bytes(dump_checkpoint(CHECKPOINT, {"digest": "abc"}))  # to the byte, whenever it is made
    with open_hdf5(data) as file:
        assert file.attrs["digest"] == "abc"
        found = parse_checkpoint(file)
    assert (found.position, found.seconds, found.records) == (CHECKPOINT.position, 12.5, 2)
    for a, b in zip(found.values, CHECKPOINT.values, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@pytest.mark.parametrize(
    "damage",
    [
        "del file.attrs['step']",
        "file.attrs['step'] = -1",
        "file.attrs['step'] = 1.5",
        "file.attrs['step'] = 'seven'",
        "file.attrs['step'] = [1, 2]",
        "file.attrs['nll'] = np.nan",
        "file.attrs['tokens'] = np.inf",
        "file.attrs['seconds'] = -0.5",
        "file.attrs['records'] = 1.0",
        "del file['1']",
        "file['4'] = 'text'",
        "file['4'] = [np.nan]",
        "file['4'] = [1j]",
        "file.create_group('4')",
        "file['more'] = 1.0",
        "file.create_dataset('4', shape=(1 << 40,), dtype='f4', chunks=(1 << 20,))",
        "file.create_dataset('4', shape=(1 << 40,), dtype='f4')",
    ],
)
def test_what_was_tampered_with_is_refused(damage: str) -> None:
    with open_hdf5(damaged(damage)) as file, pytest.raises((KeyError, ValueError, OSError)):
        parse_checkpoint(file)
