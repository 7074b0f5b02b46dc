"""`tangshi-tf export`: a SavedModel from a run or a version, or one step for other runtimes."""

from pathlib import Path

import click

from tangshi_tf.cli.catalogue import echo
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
    run_folder,
)
from tangshi_tf.cli.starting import start_tensorflow
from tangshi_tf.config import BOX, PORTABLE
from tangshi_tf.errors import ConfigError

__all__ = ["export"]


@click.command(cls=Command, epilog=CORPUS_HELP)
@corpus_argument
@click.option("--name", default=BOX, show_default=True, help="Name of the run, or of the model whose step is written.")
@click.option(
    "--format",
    "form",
    type=any_case(["savedmodel", *PORTABLE]),
    default="savedmodel",
    show_default=True,
    help=(
        "savedmodel: the whole model, from runs/NAME; onnx (needs the extra onnx), litert: one step of "
        "the model NAME, and its vocabulary."
    ),
)
@click.option(
    "--from-version",
    type=click.Path(path_type=Path),
    help=(
        "Export this version folder again, with the graph of the installed package; weights and model "
        "card stay the same."
    ),
)
@click.option("--last", is_flag=True, help="Export the last weights of the run in place of the best.")
@origin_filter_option
@format_option("--corpus-format")
@max_size_option
def export(
    corpus: tuple[Path, ...],
    name: str,
    form: str,
    from_version: Path | None,
    last: bool,
    origin_filter: bool,
    format_name: str,
    max_size: float,
) -> None:
    """Export the best weights of a run as a SavedModel, or one step of a model in another format.

    `fit` exports its SavedModel at its end; this is for a run that was stopped. CORPUS is what it was trained on.
    The other formats go to onnx/NAME/1, 2, … and litert/NAME/1, 2, …

    \b
    tangshi-tf export
    tangshi-tf export my-poems.txt --name mine
    tangshi-tf export --format onnx
    tangshi-tf export --from-version saved_models/mine/1 --name mine
    """
    folder = run_folder(name)
    require_corpus(corpus, format_name="corpus-format", max_size="max-size")
    if form != "savedmodel" and (corpus or origin_filter or from_version or last):
        raise ConfigError(
            "--format savedmodel is required for a CORPUS, --origin-filter, --from-version or --last. "
            f"Received: {form}."
        )
    if from_version and (corpus or origin_filter or last):
        raise ConfigError("--from-version excludes a CORPUS, --origin-filter and --last: it takes no run.")
    if form == "onnx":
        require_extra("tf2onnx")
    start_tensorflow()
    directory = Path("saved_models") / name
    if from_version:
        from tangshi_tf.saving.saved_model import export_again

        path = export_again(from_version, directory)
    elif form == "savedmodel":
        from tangshi_tf.saving.saved_model import publish
        from tangshi_tf.training.run_folder import Run

        run = Run(folder)
        text = read_text(corpus, run.model_config, run.training_config, origin_filter, format_name, max_size)
        if not run.history:
            echo("No epoch is finished: the weights of the checkpoint are exported.", err=True)
        path = publish(run, directory, text, last=last)
    else:
        from tangshi_tf.saving.single_step import export_step

        path = export_step(model_path(name), Path(form) / name, form)
    echo(f"exported {path}")
