"""The schema of each JSON file that we write, held against it when it is opened.

A key that a schema does not have is passed over: a later version may have written it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from tangshi_tf.errors import TangshiError, first_line

__all__ = [
    "BaseRecord",
    "EpochRecord",
    "Extension",
    "FormatRecord",
    "Manifest",
    "RunRecord",
    "StepRecord",
    "VersionRecord",
    "decode",
    "decode_lines",
]

_Count = Annotated[int, Meta(ge=0, le=2**53)]
_Positive = Annotated[int, Meta(ge=1, le=2**53)]
_Amount = Annotated[float, Meta(ge=0.0)]  # of nats, seconds, tokens a second


class Extension(TypedDict):
    """A longer plan for a run that had come to its end."""

    step: _Positive  # at which it was extended
    epochs: _Positive
    max_steps: _Count
    minutes: _Amount


class BaseRecord(TypedDict):
    """The model that a run began with the weights of."""

    path: str  # of its version folder; empty if it came from elsewhere
    validation_perplexity: _Amount  # of the run's validation split, before anything was learnt


class Manifest(TypedDict):
    """`manifest.json` of a run: what was resolved at its start."""

    counted: str
    members: dict[str, _Count]
    dropped: dict[str, _Count]
    vocabulary: _Positive
    parameters: _Positive
    tokens: _Count
    epoch_steps: _Positive
    steps: _Positive
    precision: str
    devices: str
    command: str
    corpus: str
    tensorflow: str
    keras: str
    package: str
    unknown: NotRequired[dict[str, tuple[_Count, _Count]]]  # by split: tokens outside the vocabulary, and all
    extended: NotRequired[list[Extension]]
    base: NotRequired[BaseRecord]


class EpochRecord(TypedDict):
    """A line of `history.jsonl`: the results of an epoch."""

    epoch: _Positive
    step: _Positive
    loss: _Amount
    validation_nll: _Amount
    validation_perplexity: _Amount
    best: bool
    seconds: _Amount
    poem: str
    predicted: str
    target: str
    learning_rate: _Amount
    tokens_per_second: _Amount
    peak_memory: _Amount | None
    gpu_memory: _Amount | None
    gpu_utilisation: _Amount | None


class StepRecord(TypedDict):
    """A line of `history.jsonl` that has no epoch: how training went, up to 500 times a run."""

    step: _Positive
    loss: _Amount  # nats a token since the progress before
    learning_rate: _Amount
    tokens_per_second: _Amount
    seconds: _Amount  # that the run has taken


class RunRecord(TypedDict):
    """`config.json` of a run; `from_dict` checks each setting."""

    model: dict[str, Any]
    training: dict[str, Any]
    base: NotRequired[str]  # the version folder that its first weights come from; empty if they come from elsewhere


class FormatRecord(TypedDict):
    """What `assets.extra/config.json` has in every format."""

    format: int


class VersionRecord(FormatRecord):
    """`assets.extra/config.json` of a version."""

    model: dict[str, Any]
    tensorflow: str
    package: NotRequired[str]
    training: NotRequired[dict[str, Any]]
    manifest: NotRequired[Manifest]
    perplexity: NotRequired[dict[str, _Amount]]
    weights: NotRequired[str]  # the SHA-256 of the run's file that they came from


def decode(data: bytes, schema: Any, path: Path, error: type[TangshiError]) -> Any:
    """Return the value of a JSON file, whole, once it agrees with its schema.

    Raises:
        TangshiError: of the kind `error`, if it is no JSON, or does not agree.
    """
    try:
        value = msgspec.json.decode(data)
        msgspec.convert(value, schema)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as failure:
        raise error(f"An undamaged JSON file is required: {path}. Received: {first_line(failure)}.") from None
    return value


def decode_lines(
    data: bytes, schema_of: Callable[[bytes], Any], path: Path, error: type[TangshiError]
) -> Sequence[Any]:
    r"""Return the values of a file with one JSON object a line; a line ends with ``\n`` alone.

    Args:
        data: of the file.
        schema_of: a line to its schema.
        path: that errors name.
        error: to raise.

    Raises:
        TangshiError: of the kind `error`, if the last line is cut, or one is no JSON or does not agree with the schema.
    """
    lines = data.split(b"\n")
    if lines.pop():
        raise error(f"A file of whole lines is required: {path}. Received one that is cut in its last line.")
    return [decode(line, schema_of(line), path, error) for line in lines]
