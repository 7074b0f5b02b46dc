"""The files of a run's folder: settings, vocabulary, checkpoint, best weights, history.

Every file appears whole or not at all:

    runs/NAME/
    ├── config.json        model and training settings
    ├── vocabulary.txt
    ├── manifest.json      what was resolved at the start
    ├── checkpoint.h5      all that is needed to go on: weights, optimizer, position
    ├── best.weights.h5    of the epoch with the best validation figure
    └── history.jsonl      one line an epoch

Both files of weights carry a digest of the configuration and the vocabulary they belong to, so that they are never read
with others. At the end of an epoch the best weights are written first, then the history, then the checkpoint, which
knows how many epochs it has seen: whenever a process dies, going on from the checkpoint writes the rest again, and the
same.
"""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from tangshi_tf.config import ModelConfig, TrainingConfig, read_json, read_settings, to_dict
from tangshi_tf.errors import CheckpointError, first_line
from tangshi_tf.files import LOCK, write_atomic, write_text
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.trainer import Position
from tangshi_tf.vocabulary import Vocabulary

__all__ = ["Run"]

_CONFIG, _VOCABULARY, _WEIGHTS = "config.json", "vocabulary.txt", "best.weights.h5"
_MANIFEST, _HISTORY, _CHECKPOINT = "manifest.json", "history.jsonl", "checkpoint.h5"
_PICTURE, _LOGS = "learning-curve.svg", "tensorboard"  # if asked for
# In the order in which a run is discarded: what is left, if that is cut short, is not taken for a run to go on with.
_FILES = (_CHECKPOINT, _HISTORY, _WEIGHTS, _MANIFEST, _CONFIG, _VOCABULARY, _PICTURE, _LOGS)
_DIGEST = "tangshi_tf_digest"


class Run:
    """A run that exists. Make one with `create`, open one with the constructor.

    Args:
        folder: of the run, such as ``runs/tangshi``.

    Raises:
        CheckpointError: if the folder is not a run.

    Example:
        >>> vocabulary = Vocabulary.build(["白日依山尽，黄河入海流。"], min_count=1)
        >>> _ = Run.create(Path("runs/mine"), ModelConfig(units=8), TrainingConfig(), vocabulary)
        >>> run = Run("runs/mine")
        >>> run.model_config.units, run.history
        (8, [])
    """

    def __init__(self, folder: str | Path) -> None:
        """See the class."""
        self.folder = folder = Path(folder)
        if not (folder / _CONFIG).is_file():
            raise CheckpointError(f"A training run is required (a folder with {_CONFIG}). Received: {folder}.")
        self.model_config, self.training_config = read_settings(folder / _CONFIG)
        self.vocabulary = Vocabulary.load(folder / _VOCABULARY)

    @classmethod
    def create(
        cls,
        folder: Path,
        model_config: ModelConfig,
        training_config: TrainingConfig,
        vocabulary: Vocabulary,
        restart: bool = False,
    ) -> "Run":
        """Begin a run in a new folder.

        Raises:
            CheckpointError: if the folder holds a run and `restart` is false, or holds other files, or cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = {path.name for path in folder.iterdir()}
            if found - {*_FILES, LOCK}:
                raise CheckpointError(f"A folder for the run is required. Received one with other files: {folder}.")
            if found & {_WEIGHTS, _HISTORY, _CHECKPOINT} and not restart:
                raise CheckpointError(
                    "A new run is required, or --resume to go on with the old one, or --restart to discard it. "
                    f"Received an existing run: {folder}."
                )
            for name in _FILES:
                if (folder / name).is_dir():
                    shutil.rmtree(folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointError(f"A writable folder is required: {folder}. Received: {first_line(error)}.") from None
        write_text(folder / _VOCABULARY, vocabulary.dumps())
        settings = {"model": dataclasses.asdict(model_config), "training": dataclasses.asdict(training_config)}
        write_text(folder / _CONFIG, json.dumps(settings, indent=2) + "\n")
        return cls(folder)

    @property
    def manifest(self) -> dict[str, Any]:
        """What was resolved at the start; empty before that."""
        path = self.folder / _MANIFEST
        return read_json(path) if path.exists() else {}

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest."""
        write_text(self.folder / _MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    @property
    def history(self) -> list[dict[str, Any]]:
        """One record an epoch.

        Raises:
            CheckpointError: if the file is damaged.
        """
        path = self.folder / _HISTORY
        try:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        except (OSError, ValueError) as error:
            raise CheckpointError(f"An undamaged file is required: {path}. Received: {first_line(error)}.") from None

    def require_epoch(self) -> None:
        """Refuse a run that has nothing to export.

        Raises:
            CheckpointError: if no epoch was finished.
        """
        if not self.history:
            raise CheckpointError(f"A run with at least one finished epoch is required. Received: {self.folder}.")

    @property
    def best(self) -> dict[str, Any]:
        """The record of the epoch whose weights are kept: the one with the lowest validation nll.

        Raises:
            CheckpointError: if no epoch was finished.
        """
        self.require_epoch()
        return min(self.history, key=lambda record: record["validation_nll"])

    def append_history(self, record: Mapping[str, Any]) -> None:
        """Add the record of an epoch."""
        self._write_history([*self.history, record])

    def _write_history(self, records: Sequence[Mapping[str, Any]]) -> None:
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        write_text(self.folder / _HISTORY, "".join(lines))

    def save_weights(self, model: PoetryModel) -> None:
        """Write the model's weights with the digest of what they belong to."""

        def write(path: Path) -> None:
            model.save_weights(path)
            with h5py.File(path, "r+") as file:
                file.attrs[_DIGEST] = self._digest(_WEIGHTS)

        write_atomic(self.folder / _WEIGHTS, write)

    def load_model(self, precision: str = "float32") -> PoetryModel:
        """Build the model with the best weights of the run.

        Raises:
            CheckpointError: if the weights are missing, damaged or belong to another configuration or vocabulary.
        """
        model = PoetryModel(self.model_config, self.vocabulary, precision)

        def read(file: h5py.File) -> None:
            model.load_weights(self.folder / _WEIGHTS)
            model.require_finite_weights()

        self._read(_WEIGHTS, read)
        return model

    def save_checkpoint(self, position: Position, values: Sequence[npt.NDArray[Any]], seconds: float) -> None:
        """Write where a run stands, the value of every variable it needs to go on, and how long it has taken."""

        def write(path: Path) -> None:
            with h5py.File(path, "w") as file:
                file.attrs[_DIGEST] = self._digest(_CHECKPOINT)
                facts = {**dataclasses.asdict(position), "seconds": seconds, "records": len(self.history)}
                for name, value in facts.items():
                    file.attrs[name] = value
                for i, array in enumerate(values):
                    file.create_dataset(str(i), data=array)

        write_atomic(self.folder / _CHECKPOINT, write)

    def load_checkpoint(self) -> tuple[Position, list[npt.NDArray[Any]], float]:
        """Read what `save_checkpoint` wrote, and cut the history back to what it had been then.

        Returns:
            Position, values and seconds; the very beginning and no values if there is no checkpoint yet.

        Raises:
            CheckpointError: if the file is damaged or belongs to another configuration or vocabulary.
        """
        path = self.folder / _CHECKPOINT
        if not path.exists():
            if len(self.history) > 1:  # a run that was killed before its first checkpoint has one epoch at most
                raise CheckpointError(f"A checkpoint is required to go on: {path}. Received: none.")
            if self.history:
                self._write_history([])
            return Position(), [], 0.0

        def read(file: h5py.File) -> tuple[Position, list[npt.NDArray[Any]], float, int]:
            names = [field.name for field in dataclasses.fields(Position)]
            position = Position(**{name: file.attrs[name].item() for name in names})
            values = [np.asarray(file[str(i)]) for i in range(len(file))]
            return position, values, file.attrs["seconds"].item(), file.attrs["records"].item()

        position, values, seconds, records = self._read(_CHECKPOINT, read)
        self._write_history(self.history[:records])
        return position, values, seconds

    def _read(self, name: str, read: Callable[[h5py.File], Any]) -> Any:
        """Read one of the files of weights."""
        path = self.folder / name
        try:
            with h5py.File(path, "r") as file:
                matches = file.attrs.get(_DIGEST) == self._digest(name)
                value = read(file) if matches else None
        except (OSError, KeyError, ValueError) as error:
            raise CheckpointError(f"Undamaged weights are required: {path}. Received: {first_line(error)}.") from None
        if not matches:
            raise CheckpointError(
                f"Weights of this configuration and vocabulary are required. Received those of another: {path}."
            )
        return value

    def _digest(self, name: str) -> str:
        """Return what tells one of the files of weights from those of another configuration or vocabulary."""
        settings = [to_dict(self.model_config)]
        if name == _CHECKPOINT:  # the optimizer's variables depend on these
            settings.append(to_dict(self.training_config))
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        digest.update(self.vocabulary.dumps().encode())
        return digest.hexdigest()
