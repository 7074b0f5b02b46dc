"""What a version folder of a SavedModel says of itself: settings, vocabulary, digests. TensorFlow is not needed."""

from pathlib import Path
from typing import Any

from tangshi_tf.config import FORMAT, ModelConfig, TrainingConfig, from_dict
from tangshi_tf.errors import ConfigError, ModelError, TangshiError, first_line
from tangshi_tf.storage.digests import DIGESTS, Digests
from tangshi_tf.storage.schemas import FormatRecord, VersionRecord, decode
from tangshi_tf.vocabulary import Vocabulary

__all__ = [
    "CARD",
    "EXTRA",
    "read_card",
    "read_version",
    "require_undamaged",
    "settings_of",
    "version_settings",
    "version_vocabulary",
]

EXTRA = "assets.extra"  # where TensorFlow Serving leaves a user's files alone
CARD = f"{EXTRA}/README.md"
_CONFIG, _VOCABULARY = f"{EXTRA}/config.json", f"{EXTRA}/vocabulary.txt"


def read_version(folder: Path) -> dict[str, Any]:
    """Read the description of a version.

    Raises:
        ModelError: if it is missing or damaged, was not written by this package, or in another format.
    """
    path = folder / _CONFIG
    if not path.is_file():
        raise ModelError(f"A model folder written by tangshi-tf is required (saved_models/NAME/1). Received: {folder}.")
    data = _digests(folder).read(_CONFIG)
    found = decode(data, FormatRecord, path, ModelError)["format"]  # another format may have another schema
    if found != FORMAT:
        raise ModelError(f"A model folder of format {FORMAT} is required: {folder}. Received: format {found}.")
    config: dict[str, Any] = decode(data, VersionRecord, path, ModelError)
    return config


def version_settings(folder: Path) -> tuple[ModelConfig, TrainingConfig]:
    """Return what a version says that its model is, and how it was trained.

    Raises:
        ModelError: if the description is missing or damaged, or has unknown settings.
    """
    return settings_of(read_version(folder), folder / _CONFIG, ModelError)


def version_vocabulary(folder: Path) -> Vocabulary:
    """Return the vocabulary of a version.

    Raises:
        ModelError: if it is missing, or changed since it was written.
        VocabularyError: if it is damaged.
    """
    return Vocabulary.from_bytes(_digests(folder).read(_VOCABULARY), folder / _VOCABULARY)


def read_card(folder: Path) -> str:
    """Return the card of a version, empty if there is none; people may have written into it.

    Raises:
        ModelError: if it is no text.
    """
    path = folder / CARD
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, ValueError) as error:
        raise ModelError(f"A model card in UTF-8 is required: {path}. Received: {first_line(error)}.") from None


def require_undamaged(folder: Path) -> None:
    """Refuse a version with a file that was changed since it was written; files that came later are no damage.

    The card is for people, who may write into it.

    Raises:
        ModelError: if there is such a file, or one is missing.
    """
    digests = _digests(folder)
    digests.verify(name for name in digests.names if name != CARD)
    for path in folder.rglob("*"):  # TensorFlow would wait for ever for a pipe
        if not path.is_file() and not path.is_dir():
            raise ModelError(f"Plain files are required in {folder}. Received: {path.relative_to(folder)}.")


def settings_of(record: Any, path: Path, error: type[TangshiError]) -> tuple[ModelConfig, TrainingConfig]:
    """Return the settings in the `config.json` of a run or of a version.

    Raises:
        TangshiError: of the kind `error`, if one is unknown, of another type or out of range.
    """
    try:
        return from_dict(ModelConfig, record["model"]), from_dict(TrainingConfig, record.get("training", {}))
    except ConfigError as failure:
        raise error(f"Valid settings are required in {path}: {failure}") from None


def _digests(folder: Path) -> Digests:
    return Digests(folder, ModelError, f"{EXTRA}/{DIGESTS}")
