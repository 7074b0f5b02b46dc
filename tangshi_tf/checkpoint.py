"""The folder of a training run, in which every file appears whole or not at all.

    runs/NAME/
    ├── config.json        model and training settings
    ├── vocabulary.txt
    ├── best.weights.h5    of the epoch with the best validation figure
    ├── manifest.json      what was resolved at the start
    └── history.jsonl      one line an epoch

The weights carry a digest of the configuration and the vocabulary they belong to, so that they are never read
with others.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py

from tangshi_tf.config import ModelConfig, TrainingConfig, from_dict, read_json
from tangshi_tf.errors import CheckpointError, first_line
from tangshi_tf.model import PoetryModel
from tangshi_tf.vocabulary import Vocabulary

__all__ = ["Run", "write_atomic", "write_text"]

_CONFIG, _VOCABULARY, _WEIGHTS = "config.json", "vocabulary.txt", "best.weights.h5"
_MANIFEST, _HISTORY = "manifest.json", "history.jsonl"
_FILES = (_CONFIG, _VOCABULARY, _WEIGHTS, _MANIFEST, _HISTORY)
_DIGEST = "tangshi_tf_digest"


class Run:
    """A run that exists. Make one with `create`, open one with the constructor.

    Raises:
        CheckpointError: if the folder is not a run.
    """

    def __init__(self, folder: Path) -> None:
        """See the class."""
        self.folder = folder
        if not (folder / _CONFIG).is_file():
            raise CheckpointError(f"A training run is required (a folder with {_CONFIG}). Received: {folder}.")
        config = read_json(folder / _CONFIG)
        self.model_config = from_dict(ModelConfig, config.get("model", {}))
        self.training_config = from_dict(TrainingConfig, config.get("training", {}))
        self.vocabulary = Vocabulary.load(folder / _VOCABULARY)

    @classmethod
    def create(
        cls,
        folder: Path,
        model: ModelConfig,
        training: TrainingConfig,
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
            if found - set(_FILES):
                raise CheckpointError(f"A folder for the run is required. Received one with other files: {folder}.")
            if found & {_WEIGHTS, _HISTORY} and not restart:
                raise CheckpointError(
                    f"A new run is required, or --restart to discard the old one. Received an existing run: {folder}."
                )
            for name in found:
                (folder / name).unlink()
        except OSError as error:
            raise CheckpointError(f"A writable folder is required: {folder}. Received: {first_line(error)}.") from None
        write_text(folder / _VOCABULARY, vocabulary.dumps())
        settings = {"model": dataclasses.asdict(model), "training": dataclasses.asdict(training)}
        write_text(folder / _CONFIG, json.dumps(settings, indent=2) + "\n")
        return cls(folder)

    @property
    def manifest(self) -> dict[str, Any]:
        """What was resolved at the start."""
        return read_json(self.folder / _MANIFEST)

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

    @property
    def best(self) -> dict[str, Any]:
        """The record of the epoch whose weights are kept: the one with the lowest validation nll.

        Raises:
            CheckpointError: if no epoch was finished.
        """
        if not self.history:
            raise CheckpointError(f"A run with at least one finished epoch is required. Received: {self.folder}.")
        return min(self.history, key=lambda record: record["validation_nll"])

    def append_history(self, record: Mapping[str, Any]) -> None:
        """Add the record of an epoch."""
        lines = [json.dumps(entry, ensure_ascii=False) + "\n" for entry in [*self.history, record]]
        write_text(self.folder / _HISTORY, "".join(lines))

    def save_weights(self, model: PoetryModel) -> None:
        """Write the model's weights with the digest of what they belong to."""

        def write(path: Path) -> None:
            model.save_weights(path)
            with h5py.File(path, "r+") as file:
                file.attrs[_DIGEST] = self._digest()

        write_atomic(self.folder / _WEIGHTS, write)

    def load_model(self, precision: str = "float32") -> PoetryModel:
        """Build the model with the best weights of the run.

        Raises:
            CheckpointError: if the weights are missing, damaged or belong to another configuration or vocabulary.
        """
        path = self.folder / _WEIGHTS
        model = PoetryModel(self.model_config, self.vocabulary, precision)
        try:
            with h5py.File(path, "r") as file:
                matches = file.attrs.get(_DIGEST) == self._digest()
            if matches:
                model.load_weights(path)
                model.require_finite_weights()
        except (OSError, KeyError, ValueError) as error:
            raise CheckpointError(f"Undamaged weights are required: {path}. Received: {first_line(error)}.") from None
        if not matches:
            raise CheckpointError(
                f"Weights of this configuration and vocabulary are required. Received those of another: {path}."
            )
        return model

    def _digest(self) -> str:
        digest = hashlib.sha256(json.dumps(dataclasses.asdict(self.model_config), sort_keys=True).encode())
        digest.update(self.vocabulary.dumps().encode())
        return digest.hexdigest()


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step.

    A symbolic link is followed; what is there but is no plain file, such as a pipe, is written to as it is.

    Raises:
        CheckpointError: if the file cannot be written; an older file at `path` is untouched then.
    """
    path = path.resolve()
    temporary = path.with_name(f".{os.getpid()}.{path.name}")  # Keras insists on the ending .weights.h5
    try:
        if path.exists() and not path.is_file():
            write(path)
            return
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise CheckpointError(f"A writable file is required: {path}. Received: {first_line(error)}.") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_atomic` does."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(text.encode())

    write_atomic(path, write)
