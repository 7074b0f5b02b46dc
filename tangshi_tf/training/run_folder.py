"""The files of a run's folder: settings, vocabulary, checkpoint, best weights, history.

Every file appears whole or not at all:

    runs/NAME/
    ├── config.json        model and training settings
    ├── vocabulary.txt
    ├── manifest.json      what was resolved at the start
    ├── checkpoint.h5      all that is needed to go on: weights, optimizer, position
    ├── best.weights.h5    of the epoch with the best validation figure
    ├── history.jsonl      one line an epoch, and up to 500 lines of steps
    └── digests.json       of each of these files, so that damage is noticed

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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import h5py
import numpy.typing as npt

from tangshi_tf.config import LENGTH, ModelConfig, TrainingConfig, to_dict
from tangshi_tf.errors import CheckpointError, first_line
from tangshi_tf.model.weights_file import dump_weights, load_weights, open_hdf5
from tangshi_tf.storage.digests import Digests
from tangshi_tf.storage.schemas import Extension, Manifest, RunRecord, decode
from tangshi_tf.storage.version_folder import settings_of
from tangshi_tf.training.checkpoint import Checkpoint, Position, dump_checkpoint, parse_checkpoint
from tangshi_tf.training.history import best_of, is_finished, out_of_patience, parse_history
from tangshi_tf.training.run_files import (
    CHECKPOINT,
    CONFIG,
    GUARDED,
    HISTORY,
    MANIFEST,
    RUN_FILES,
    VOCABULARY,
    WEIGHTS,
    is_run,
    require_place,
)
from tangshi_tf.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tangshi_tf.model.poetry_model import PoetryModel

__all__ = ["Run"]

_SETTINGS = "tangshi_tf_digest"  # the attribute that tells weights from those of other settings


class Run:
    """A run that exists. Make one with `create`, open one with the constructor.

    Args:
        folder: of the run, such as ``runs/tangshi``.

    Attributes:
        base: the version folder that the first weights come from, empty if they come from elsewhere; None without one.

    Raises:
        CheckpointError: if the folder is not a run, or its settings are damaged.

    Example:
        >>> vocabulary = Vocabulary.build(["白日依山尽，黄河入海流。"], min_count=1, titled=True)
        >>> _ = Run.create(Path("runs/mine"), ModelConfig(units=8), TrainingConfig(), vocabulary)
        >>> Run("runs/mine").model_config.units
        8
    """

    def __init__(self, folder: str | Path) -> None:
        """See the class."""
        self.folder = folder = Path(folder)
        if not is_run(folder):
            raise CheckpointError(f"A training run is required (a folder with {CONFIG}). Received: {folder}.")
        self._digests = Digests(folder, CheckpointError, known=GUARDED)
        record = decode(self._digests.read(CONFIG), RunRecord, folder / CONFIG, CheckpointError)
        self.model_config, self._begun_with = settings_of(record, folder / CONFIG, CheckpointError)
        self.base: str | None = record.get("base")
        self.vocabulary = Vocabulary.from_bytes(self._digests.read(VOCABULARY), folder / VOCABULARY)
        if self.vocabulary.separator is not None and not self.model_config.titles:  # poems may all be without
            raise CheckpointError(f"A vocabulary of these settings is required in {folder}. Received: another.")

    @classmethod
    def create(
        cls,
        folder: Path,
        model_config: ModelConfig,
        training_config: TrainingConfig,
        vocabulary: Vocabulary,
        restart: bool = False,
        base: str | None = None,
    ) -> "Run":
        """Begin a run in a new folder.

        Raises:
            CheckpointError: if the folder holds a run and `restart` is false, or holds other files, or cannot be made.
        """
        require_place(folder, restart)
        try:
            for path in (folder / name for name in RUN_FILES):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointError(f"A writable folder is required: {folder}. Received: {first_line(error)}.") from None
        record = {"model": dataclasses.asdict(model_config), "training": dataclasses.asdict(training_config)}
        digests = Digests(folder, CheckpointError)
        digests.write(VOCABULARY, vocabulary.dumps().encode())
        digests.write(CONFIG, _json(record if base is None else {**record, "base": base}))
        return cls(folder)

    @property
    def training_config(self) -> TrainingConfig:
        """How it is trained: as it was begun, or for as long as it was extended to."""
        extended = self.manifest.get("extended", [])
        if not extended:
            return self._begun_with
        longer = {name: value for name, value in extended[-1].items() if name != "step"}
        return dataclasses.replace(self._begun_with, **longer)

    @property
    def manifest(self) -> dict[str, Any]:
        """What was resolved at the start; empty before that.

        Raises:
            CheckpointError: if the file is damaged.
        """
        path = self.folder / MANIFEST
        if not self._digests.exists(MANIFEST):
            return {}
        return decode(self._digests.read(MANIFEST), Manifest, path, CheckpointError)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest."""
        self._digests.write(MANIFEST, _json(manifest))

    def extend(self, training_config: TrainingConfig, steps: int) -> None:
        """Plan a run that is at its end to so many steps in all, for as long as the settings say."""
        manifest = self.manifest
        extension = Extension(
            step=manifest["steps"],
            epochs=training_config.epochs,
            max_steps=training_config.max_steps,
            minutes=training_config.minutes,
        )
        self.write_manifest({**manifest, "steps": steps, "extended": [*manifest.get("extended", []), extension]})

    @property
    def history(self) -> list[dict[str, Any]]:
        """One record an epoch.

        Raises:
            CheckpointError: if the file is damaged.
        """
        return [record for record in self._records() if "epoch" in record]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """How training went within the epochs: loss, learning rate and speed at up to 500 steps of a run.

        Raises:
            CheckpointError: if the file is damaged.
        """
        return sorted(
            (record for record in self._records() if "epoch" not in record), key=lambda record: record["step"]
        )

    def _records(self) -> list[dict[str, Any]]:
        """Return every line of the history, those of epochs and those of steps."""
        path = self.folder / HISTORY
        if not self._digests.exists(HISTORY):
            return []
        return parse_history(self._digests.read(HISTORY), path)

    def require_epoch(self) -> None:
        """Refuse a run that has no epoch to tell of.

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
        return dict(best_of(self.history))

    def append_history(self, *records: Mapping[str, Any]) -> None:
        """Add records of epochs or of steps."""
        self._write_history([*self._records(), *records])

    def _write_history(self, records: Sequence[Mapping[str, Any]]) -> None:
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        self._digests.write(HISTORY, "".join(lines).encode())

    def save_weights(self, model: "PoetryModel") -> None:
        """Write the model's weights with the digest of the settings that they belong to."""
        self._digests.write(WEIGHTS, dump_weights(model, {_SETTINGS: self._settings(WEIGHTS)}))

    def load_model(self, precision: str = "float32", last: bool = False) -> "PoetryModel":
        """Build the model with the best weights of the run, or with the last ones, those of its checkpoint.

        Raises:
            CheckpointError: if the weights are missing, damaged or belong to another configuration or vocabulary.
        """
        from tangshi_tf.model.poetry_model import PoetryModel

        model = PoetryModel(self.model_config, self.vocabulary, precision)
        if last:
            self._read(CHECKPOINT, lambda file: model.set_weights(parse_checkpoint(file).values[: len(model.weights)]))
        else:
            self._read(WEIGHTS, lambda file: load_weights(model, file))
        return model

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train: its plan is done, or its patience is at an end."""
        progress = self.progress
        step = progress.position.step if progress else None
        return is_finished(self.manifest, self.history, step, self.training_config.patience)

    def is_extended_by(self, training_config: TrainingConfig) -> bool:
        """Tell whether the run is at its end, and these settings give it more epochs, steps or minutes than it had."""
        had = self.training_config
        return (
            self.finished
            and not out_of_patience(self.history, had.patience)
            and any(getattr(training_config, name) > getattr(had, name) for name in LENGTH)
        )

    def weights_digest(self, last: bool = False) -> str:
        """Return the SHA-256 of the file of the best weights, or of that of the last ones.

        Raises:
            CheckpointError: if it is missing or damaged.
        """
        return hashlib.sha256(self._digests.read(CHECKPOINT if last else WEIGHTS)).hexdigest()

    def save_checkpoint(self, position: Position, values: Sequence[npt.NDArray[Any]], seconds: float) -> None:
        """Write where a run stands, the value of every variable it needs to go on, and how long it has taken."""
        checkpoint = Checkpoint(position, values, seconds, len(self._records()))
        self._digests.write(CHECKPOINT, dump_checkpoint(checkpoint, {_SETTINGS: self._settings(CHECKPOINT)}))

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What `save_checkpoint` wrote last; None before that.

        Raises:
            CheckpointError: if the file is damaged, or belongs to another configuration or vocabulary.
        """
        if not self._digests.exists(CHECKPOINT):
            return None
        return self._read(CHECKPOINT, parse_checkpoint)

    @property
    def progress(self) -> Checkpoint | None:
        """The same without the values of the variables.

        Raises:
            CheckpointError: if the file is damaged otherwise, or belongs to another configuration or vocabulary.
        """
        if not self._digests.exists(CHECKPOINT):
            return None
        self._digests.verify([CHECKPOINT])
        with self._digests.opened(CHECKPOINT) as file:
            return self._parse(CHECKPOINT, file, partial(parse_checkpoint, whole=False))

    def load_checkpoint(self) -> tuple[Position, Sequence[npt.NDArray[Any]], float]:
        """Read what `save_checkpoint` wrote, and cut the history back to what it had been then.

        Returns:
            Position, values and seconds; the very beginning and no values if there is no checkpoint yet.

        Raises:
            CheckpointError: if the file is damaged or belongs to another configuration or vocabulary.
        """
        records, checkpoint = self._records(), self.checkpoint
        if checkpoint is None:
            if len(self.history) > 1:  # a run that was killed before its first checkpoint has one epoch at most
                raise CheckpointError(f"A checkpoint is required to go on: {self.folder / CHECKPOINT}. Received: none.")
            checkpoint = Checkpoint()
        if len(records) < checkpoint.records:
            raise CheckpointError(
                f"A history of {checkpoint.records} lines is required: {self.folder / HISTORY}. "
                f"Received: {len(records)}."
            )
        if len(records) > checkpoint.records:
            self._write_history(records[: checkpoint.records])
        return checkpoint.position, checkpoint.values, checkpoint.seconds

    def _read(self, name: str, read: Callable[[h5py.File], Any]) -> Any:
        """Read one of the files of weights."""
        return self._parse(name, self._digests.read(name), read)

    def _parse(self, name: str, source: bytes | BinaryIO, read: Callable[[h5py.File], Any]) -> Any:
        path = self.folder / name
        try:
            with open_hdf5(source) as file:
                matches = file.attrs.get(_SETTINGS) == self._settings(name)
                value = read(file) if matches else None
        except Exception as error:  # HDF5 has many kinds of errors for a damaged file
            raise CheckpointError(f"Undamaged weights are required: {path}. Received: {first_line(error)}.") from None
        if not matches:
            raise CheckpointError(
                f"Weights of this configuration and vocabulary are required. Received those of another: {path}."
            )
        return value

    def _settings(self, name: str) -> str:
        """Return what tells one of the files of weights from those of another configuration or vocabulary."""
        settings = [to_dict(self.model_config)]
        if name == CHECKPOINT:  # the optimizer's variables depend on these
            settings.append(to_dict(self._begun_with))
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        digest.update(self.vocabulary.dumps().encode())
        return digest.hexdigest()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
