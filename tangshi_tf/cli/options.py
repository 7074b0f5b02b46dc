"""Options that several commands share, and checks of what was typed."""

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from tangshi_tf.cli.catalogue import echo
from tangshi_tf.cli.console import understood
from tangshi_tf.cli.help import any_case
from tangshi_tf.config import BOX, ModelConfig, TrainingConfig
from tangshi_tf.corpus.formats import AUTO, FORMATS
from tangshi_tf.corpus.unpacking import LIMIT_GB
from tangshi_tf.errors import ConfigError
from tangshi_tf.phases import phase

if TYPE_CHECKING:
    from tangshi_tf.corpus.poems import Corpus, Understood
    from tangshi_tf.corpus.prose import Prose

__all__ = [
    "CORPUS_HELP",
    "CORPUS_WORDS",
    "COUNT",
    "FiniteRange",
    "corpus_argument",
    "format_option",
    "max_size_option",
    "model_option",
    "model_path",
    "origin_filter_option",
    "read_running_text",
    "read_text",
    "require_corpus",
    "require_extra",
    "require_folder",
    "require_own_settings",
    "run_folder",
    "settings_options",
    "tell_understood",
    "threads_option",
    "typed",
    "with_typed",
]

_Config = TypeVar("_Config", ModelConfig, TrainingConfig)
_Command = TypeVar("_Command", bound=Callable[..., None])
COUNT = click.IntRange(0, 2**31 - 1)
CORPUS_WORDS = (
    "Each CORPUS is a file or a folder of plain text, as it is or packed with gzip, xz or bzip2, in UTF-8, UTF-16, "
    "GB18030, Big5, Shift-JIS, EUC-JP or EUC-KR: one poem a line, with its title or without, poems under their titles, "
    "poems between blank lines, tables with commas or tabs, JSON, XML, labelled parts, or the format of the shipped "
    "corpus"
)
CORPUS_HELP = f"{CORPUS_WORDS}, which is taken if none is given."


class FiniteRange(click.FloatRange):
    """A range of numbers, of which `nan` and infinity are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number."""
        number = super().convert(value, param, ctx)
        if not abs(number) < 2.0**127:  # within float32
            self.fail(f"A finite number is required. Received: {value}.", param, ctx)
        return number


def settings_options(cls: type[ModelConfig | TrainingConfig]) -> Callable[[_Command], _Command]:
    """Add one option for each field of a settings class."""

    def add(command: _Command) -> _Command:
        for field in reversed(dataclasses.fields(cls)):
            name = field.name.replace("_", "-")
            choices, least, most, off = (field.metadata[key] for key in ("choices", "least", "most", "off"))
            declaration = f"--{name}/--{off}" if off else f"--{name}"
            kind: Any = type(field.default)
            if choices:
                kind = any_case(choices)
            elif kind is int:
                kind = click.IntRange(least, most)
            elif kind is float:
                kind = click.FloatRange(least, most)
            help_text = field.metadata["help"]
            command = click.option(
                declaration, field.name, type=kind, default=field.default, show_default=True, help=help_text
            )(command)
        return command

    return add


def _corpus_paths(ctx: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[Path, ...]:
    if "" in names:  # as an unset variable of the shell leaves it; as a path it would mean the current folder
        raise click.BadParameter("A file or a folder is required. Received: an empty name.")
    return tuple(Path(name) for name in names)


def corpus_argument(command: _Command) -> _Command:
    """Add files and folders as arguments."""
    return click.argument("corpus", nargs=-1, callback=_corpus_paths)(command)


def format_option(name: str = "--format") -> Callable[[_Command], _Command]:
    """Add --format, by this or another name."""
    help_text = (
        "How files of poems are read. auto: by their content; lines: one poem a line; titles: poems under their "
        "titles; blocks: poems between blank lines; whole: one poem a file; table: columns; labels: parts such as "
        "标题：; json, xml; shipped: the format of the shipped corpus."
    )
    choice = any_case([AUTO, *FORMATS])
    return click.option(name, "format_name", type=choice, default=AUTO, show_default=True, help=help_text)


def max_size_option(command: _Command) -> _Command:
    """Add --max-size."""
    help_text = "Most that is read of a file, in GB, unpacked."
    kind = FiniteRange(0, min_open=True)
    return click.option("--max-size", type=kind, default=LIMIT_GB, show_default=True, help=help_text)(command)


def tell_understood(found: "Understood") -> None:
    """Print on standard error what was understood of a file."""
    echo(understood(found), err=True)


def origin_filter_option(command: _Command) -> _Command:
    """Add --origin-filter."""
    help_text = (
        "Leave out poems that have brackets, or fewer than 5 or more than 80 characters, as the course programs do."
    )
    return click.option("--origin-filter", is_flag=True, help=help_text)(command)


def model_option(command: _Command) -> _Command:
    """Add --model."""
    return click.option(
        "--model",
        "model",
        default=BOX,
        show_default=True,
        metavar="NAME|FOLDER",
        help=(
            "A name in ./saved_models (or tangshi, the model in the package), or a folder with one or more versions."
        ),
    )(command)


def threads_option(command: _Command) -> _Command:
    """Add --threads."""
    help_text = "Threads to compute with; 0: as many as there are cores."
    kind = click.IntRange(0, 1024)
    return click.option("--threads", type=kind, default=0, show_default=True, help=help_text)(command)


def typed(name: str) -> bool:
    """Tell whether the user gave this option, even if with its default."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def with_typed(config: _Config, settings: dict[str, Any]) -> _Config:
    """Replace what the user typed; options that were not typed leave the preset's value."""
    fields = {field.name for field in dataclasses.fields(config)}
    return dataclasses.replace(config, **{key: settings[key] for key in fields if typed(key)})


def require_own_settings(model_config: ModelConfig) -> None:
    """Refuse settings that were typed and that a model of this kind of text has none of."""
    for field in (*dataclasses.fields(ModelConfig), *dataclasses.fields(TrainingConfig)):
        kind = field.metadata["of"]
        if kind and kind != model_config.text and typed(field.name):
            name = field.name.replace("_", "-")
            raise ConfigError(f"--text {kind} is required for --{name}. Received: --text {model_config.text}.")
    if model_config.unit == "char" and typed("segmenter"):
        raise ConfigError("--unit word is required for --segmenter. Received: --unit char.")


def require_corpus(corpus: tuple[Path, ...], **options: str) -> None:
    """Refuse options, by the names of their parameters, that were typed for files of poems where none is given."""
    for name, option in options.items():
        if not corpus and typed(name):
            raise ConfigError(f"A CORPUS is required for --{option}. Received: none.")


def read_text(
    corpus: tuple[Path, ...],
    model_config: ModelConfig,
    training_config: TrainingConfig,
    origin_filter: bool = False,
    format_name: str = AUTO,
    max_size: float = LIMIT_GB,
) -> "Corpus | Prose":
    """Read what a model is to learn, or has learnt."""
    if origin_filter:
        _require_origin_filter(corpus, model_config)
    if not model_config.kind.verse:
        if format_name != AUTO:
            raise ConfigError(f"--text poems is required for a format of poems. Received: --text {model_config.text}.")
        return read_running_text(corpus, model_config, training_config, max_size)
    from tangshi_tf.corpus.poems import read_corpus

    return read_corpus(
        corpus or None,
        origin_filter=origin_filter,
        format_name=format_name,
        limit_gb=max_size,
        told=tell_understood,
    )


def _require_origin_filter(corpus: tuple[Path, ...], model_config: ModelConfig) -> None:
    """Refuse --origin-filter where it filters nothing."""
    if not model_config.kind.verse:
        raise ConfigError(f"--text poems is required for --origin-filter. Received: --text {model_config.text}.")
    if not corpus:
        raise ConfigError("A CORPUS is required for --origin-filter. Received: none, and the shipped one is clean.")


def read_running_text(
    corpus: tuple[Path, ...], model_config: ModelConfig, training_config: TrainingConfig, max_size: float = LIMIT_GB
) -> "Prose":
    """Read prose as a model does."""
    if not corpus:
        raise ConfigError("A text is required for --text prose: a CORPUS, file or folder. Received: none.")
    from tangshi_tf.corpus.prose import read_prose

    with phase("reading the text") as tell:
        return read_prose(corpus, model_config.unit, model_config.segmenter, training_config.shares, tell, max_size)


def require_extra(module: str) -> None:
    """Refuse an option before anything is done for it in vain."""
    if importlib.util.find_spec(module) is None:
        extra = {"matplotlib": "plot", "pypinyin": "pinyin", "tf2onnx": "onnx"}.get(module, module)
        install = f'pip install "tangshi-tf[{extra}]"'
        raise ConfigError(f"{module} is required: {install}. Received: an installation without it.")


def require_folder(option: str, path: Path) -> None:
    """Refuse a file to be written into a folder that does not exist."""
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"A folder that exists is required for {option}. Received: {path.parent}.")


def run_folder(name: str) -> Path:
    """Return the folder of a run; a name is one path component."""
    name.encode()
    if not name or name.startswith(".") or Path(name).name != name:
        raise ConfigError(f"A --name that can be a folder's name is required. Received: {name!r}.")
    return Path("runs") / name


def model_path(model: str) -> Path:
    """Return the version folder that --model means, and say on standard error which it is."""
    from tangshi_tf.saving.versions import find_model

    path = find_model(model)
    echo(f"model: {path}", err=True)
    return path
