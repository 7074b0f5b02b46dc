"""`tangshi-tf fit`: train a model and export it."""

import contextlib
import dataclasses
import shlex
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tangshi_tf.cli.catalogue import echo
from tangshi_tf.cli.console import Console, estimated
from tangshi_tf.cli.help import Command, any_case
from tangshi_tf.cli.options import (
    CORPUS_HELP,
    corpus_argument,
    format_option,
    max_size_option,
    model_path,
    origin_filter_option,
    read_text,
    require_corpus,
    require_extra,
    require_own_settings,
    run_folder,
    settings_options,
    threads_option,
    typed,
    with_typed,
)
from tangshi_tf.cli.resuming import open_run, say_where
from tangshi_tf.cli.signals import StopRequest
from tangshi_tf.cli.starting import quiet_matplotlib, start_tensorflow
from tangshi_tf.cli.streams import dropping_output
from tangshi_tf.config import BOX, DEFAULTS, FINE_TUNING, PRESETS, STRATEGIES, ModelConfig, TrainingConfig
from tangshi_tf.errors import ConfigError, StoppedError
from tangshi_tf.storage.files import write_bytes
from tangshi_tf.storage.version_folder import version_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tangshi_tf.training.listeners import Listener
    from tangshi_tf.training.run_folder import Run

__all__ = ["fit"]


@click.command(cls=Command, epilog=CORPUS_HELP)
@corpus_argument
@click.option("--name", default=BOX, show_default=True, help="Name of the run and of the exported model.")
@click.option(
    "--strategy",
    type=any_case(STRATEGIES),
    default="auto",
    show_default=True,
    help="auto: every visible GPU, else the CPU; one: a single device; mirrored: every GPU or logical CPU; "
    "multiworker: the cluster in TF_CONFIG.",
)
@click.option("--restart", is_flag=True, help="Discard the run of that name and begin again.")
@click.option("--resume", is_flag=True, help="Go on with the run of that name from its last checkpoint.")
@click.option(
    "--save-minutes",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Minutes between two checkpoints; there is one after every epoch too.",
)
@click.option(
    "--dry-run", is_flag=True, help="Measure, print the plan with memory and time, and stop without training."
)
@click.option("--plot", is_flag=True, help="Draw the learning curve into the run (needs the extra plot).")
@click.option("--tensorboard", is_flag=True, help="Log to TensorBoard in the run (needs the extra tensorboard).")
@click.option(
    "--preset",
    type=any_case(PRESETS),
    help="Use the settings of a course program: two-layer LSTM (o1), plain RNN (o4), words of novels (o5).",
)
@click.option(
    "--from",
    "base",
    metavar="NAME|FOLDER",
    help="Begin with the weights and the vocabulary of this model: the way for fewer than 10,000 poems.",
)
@click.option("--no-ear", is_flag=True, hidden=True, help="As --ear none.")
@origin_filter_option
@format_option()
@max_size_option
@threads_option
@settings_options(ModelConfig)
@settings_options(TrainingConfig)
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
    base: str | None,
    no_ear: bool,
    origin_filter: bool,
    format_name: str,
    max_size: float,
    threads: int,
    **settings: Any,
) -> None:
    """Train a model on poems, or on running text, and export it.

    The files of the run are in runs/NAME, the exported SavedModel in saved_models/NAME/1, 2, … After each epoch it
    prints the perplexity of the validation poems, a greedy poem, and predicted characters beside the real ones.

    \b
    tangshi-tf fit
    tangshi-tf fit --minutes 10
    tangshi-tf fit my-poems.txt --name mine --cell gru --units 256 --epochs 30
    tangshi-tf fit --text prose my-novel.txt --name novel
    tangshi-tf fit --text prose --unit word my-novels --name novels
    """
    # The settings.
    if not dry_run:  # training does not end with its reader
        click.get_current_context().with_resource(dropping_output("stdout"))
    folder = run_folder(name)
    if restart and resume:
        raise ConfigError("--resume and --restart exclude each other.")
    run = open_run(folder) if resume else None
    version = model_path(base) if base is not None else None
    model_config, training_config = _settled(preset, run, version, settings, no_ear)
    _require_agreement(model_config, training_config)
    require_corpus(corpus, format_name="format", max_size="max-size")
    for flag, module in ((plot, "matplotlib"), (tensorboard, "tensorboard")):
        if flag:
            require_extra(module)
    reading: Any = {"origin_filter": origin_filter, "format_name": format_name, "max_size": max_size}
    if run:
        from tangshi_tf.training.run_status import run_status

        say_where(folder, run_status(folder))
        if run.finished and (model_config, training_config) == (run.model_config, run.training_config):
            read = partial(read_text, corpus, model_config, training_config, **reading)
            _publish_once(run, name, read, plot, threads)
            return
        if model_config == run.model_config and run.is_extended_by(training_config):
            echo("The run is extended: the learning rate rises again and falls. It is not a longer run from the start.")

    # The devices and the texts.
    start_tensorflow(threads)
    from tangshi_tf.training.distribution import choose_strategy
    from tangshi_tf.training.run import estimate
    from tangshi_tf.training.run import fit as train_model

    cluster = choose_strategy(strategy)
    text = read_text(corpus, model_config, training_config, **reading)
    if dry_run:
        echo(estimated(*estimate(text, model_config, training_config, cluster, version, run)))
        return

    # The run, and what it leaves behind.
    begin = "resume" if resume else "restart" if restart else "new"
    options: Any = {"strategy": cluster, "begin": begin, "save_minutes": save_minutes, "base": version}
    train = partial(train_model, text, folder, model_config, training_config, **options)
    run = _followed(train, folder / "tensorboard" if tensorboard else None)
    if run is not None:  # the chief publishes
        _publish(run, name, text, plot)


def _settled(
    preset: str | None, resumed: "Run | None", version: Path | None, settings: dict[str, Any], no_ear: bool
) -> tuple[ModelConfig, TrainingConfig]:
    """Return the settings that were typed over those of the preset, the resumed run, the base, or the kind of text."""
    if no_ear and typed("ear"):
        raise ConfigError("--ear and --no-ear exclude each other.")
    if version is not None:
        _require_shape_of_base(no_ear)
    base = DEFAULTS[settings["text"]]
    if preset:
        base = PRESETS[preset]
    elif resumed is not None:
        base = resumed.model_config, resumed.training_config
    elif version is not None:
        base = version_settings(version)[0], FINE_TUNING
    if typed("text") and settings["text"] != base[0].text:
        source = f"--name {resumed.folder.name}" if resumed else f"--preset {preset}" if preset else f"--from {version}"
        raise ConfigError(f"--text {base[0].text} is required for {source}. Received: --text {settings['text']}.")
    model = with_typed(base[0], settings)
    require_own_settings(model)
    training = with_typed(base[1], settings)
    if (typed("epochs") or typed("max_steps")) and not typed("minutes"):
        training = dataclasses.replace(training, minutes=0.0)  # what was typed decides, not what the run had
    return (dataclasses.replace(model, ear="none") if no_ear else model), training


def _require_shape_of_base(no_ear: bool) -> None:
    """Refuse settings that the base has settled."""
    for field in dataclasses.fields(ModelConfig):
        if typed(field.name) and field.name not in ("text", "dropout", "recurrent_dropout"):
            name = field.name.replace("_", "-")
            raise ConfigError(f"--from and --{name} exclude each other: the model has the shape of its base.")
    if no_ear:
        raise ConfigError("--from and --no-ear exclude each other.")
    if typed("preset"):
        raise ConfigError("--from and --preset exclude each other.")


def _require_agreement(model_config: ModelConfig, training_config: TrainingConfig) -> None:
    """Refuse typed settings that have no effect beside the others."""
    if typed("minutes") and (typed("epochs") or typed("max_steps")):
        raise ConfigError("--minutes excludes --epochs and --max-steps.")
    if typed("rhymes") and model_config.rhymes and model_config.ear not in ("full", "verse"):
        raise ConfigError(f"--ear full or verse is required for --rhymes. Received: --ear {model_config.ear}.")
    if not model_config.kind.verse and not typed("name"):
        raise ConfigError(f"A --name is required for prose. Received: none, and {BOX} is the poet.")
    if typed("weight_decay") and training_config.optimizer != "adamw":
        raise ConfigError(f"The optimizer adamw is required for --weight-decay. Received: {training_config.optimizer}.")


def _followed(train: "Callable[..., Run | None]", tensorboard: Path | None) -> "Run | None":
    """Train until the run ends, or say how to go on with it when it is asked to stop."""
    from tangshi_tf.training.listeners import TensorBoard

    command = shlex.join(["tangshi-tf", *sys.argv[1:]])
    with contextlib.closing(Console()) as console, StopRequest() as stop:
        listeners: list[Listener] = [console]
        if tensorboard:
            listeners.append(TensorBoard(tensorboard))
        try:
            run = train(listeners=listeners, command=command, stop=stop)
            if stop():
                raise StoppedError("Stopped after the last step.")
            return run
        except StoppedError as error:
            arguments = [argument for argument in sys.argv[1:] if argument not in ("--restart", "--resume")]
            echo(f"{error} Go on with: {shlex.join(['tangshi-tf', *arguments, '--resume'])}", err=True)
            raise SystemExit(128 + (stop.signal or signal.SIGTERM)) from None  # or another worker was asked


def _publish(run: "Run", name: str, text: Any, plot: bool) -> None:
    """Export the best weights of a run, and print its course."""
    from tangshi_tf.saving.fine_tuning import gained
    from tangshi_tf.saving.saved_model import publish
    from tangshi_tf.training.learning_curve import curve_text, read_curve

    history, best = run.history, run.best
    echo(curve_text(history))
    if plot:
        from tangshi_tf.training.curve_picture import draw_curves

        quiet_matplotlib()
        write_bytes(run.folder / "learning-curve.svg", draw_curves([read_curve(run.folder)]))
    path = publish(run, Path("saved_models") / name, text)
    echo(
        f"exported {path}: epoch {best['epoch']} of {len(history)}, validation perplexity "
        f"{best['validation_perplexity']:.2f}"
    )
    gain = gained(run, path)
    if gain:
        change = f"{gain.after / gain.before - 1:+.1%}"
        echo(f"validation perplexity before {gain.before:.2f}, after {gain.after:.2f} ({change})")
    if gain and gain.base_before and gain.base_after:
        change = f"{gain.base_after / gain.base_before - 1:+.1%}"
        echo(f"on the poems of the base: before {gain.base_before:.2f}, after {gain.base_after:.2f} ({change})")
    if best["epoch"] < len(history):
        worse = history[-1]["validation_perplexity"]
        echo(
            f"Later epochs overfit: the validation perplexity after epoch {len(history)} is {worse:.2f}. "
            f"Export that epoch with: {_command_to_export_last()}"
        )
    _say_next(run, name, path)


def _say_next(run: "Run", name: str, path: Path) -> None:
    """Print where the run and its model are, and what writes with it."""
    echo(f"The run is in {run.folder}, the model in {path}. Next: {_command_to_write(run, name)}")


def _command_to_write(run: "Run", name: str) -> str:
    """Return a command that writes with the model of this run."""
    model = [] if name == BOX else ["--model", name]
    begin = ["--begin", "山"] if run.model_config.kind.verse else ["--max-length", "500"]
    return " ".join(["tangshi-tf sample", *map(shlex.quote, model), *begin])


def _command_to_export_last() -> str:
    """Return the command that exports the last epoch of this run, of the same texts, read in the same way."""
    given = click.get_current_context().params
    words = ["tangshi-tf", "export", *map(str, given["corpus"]), "--last", "--name", given["name"]]
    if given["origin_filter"]:
        words.append("--origin-filter")
    for option, name in (("--corpus-format", "format_name"), ("--max-size", "max_size")):
        if typed(name):
            words += [option, str(given[name])]
    return shlex.join(words)


def _publish_once(run: "Run", name: str, read: "Callable[[], Any]", plot: bool, threads: int) -> None:
    """Export the best weights of a finished run, unless they are."""
    from tangshi_tf.saving.versions import exported

    path = exported(Path("saved_models") / name, run.weights_digest(), run.manifest)
    if path is None:
        start_tensorflow(threads)
        _publish(run, name, read(), plot)
        return
    echo(f"The run is finished, and exported as {path}. More --epochs or --minutes than it had extend it.")
    _say_next(run, name, path)
