"""The command line: parse, call the library, print."""

import contextlib
import dataclasses
import errno
import gc
import importlib.util
import json
import os
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

import tangshi_tf
from tangshi_tf import curves
from tangshi_tf.config import (
    BOX,
    COLDEST,
    DEFAULT_SAMPLER,
    PORTABLE,
    PRESETS,
    STRATEGIES,
    ModelConfig,
    TrainingConfig,
    read_settings,
)
from tangshi_tf.console import Console, estimated, left_out
from tangshi_tf.errors import ConfigError, StoppedError, TangshiError, first_line
from tangshi_tf.verse.forms import FORMS, LEVELS

if TYPE_CHECKING:
    from tangshi_tf.corpus import Corpus
    from tangshi_tf.evaluation import Score

__all__ = ["check", "evaluate", "export", "fit", "main", "sample"]

_Config = TypeVar("_Config", ModelConfig, TrainingConfig)
_Command = TypeVar("_Command", bound=Callable[..., None])
_COUNT = click.IntRange(0, 2**31 - 1)
_FORMATS = (
    "Each CORPUS is a file or a folder, plain or packed with gzip or xz, in UTF-8 or GB18030: title:content lines, "
    "poems separated by blank lines, chinese-poetry JSON, the JSON of sample, or the format of the shipped corpus"
)
_CORPUS_HELP = f"{_FORMATS}, which is taken if none is given."


class _FiniteRange(click.FloatRange):
    """A range of numbers, of which `nan` and infinity are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not abs(number) < 2.0**127:  # within float32
            self.fail(f"A finite number is required. Received: {value}.", param, ctx)
        return number


class _Group(click.Group):
    """Turns the project's errors, and those of the system, into one line and exit status 1."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        # What a terminal cannot print must not end a run: it sees an escape in its place.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise click.UsageError(_one_line(error.format_message()), error.ctx) from error
        except Exception as error:
            raise click.ClickException(_one_line(_message(error))) from error


def _message(error: Exception) -> str:
    """Return what is said of an error that a user can do something about; raise the others again."""
    if isinstance(error, TangshiError):
        return str(error)
    if isinstance(error, UnicodeError):
        return f"Text in valid Unicode is required. Received: {first_line(error)}."
    if isinstance(error, MemoryError):
        return "More memory is required. Received: none from the system."
    if isinstance(error, OSError) and error.errno != errno.EPIPE:  # which click ends quietly: the reader has gone
        return f"A working file system is required. Received: {first_line(error)}: {error.filename}."
    if type(error).__module__.startswith("tensorflow."):
        return f"TensorFlow could not go on. Received: {first_line(error)}."
    raise error


def _one_line(message: str) -> str:
    """Join the lines of a message that repeats what was typed, line breaks included."""
    return " ".join(message.splitlines())


def _settings(cls: type[ModelConfig | TrainingConfig]) -> Callable[[_Command], _Command]:
    """Add one option for each field of a settings class."""

    def add(command: _Command) -> _Command:
        for field in reversed(dataclasses.fields(cls)):
            name = field.name.replace("_", "-")
            choices, least, most, off = (field.metadata[key] for key in ("choices", "least", "most", "off"))
            declaration = f"--{name}/--{off}" if off else f"--{name}"
            kind: Any = type(field.default)
            if choices:
                kind = click.Choice(choices)
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


def _corpus_argument(command: _Command) -> _Command:
    return click.argument("corpus", nargs=-1, callback=_corpus_paths)(command)


def _origin_filter_option(command: _Command) -> _Command:
    help_text = "Leave out poems with brackets or not of 5 to 80 characters, as the course programs do."
    return click.option("--origin-filter", is_flag=True, help=help_text)(command)


def _model_option(command: _Command) -> _Command:
    return click.option(
        "--model",
        "model",
        default=BOX,
        show_default=True,
        metavar="NAME|FOLDER",
        help="A name in ./saved_models (or the model in the box), or a folder with one or more versions.",
    )(command)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tangshi_tf.__version__, prog_name="tangshi-tf")
def main() -> None:
    """Recurrent generation of classical Chinese poems.

    \b
    tangshi-tf sample --begin 山 --init-state random
    tangshi-tf fit
    tangshi-tf evaluate
    """


@main.command(epilog=_CORPUS_HELP)
@_corpus_argument
@click.option("--name", default=BOX, show_default=True, help="Of the run and of the exported model.")
@click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    default="auto",
    show_default=True,
    help="auto: every visible GPU, else the CPU; one: a single device; mirrored: every GPU or logical CPU; "
    "multiworker: the cluster in TF_CONFIG.",
)
@click.option("--restart", is_flag=True, help="Discard a run of that name.")
@click.option("--resume", is_flag=True, help="Go on with a run of that name, where its last checkpoint stands.")
@click.option(
    "--save-minutes",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Between two checkpoints; there is one after every epoch too.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan, with memory and time by measurement, and end.")
@click.option("--plot", is_flag=True, help="Draw the learning curve into the run (asks for the extra plot).")
@click.option("--tensorboard", is_flag=True, help="Log to TensorBoard in the run (asks for the extra tensorboard).")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="Other defaults: of the two-layer LSTM (o1) or the plain RNN (o4) of the course programs.",
)
@click.option("--no-ear", is_flag=True, help="As --ear none: the plain model.")
@_origin_filter_option
@_settings(ModelConfig)
@_settings(TrainingConfig)
def fit(
    corpus: tuple[Path, ...],
    name: str,
    strategy: str,
    restart: bool,
    resume: bool,
    save_minutes: float,
    dry_run: bool,
    plot: bool,
    tensorboard: bool,
    preset: str | None,
    no_ear: bool,
    origin_filter: bool,
    **settings: Any,
) -> None:
    """Train a model on poems and export it.

    The run lives in runs/NAME, the exported SavedModel in saved_models/NAME/1, 2, … Each epoch prints the
    perplexity of the validation poems, a greedy poem, and a line of prediction beside its target.

    \b
    tangshi-tf fit
    tangshi-tf fit --minutes 10
    tangshi-tf fit my-poems.txt --name mine --cell gru --units 256 --epochs 30
    """
    folder = _run_folder(name)
    if restart and resume:
        raise ConfigError("--resume or --restart is required. Received: both.")
    if _typed("minutes") and (_typed("epochs") or _typed("max_steps")):
        raise ConfigError("--minutes, or --epochs and --max-steps, are required. Received: both.")
    if no_ear and _typed("ear"):
        raise ConfigError("--ear or --no-ear is required. Received: both.")
    model_config, config = PRESETS[preset] if preset else (ModelConfig(), TrainingConfig())
    if resume and not preset and (folder / "config.json").exists():
        model_config, config = read_settings(folder / "config.json")
    model_config, config = _with_typed(model_config, settings), _with_typed(config, settings)
    if no_ear:
        model_config = dataclasses.replace(model_config, ear="none")
    if _typed("weight_decay") and config.optimizer != "adamw":
        raise ConfigError(f"The optimizer adamw is required for --weight-decay. Received: {config.optimizer}.")
    for flag, module in ((plot, "matplotlib"), (tensorboard, "tensorboard")):
        if flag:
            _require_extra(module)
    _start_tensorflow()
    from tangshi_tf.checkpoint import write_atomic
    from tangshi_tf.distribution import choose_strategy
    from tangshi_tf.publication import publish
    from tangshi_tf.run import estimate
    from tangshi_tf.run import fit as train_model

    cluster = choose_strategy(strategy)
    poems = _read_corpus(corpus, origin_filter)
    if dry_run or (config.minutes and not resume):
        click.echo("Measuring the speed of this machine …", err=True)
    if dry_run:
        click.echo(estimated(*estimate(poems, model_config, config, cluster)))
        return
    with contextlib.closing(Console()) as console, _StopRequest() as stop:
        try:
            run = train_model(
                poems,
                folder,
                model_config,
                config,
                [console, *([curves.TensorBoard(folder / "tensorboard")] if tensorboard else [])],
                cluster,
                begin="resume" if resume else "restart" if restart else "new",
                command=shlex.join(["tangshi-tf", *sys.argv[1:]]),
                save_minutes=save_minutes,
                stop=stop,
            )
        except StoppedError as error:
            arguments = [argument for argument in sys.argv[1:] if argument not in ("--restart", "--resume")]
            with contextlib.suppress(OSError):
                click.echo(f"{error} Go on with: {shlex.join(['tangshi-tf', *arguments, '--resume'])}", err=True)
            raise SystemExit(128 + (stop.signal or signal.SIGTERM)) from None  # or another worker was asked
    if run is None:
        return  # the chief publishes
    click.echo(curves.text(run.history))
    if plot:
        write_atomic(folder / "learning-curve.svg", partial(curves.draw, run.history))
    path = publish(run, Path("saved_models") / name, poems)
    perplexity = run.best["validation_perplexity"]
    click.echo(f"exported {path}: epoch {run.best['epoch']}, validation perplexity {perplexity:.2f}")


@main.command()
@click.option("--begin", default="", help="What the poem begins with; empty lets the poet begin.")
@click.option("--title", default="", help="What the poem is about, in a few characters; empty: anything.")
@click.option(
    "--form",
    default="",
    metavar="FORM",
    help="五绝, 七绝, 五律, 七律 (wujue, qijue, wulv, qilv); 绝句, 律诗, 五言, 七言 leave a choice. Rhyme and tones "
    "keep the rules. Empty: free verse, unless one of the next three is given.",
)
@click.option("--rhyme", default="", metavar="GROUP", help="Level group of 平水韵: 先, 一先, yixian; empty: any.")
@click.option(
    "--opening",
    default="",
    metavar="OPENING",
    help="仄起, 平起, 仄起入韵, 平起入韵 (zeqi, …, pingqiruyun); 入韵, 不入韵 leave a choice. Empty: drawn as often as "
    "real poems have it.",
)
@click.option("--acrostic", default="", metavar="TEXT", help="The first characters of the lines.")
@click.option(
    "--init-state",
    type=click.Choice(["zero", "random"]),
    default="zero",
    show_default=True,
    help="Initial state.",
)
@click.option(
    "--temperature",
    type=_FiniteRange(0),
    default=DEFAULT_SAMPLER["temperature"],
    show_default=True,
    help="0: greedy; lower: safer; higher: bolder.",
)
@click.option(
    "--top-k", type=_COUNT, default=0, show_default=True, help="Choose among the K likeliest tokens only; 0: all."
)
@click.option(
    "--top-p",
    type=_FiniteRange(0, 1, min_open=True),
    default=DEFAULT_SAMPLER["top_p"],
    show_default=True,
    help="Choose among the likeliest tokens that make up P.",
)
@click.option(
    "--repetition-penalty",
    type=_FiniteRange(0, min_open=True),
    default=DEFAULT_SAMPLER["repetition_penalty"],
    show_default=True,
    help="Divides the odds of a character, before the temperature, for each earlier occurrence in the same poem; 1: "
    "off. Punctuation is free.",
)
@click.option("--max-length", type=_COUNT, default=0, show_default=True, help="Tokens, begin included; 0: automatic.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**62),
    help="Names the poem; N poems take seed, seed + 1, …; with --best-of M, M of them each.",
)
@click.option("--count", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Number of poems.")
@click.option(
    "--best-of",
    type=click.IntRange(1, 1_000),
    default=1,
    show_default=True,
    help="Write so many for each poem and print the one with the highest log-probability a token.",
)
@click.option("--tones", is_flag=True, help="Print the tones under each line: 平, 仄, 通 for both.")
@click.option("--novel", is_flag=True, help="Write no line of 5 characters or more of the shipped training poems.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with seed and log-probability.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write to this file instead of the terminal.",
)
@_model_option
def sample(
    begin: str,
    title: str,
    form: str,
    rhyme: str,
    opening: str,
    acrostic: str,
    init_state: str,
    temperature: float,
    top_k: int,
    top_p: float,
    repetition_penalty: float,
    max_length: int,
    seed: int | None,
    count: int,
    best_of: int,
    tones: bool,
    novel: bool,
    as_json: bool,
    output: Path | None,
    model: str,
) -> None:
    """Print poems.

    \b
    tangshi-tf sample --begin 山 --init-state random
    tangshi-tf sample --begin 明月 --count 5 --temperature 0.7 --seed 1
    tangshi-tf sample --begin 春 --best-of 16
    tangshi-tf sample --title 秋夜 --form 五绝
    tangshi-tf sample --form 七绝 --rhyme 先 --opening 仄起 --acrostic 春夏秋冬 --tones
    """
    verse = {"form": form, "rhyme": rhyme, "opening": opening, "acrostic": acrostic}
    "".join([begin, title, *verse.values()]).encode()  # a lone surrogate of a broken console is refused before loading
    same_opening = opening or not any(verse.values())  # one that is drawn gives another poem for every seed
    if best_of > 1 and (temperature < COLDEST or top_k == 1) and init_state == "zero" and same_opening:
        raise ConfigError(
            f"A --temperature of at least {COLDEST} without --top-k 1, or --init-state random, is required for "
            "--best-of. Received: settings that give the same poem each time."
        )
    if output is not None:
        _require_folder("--output", output)
    _start_tensorflow()
    from tangshi_tf.checkpoint import write_text
    from tangshi_tf.corpus import fold
    from tangshi_tf.export import load
    from tangshi_tf.verse.checker import tone_marks
    from tangshi_tf.writing import write

    _optimize_no_graphs()
    with _no_garbage():
        poet = load(_model_path(model))
    if seed is None:
        seed = secrets.randbelow(2**31)
        click.echo(f"seed: {seed}", err=True)
    poems = write(
        poet,
        [begin] * count,
        seed,
        best_of,
        _copied() if novel else None,
        title=title,
        **verse,
        init_state=init_state,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        max_length=max_length,
    )
    lines: list[str] = []
    for poem in poems:
        if poem["problem"] and not as_json:
            click.echo(f"Note on poem {len(lines) + 1}: {poem['problem']}", err=True)
        if tones:
            poem["tones"] = tone_marks(fold(poem["poem"].replace("\n", "")))
        lines.append(json.dumps(poem, ensure_ascii=False) if as_json else _verse(poem["poem"], poem.get("tones", "")))
    text = ("" if as_json else "\n").join(line + "\n" for line in lines)
    if output is None:
        _require_printable(text)
        click.echo(text, nl=False)
    else:
        write_text(output, text)


@main.command(epilog=_CORPUS_HELP)
@_corpus_argument
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train", "all"]),
    default="test",
    show_default=True,
    help="Of the shipped corpus; a given corpus is taken whole.",
)
@click.option("--titles", is_flag=True, help="Give the model the title of each poem.")
@click.option("--verse", is_flag=True, help="Compare poems of the model with these instead, by the rules of verse.")
@click.option(
    "--count",
    type=click.IntRange(1, 10_000),
    default=200,
    show_default=True,
    help="With --verse: poems of the model in each form, and four times as many without one.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**62), default=0, show_default=True, help="With --verse: of the first poem."
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="With --verse: draw the comparison as an SVG file (asks for the extra plot).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_model_option
def evaluate(
    corpus: tuple[Path, ...],
    split: str,
    titles: bool,
    verse: bool,
    count: int,
    seed: int,
    plot: Path | None,
    as_json: bool,
    model: str,
) -> None:
    """Print the perplexity of poems, by form, and over the characters alone; or compare poems of the model with them.

    \b
    tangshi-tf evaluate
    tangshi-tf evaluate my-poems.txt --model mine --json
    tangshi-tf evaluate --titles
    tangshi-tf evaluate --verse
    """
    if corpus and _typed("split"):
        raise ConfigError("A CORPUS or a --split is required, as a given corpus is taken whole. Received: both.")
    if titles and verse:
        raise ConfigError("--titles or --verse is required. Received: both.")
    for name in ("count", "seed", "plot"):
        if _typed(name) and not verse:
            raise ConfigError(f"--verse is required for --{name}. Received: --{name} alone.")
    if plot is not None:
        _require_extra("matplotlib")
        _require_folder("--plot", plot)
    _start_tensorflow()
    from tangshi_tf.corpus import read_corpus, read_poems
    from tangshi_tf.evaluation import evaluate as score
    from tangshi_tf.model import PoetryModel
    from tangshi_tf.titles import titles_of

    split = "all" if corpus else split
    poems, dropped = read_poems(corpus) if corpus else (read_corpus().poems(split), {})
    if dropped:
        click.echo(left_out(dropped), err=True)
    texts = [poem.text for poem in poems]
    if verse:
        _compare_verse(texts, split, _model_path(model), count, seed, plot, as_json)
        return
    result = score(PoetryModel.from_saved_model(_model_path(model)), texts, titles_of(poems) if titles else None)
    if as_json:
        report = _score_record(result.total) | {
            "split": split,
            "titles": titles,
            "by_form": {form: _score_record(part) for form, part in result.by_form.items()},
        }
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    click.echo(f"{'':　<4}{'poems':>8}{'tokens':>10}{'perplexity':>12}{'characters alone':>18}")
    for name, part in [("全部", result.total), *result.by_form.items()]:
        if part.poems:
            click.echo(
                f"{name:　<4}{part.poems:>8,}{part.tokens:>10,}{part.perplexity:>12.2f}{part.hanzi_perplexity:>18.2f}"
            )


def _compare_verse(
    texts: list[str], split: str, model: Path, count: int, seed: int, plot: Path | None, as_json: bool
) -> None:
    """Write poems, and print what distinguishes them from those given."""
    from tangshi_tf import report, tables
    from tangshi_tf.checkpoint import write_atomic
    from tangshi_tf.corpus import read_corpus
    from tangshi_tf.export import load

    poet = load(model)
    refused = report.refused_forms(poet)
    for form, problem in refused.items():
        click.echo(f"left out: constrained poems in {form}: {problem}", err=True)
    seeds = report.plan(count, seed, [form for form in FORMS if form not in refused])
    with click.progressbar(seeds.items(), label="writing", file=sys.stderr) as bar:
        written = report.carry_out(poet, bar)
    found = report.compare(texts, written, read_corpus().texts("train"))
    if plot is not None:
        write_atomic(plot, partial(tables.draw, found))
    record = {"split": split, "count": count, "seed": seed, **tables.to_dict(found)}
    click.echo(json.dumps(record, ensure_ascii=False) if as_json else tables.text(found))


@main.command(epilog=_CORPUS_HELP)
@_corpus_argument
@click.option("--name", default=BOX, show_default=True, help="Of the run, or of the model whose step is written.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["savedmodel", *PORTABLE]),
    default="savedmodel",
    show_default=True,
    help="savedmodel: the poet, from runs/NAME; onnx (asks for the extra onnx), litert: one step and the vocabulary, "
    "from the model of that name.",
)
@_origin_filter_option
def export(corpus: tuple[Path, ...], name: str, form: str, origin_filter: bool) -> None:
    """Export the best weights of a run as a SavedModel, or a model's step to another format.

    `fit` exports its SavedModel at its end; this is for a run that was stopped. CORPUS is what it was trained on.
    The other formats go to onnx/NAME/1, 2, … and litert/NAME/1, 2, …

    \b
    tangshi-tf export
    tangshi-tf export my-poems.txt --name mine
    tangshi-tf export --format onnx
    """
    folder = _run_folder(name)
    if form != "savedmodel" and (corpus or origin_filter):
        raise ConfigError(f"--format savedmodel is required for a CORPUS or --origin-filter. Received: {form}.")
    if form == "onnx":
        _require_extra("tf2onnx")
    _start_tensorflow()
    if form == "savedmodel":
        from tangshi_tf.checkpoint import Run
        from tangshi_tf.publication import publish

        path = publish(Run(folder), Path("saved_models") / name, _read_corpus(corpus, origin_filter))
    else:
        from tangshi_tf.portable import export_step

        path = export_step(_model_path(name), Path(form) / name, form)
    click.echo(f"exported {path}")


@main.command(epilog=f"{_FORMATS}. Standard input is read if none is given.")
@_corpus_argument
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="strict",
    show_default=True,
    help="loose: the even lines rhyme, and one template holds at the even characters and line ends; regulated: that, "
    "or the licences 特拗 and 大拗; strict: regulated, without 孤平 and 三平尾.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every level.")
def check(corpus: tuple[Path, ...], level: str, as_json: bool) -> None:
    """Judge poems by the rules of regulated verse.

    The tones of a line stand beneath it: 平 is level, 仄 oblique, 通 either, ？ unknown.

    \b
    tangshi-tf check my-poems.txt
    tangshi-tf sample --count 3 | tangshi-tf check --level regulated
    """
    if as_json and _typed("level"):
        raise ConfigError("--level or --json is required, as JSON has every level. Received: both.")
    from tangshi_tf.corpus import parse_poems, read_poems
    from tangshi_tf.verse.checker import judge
    from tangshi_tf.verse.display import counted, described, record

    if corpus:
        poems, dropped = read_poems(corpus)
    else:  # which Python has none of if it was closed
        poems, dropped = parse_poems(sys.stdin.buffer.read() if sys.stdin else b"", "standard input")
    if dropped:
        click.echo(left_out(dropped), err=True)
    verdicts = []
    for poem in poems:
        verdict = judge(poem.text)
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(poem) | record(verdict), ensure_ascii=False))
        else:
            click.echo(described(verdict, level, poem.title) + "\n")
            verdicts.append(verdict)
    if len(verdicts) > 1:
        click.echo(counted(verdicts))


def _start_tensorflow() -> None:
    """Import TensorFlow without what its C++ part tells standard error about the machine.

    TF_CPP_MIN_LOG_LEVEL=0 in the environment lets it speak while it works.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _no_garbage(), tempfile.TemporaryFile() as told:
        standard_error = os.dup(2)
        os.dup2(told.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            told.seek(0)
            os.write(standard_error, told.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Keep Python from looking for garbage among what is loaded to stay, which takes a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _optimize_no_graphs() -> None:
    """Keep TensorFlow from rewriting graphs before it runs them, which takes longer than a few poems."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _typed(name: str) -> bool:
    """Tell whether the user gave this option, even if with its default."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def _with_typed(config: _Config, settings: dict[str, Any]) -> _Config:
    """Replace what the user typed; options that were not typed leave the preset's value."""
    fields = {field.name for field in dataclasses.fields(config)}
    return dataclasses.replace(config, **{key: settings[key] for key in fields if _typed(key)})


def _read_corpus(corpus: tuple[Path, ...], origin_filter: bool) -> "Corpus":
    from tangshi_tf.corpus import read_corpus

    if origin_filter and not corpus:
        raise ConfigError("A CORPUS is required for --origin-filter. Received: none, and the shipped one is clean.")
    return read_corpus(corpus or None, origin_filter=origin_filter)


class _StopRequest:
    """While it is entered, Ctrl-C and SIGTERM ask for an end instead of making one; a second Ctrl-C does not ask."""

    signal = 0  # the number of the one that came

    def __enter__(self) -> "_StopRequest":
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        return bool(self.signal)

    def _ask(self, number: int, frame: object) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        with contextlib.suppress(OSError):  # Ctrl-C may have ended our reader first
            click.echo("Stopping after this step.", err=True)


def _require_extra(module: str) -> None:
    """Refuse an option before anything is done for it in vain."""
    if importlib.util.find_spec(module) is None:
        extra = {"matplotlib": "plot", "tf2onnx": "onnx"}.get(module, module)
        install = f'pip install "tangshi-tf[{extra}]"'
        raise ConfigError(f"{module} is required: {install}. Received: an installation without it.")


def _require_folder(option: str, path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"A folder that exists is required for {option}. Received: {path.parent}.")


def _run_folder(name: str) -> Path:
    """Return the folder of a run; a name is one path component."""
    name.encode()
    if not name or name.startswith(".") or Path(name).name != name:
        raise ConfigError(f"A --name that can be a folder's name is required. Received: {name!r}.")
    return Path("runs") / name


def _model_path(model: str) -> Path:
    """Return the version folder that --model means, and say on standard error which it is."""
    from tangshi_tf.versions import find_model

    path = find_model(model)
    click.echo(f"model: {path}", err=True)
    return path


def _require_printable(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode("utf-8" if encoding == "ascii" else encoding)  # click takes ASCII for a mistake and prints UTF-8
    except UnicodeError:
        raise ConfigError(
            f"A terminal that prints these characters is required, or --output FILE. Received: encoding {encoding}."
        ) from None


def _copied() -> Callable[[dict[str, Any]], str]:
    """Return what names the first line of a record's poem that stands in a training poem."""
    from tangshi_tf.corpus import read_corpus
    from tangshi_tf.novelty import TrainingLines

    lines = TrainingLines(read_corpus().texts("train"))

    def fault(record: dict[str, Any]) -> str:
        copied = lines.copied(record["poem"], record["begin"])
        return f"{copied[0]}, a line of the training poems" if copied else ""

    return fault


def _verse(poem: str, tones: str = "") -> str:
    """Set a poem one sentence a line, its tones, if there are any, under each."""
    for stop in "。？！":
        poem = poem.replace(stop, stop + "\n")
    lines = poem.rstrip("\n").split("\n")
    if not tones:
        return "\n".join(lines)
    marks = iter(tones)
    return "\n".join(part for line in lines for part in (line, "".join(next(marks) for _ in line).rstrip("　")))


def _score_record(score: "Score") -> dict[str, Any]:
    if not score.poems:
        return {"count": 0, "perplexity": None}
    return {
        "count": score.poems,
        "perplexity": score.perplexity,
        "nll": score.nll,
        "nll_per_token": score.nll / score.tokens,
        "tokens": score.tokens,
        "hanzi_perplexity": score.hanzi_perplexity,
    }
