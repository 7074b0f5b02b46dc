"""Every setting of model and training, with its default, its range and its help; to and from JSON objects.

Each setting is declared once. The command line makes its options from these declarations.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from tangshi_tf.errors import ConfigError
from tangshi_tf.text_kind import TEXT_KINDS, TextKind

__all__ = [
    "AXES",
    "BOX",
    "COLDEST",
    "DEFAULTS",
    "DEFAULT_SAMPLER",
    "FINE_TUNING",
    "FORMAT",
    "LENGTH",
    "PORTABLE",
    "PRESETS",
    "PROSE",
    "PROSE_SAMPLER",
    "STRATEGIES",
    "ModelConfig",
    "TrainingConfig",
    "from_dict",
    "to_dict",
]

BOX = "tangshi"  # the name of the model inside the package, and of what is trained if no other is given
FORMAT = 1  # of assets.extra/config.json in a version folder; a reader refuses settings that it does not know
COLDEST = 1e-3  # a lower temperature is 0: few logits are so close that it would matter, and rounding would
PORTABLE = ("onnx", "litert")  # formats that take one step of a model
LENGTH = ("epochs", "max_steps", "minutes")  # the settings of training that say how long it takes
AXES: Mapping[str, str] = MappingProxyType(
    {"epochs": "epochs", "tokens": "tokens read in training", "minutes": "minutes, validation included"}
)
"""What a learning curve may be drawn along, and the label of that axis."""
STRATEGIES = ("auto", "one", "mirrored", "multiworker")

DEFAULT_SAMPLER = TEXT_KINDS["poems"].sampler
PROSE_SAMPLER = TEXT_KINDS["prose"].sampler

_Config = TypeVar("_Config", bound="ModelConfig | TrainingConfig")


def _setting(
    default: Any,
    help: str,  # noqa: A002
    *,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    off: str = "",
    absent: Any = None,
    of: str = "",
) -> Any:
    """Declare a setting.

    `off` names the opposite of a switch; `absent` is what a file means that is older than the setting; `of` is the kind
    of text that alone has the setting.
    """
    facts = {"help": help, "choices": choices, "least": least, "most": most, "off": off, "absent": absent, "of": of}
    return dataclasses.field(default=default, metadata=facts)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a `PoetryModel`, and what it reads.

    Example:
        >>> config = ModelConfig(cell="gru", units=256)
        >>> config.layers, config.ear
        (1, 'full')
    """

    text: str = _setting("poems", "What is read: poems, or running text.", choices=tuple(TEXT_KINDS), absent="poems")
    unit: str = _setting("char", "What a token is.", choices=("char", "word"), absent="char", of="prose")
    segmenter: str = _setting(
        "jieba",
        "With --unit word: jieba for Chinese (needs the extra jieba), or words between white space.",
        choices=("jieba", "whitespace"),
        absent="jieba",
        of="prose",
    )
    cell: str = _setting("lstm", "Recurrent cell.", choices=("rnn", "lstm", "gru"))
    units: int = _setting(640, "Width of each recurrent layer.", least=1)
    layers: int = _setting(1, "Number of recurrent layers.", least=1, most=100)
    embedding: int = _setting(256, "Width of a character's embedding.", least=1)
    dropout: float = _setting(
        0.35,
        "Share of values dropped after the embedding and after each layer, the same at all steps of a poem.",
        least=0.0,
        most=0.95,
    )
    recurrent_dropout: float = _setting(
        0.2, "Share of the recurrent weights dropped, anew for each batch.", least=0.0, most=0.95, absent=0.0
    )
    tied: bool = _setting(True, "Use the embedding matrix for the output too, or a separate matrix.", off="untied")
    ear: str = _setting(
        "full",
        "What the model hears. sounds: the sounds of characters; verse: position and rhymes so far; full: both.",
        choices=("full", "sounds", "verse", "none"),
        absent="none",
        of="poems",
    )
    rhymes: bool = _setting(
        True,
        "Learn how strongly to favour characters that would rhyme, and to avoid rhymes already used.",
        off="no-rhymes",
        absent=False,
        of="poems",
    )
    titles: bool = _setting(
        True, "Train with titles: three poems of four are read with theirs.", off="no-titles", absent=False, of="poems"
    )

    def __post_init__(self) -> None:
        """Refuse what no model can be built from."""
        _check(self)
        if not self.kind.verse and (self.ear != "none" or self.titles):
            raise ConfigError(
                f"No ear and no titles are required for {self.text}. Received: {self.ear}, {self.titles}."
            )
        if self.unit not in self.kind.units:
            raise ConfigError(f"Characters are required for {self.text}. Received: unit {self.unit}.")

    @property
    def kind(self) -> TextKind:
        """What kind of text the model is for."""
        return TEXT_KINDS[self.text]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a model is trained.

    Example:
        >>> TrainingConfig(epochs=3, learning_rate=0.003).optimizer
        'adamw'
    """

    epochs: int = _setting(18, "Passes over the training poems.", least=1, most=100_000)
    max_steps: int = _setting(0, "Largest number of batches; 0: no bound.", least=0)
    minutes: float = _setting(
        0.0,
        "Time for the run; the speed is measured first and sets the number of steps. 0: --epochs decides.",
        least=0.0,
    )
    patience: int = _setting(0, "Stop after so many epochs without a better validation figure; 0: never.", least=0)
    min_count: int = _setting(4, "A character that occurs less often is learnt as unknown.", least=1)
    token_budget: int = _setting(
        5_000, "Most tokens in a batch, over all replicas; small corpora take less.", least=1, of="poems"
    )
    batch_size: int = _setting(
        64, "For prose: lanes that the text is cut into, to be read side by side.", least=1, of="prose"
    )
    sequence_length: int = _setting(
        64, "For prose: tokens of each lane that are read at a time; gradients go back no further.", least=1, of="prose"
    )
    validation_share: float = _setting(
        5.0,
        "For prose: percent of the text, after the part to train on, to validate on.",
        least=0.0,
        most=99.0,
        of="prose",
    )
    test_share: float = _setting(
        5.0, "For prose: percent of the text, at its end, that is left for a test.", least=0.0, most=99.0, of="prose"
    )
    cooccurrence: bool = _setting(
        True,
        "Compute the first embeddings from co-occurrence: characters with similar neighbours begin alike.",
        off="no-cooccurrence",
        absent=False,
        of="poems",
    )
    optimizer: str = _setting("adamw", "Optimizer.", choices=("adamw", "adam", "rmsprop"))
    learning_rate: float = _setting(0.006, "Highest learning rate.", least=1e-9)
    warmup_steps: int = _setting(200, "Steps of rising learning rate, at most a tenth of the run.", least=0)
    final_rate: float = _setting(
        0.02,
        "The learning rate falls, as a cosine, to this share of its highest value; 1: constant.",
        least=0.0,
        most=1.0,
    )
    weight_decay: float = _setting(0.1, "Weight decay of adamw.", least=0.0)
    clip_norm: float = _setting(1.0, "Largest norm of the gradient; 0: no bound.", least=0.0)
    precision: str = _setting(
        "auto",
        "Precision of the multiplications; auto: bfloat16 where a short measurement shows that it is faster.",
        choices=("auto", "float32", "bfloat16"),
    )
    seed: int = _setting(0, "Decides initial weights, order of batches and dropout.", least=0, most=2**31 - 1)

    def __post_init__(self) -> None:
        """Refuse what no run can be made from."""
        _check(self)
        if self.validation_share + self.test_share >= 100:
            raise ConfigError(
                "Shares to validate on and to test of less than 100 percent together are required. "
                f"Received: {self.validation_share:g} and {self.test_share:g}."
            )

    @property
    def shares(self) -> tuple[float, float, float]:
        """Percent of a text to train on, to validate on and to test."""
        return 100.0 - self.validation_share - self.test_share, self.validation_share, self.test_share


def from_dict(cls: type[_Config], values: Mapping[str, Any]) -> _Config:
    """Build a settings object from a JSON object, which may be older than some settings.

    Raises:
        ConfigError: if a key is unknown, or a value has another type than the default or is out of range.
    """
    known = {field.name: field.metadata["absent"] for field in dataclasses.fields(cls)}
    for key in values:
        if key not in known:
            raise ConfigError(f"A setting of {cls.__name__} is required. Received: {key!r:.100}.")
    return cls(**{key: absent for key, absent in known.items() if absent is not None} | dict(values))


def to_dict(config: ModelConfig | TrainingConfig) -> dict[str, Any]:
    """Return what `from_dict` reads; settings with the value that their absence means are left out."""
    absent = {field.name: field.metadata["absent"] for field in dataclasses.fields(config)}
    values = dataclasses.asdict(config)
    return {name: value for name, value in values.items() if absent[name] is None or value != absent[name]}


def _check(config: ModelConfig | TrainingConfig) -> None:
    """Hold every value against the declaration of its field."""
    for field in dataclasses.fields(config):
        value, expected = getattr(config, field.name), type(field.default)
        allowed = (float, int) if expected is float else (expected,)
        if not isinstance(value, allowed) or isinstance(value, bool) != (expected is bool):
            raise ConfigError(f"{field.name} of type {expected.__name__} is required. Received: {value!r:.100}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{field.name} that is finite is required. Received: {value!r:.100}.")
        choices, least, most = (field.metadata[key] for key in ("choices", "least", "most"))
        if choices and value not in choices:
            raise ConfigError(f"{field.name} out of {', '.join(choices)} is required. Received: {value!r:.100}.")
        if (least is not None and value < least) or (most is not None and value > most):
            raise ConfigError(
                f"{field.name} {f'of at least {least}' if most is None else f'from {least} to {most}'} is required. "
                f"Received: {value!r:.100}."
            )


_PLAIN: Mapping[str, Any] = MappingProxyType(
    {"tied": False, "ear": "none", "rhymes": False, "titles": False, "dropout": 0.0, "recurrent_dropout": 0.0}
)

# For about 1 MB of text on two cores.
PROSE = (
    ModelConfig(text="prose", units=512, layers=2, embedding=128, dropout=0.3, ear="none", rhymes=False, titles=False),
    TrainingConfig(epochs=12, min_count=2, cooccurrence=False, weight_decay=0.02),
)

FINE_TUNING = TrainingConfig(
    epochs=12, patience=3, min_count=1, cooccurrence=False, learning_rate=0.0003, warmup_steps=20
)
"""What a few hundred poems are learnt with by a model that has learnt many."""

DEFAULTS: Mapping[str, tuple[ModelConfig, TrainingConfig]] = MappingProxyType(
    {"poems": (ModelConfig(), TrainingConfig()), "prose": PROSE}
)
"""By kind of text, the settings that `tangshi-tf fit` starts from."""

# The arrangements of three course programs that this project began from; see docs/results/cells.md.
_COURSE: Mapping[str, Any] = MappingProxyType({"cooccurrence": False, "warmup_steps": 0, "final_rate": 1.0})
PRESETS: Mapping[str, tuple[ModelConfig, TrainingConfig]] = MappingProxyType(
    {
        "o1": (
            ModelConfig(cell="lstm", units=128, layers=2, embedding=100, **_PLAIN),
            TrainingConfig(epochs=30, min_count=1, optimizer="rmsprop", learning_rate=0.01, **_COURSE),
        ),
        "o4": (
            ModelConfig(cell="rnn", units=128, layers=1, embedding=64, **_PLAIN),
            TrainingConfig(epochs=10, min_count=1, optimizer="adam", learning_rate=0.0005, clip_norm=0.0, **_COURSE),
        ),
        "o5": (
            ModelConfig(text="prose", unit="word", cell="lstm", units=256, layers=2, embedding=128, **_PLAIN),
            TrainingConfig(
                epochs=10,
                min_count=2,
                batch_size=20,
                sequence_length=30,
                optimizer="adam",
                learning_rate=0.002,
                **_COURSE,
            ),
        ),
    }
)
