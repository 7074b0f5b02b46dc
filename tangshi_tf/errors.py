"""The exception tree. The text of each message stands where it is raised.

    TangshiError
    ├── CorpusError       a corpus cannot be read, or holds nothing to learn from
    ├── VocabularyError   a vocabulary cannot be built or read
    ├── ConfigError       settings contradict each other or are out of range
    ├── CheckpointError   a run or its weights are missing, damaged or in the way
    │   └── StoppedError  a run was asked to stop, and can be resumed
    ├── TokenError        tokens have the wrong shape or type for the model
    ├── StateError        a recurrent state has the wrong entries for the model
    └── ModelError        a SavedModel folder is missing, damaged or not one of ours

Every message is one line: what is required, then what was received.
"""

import re

__all__ = [
    "CheckpointError",
    "ConfigError",
    "CorpusError",
    "ModelError",
    "StateError",
    "StoppedError",
    "TangshiError",
    "TokenError",
    "VocabularyError",
    "first_line",
]

_GRAPH_NODE = re.compile(r"\{\{.*?\}\}")  # how TensorFlow names the place of an error


class TangshiError(Exception):
    """Base of every error this package raises on purpose.

    Example:
        >>> from tangshi_tf import read_corpus
        >>> try:
        ...     read_corpus(["missing.txt"])
        ... except TangshiError as error:
        ...     print(error)
        A corpus file is required. Received: missing.txt, which does not exist
    """


class CorpusError(TangshiError):
    """A corpus cannot be read, or holds nothing to learn from."""


class VocabularyError(TangshiError):
    """A vocabulary cannot be built or read."""


class ConfigError(TangshiError):
    """Settings contradict each other or are out of range."""


class CheckpointError(TangshiError):
    """A run or its weights are missing, damaged or in the way."""


class StoppedError(CheckpointError):
    """A run was asked to stop; its checkpoint is written."""


class TokenError(TangshiError):
    """Tokens have the wrong shape or type for the model."""


class StateError(TangshiError):
    """A recurrent state has the wrong entries for the model."""


class ModelError(TangshiError):
    """A SavedModel folder is missing, damaged or not one of ours."""


def first_line(error: BaseException) -> str:
    """Return what another library's error says on its first line, cut at 300 characters, or its name."""
    reason = getattr(error, "strerror", None) or _GRAPH_NODE.sub("", str(error)).strip() or type(error).__name__
    return str(reason).splitlines()[0].rstrip(".")[:300]
