"""`tangshi-tf plot`: learning curves of runs."""

from pathlib import Path

import click

from tangshi_tf.cli.catalogue import echo
from tangshi_tf.cli.help import Command, any_case
from tangshi_tf.cli.options import require_extra, require_folder
from tangshi_tf.cli.starting import quiet_matplotlib
from tangshi_tf.config import AXES
from tangshi_tf.storage.files import write_bytes

__all__ = ["plot"]


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    required=True,
    help="File for the picture, which ends in .png, .svg or .pdf.",
)
@click.option(
    "--axis",
    type=any_case(AXES),
    default="epochs",
    show_default=True,
    help="What runs from left to right: epochs; tokens read in training; or minutes, validation included.",
)
def plot(names: tuple[str, ...], output: Path, axis: str) -> None:
    """Draw the learning curves of runs, finished or not, as one picture (needs the extra plot).

    A NAME is one of the runs in ./runs, or the folder of a run. A run that is still training is drawn as far as it has
    come. The perplexity of the validation split is drawn at the end of every epoch, and a star marks the best one; that
    of training at up to 500 steps of a run.

    \b
    tangshi-tf plot mine --output curve.png
    tangshi-tf plot mine other --axis minutes --output curves.pdf
    """
    from tangshi_tf.training.curve_picture import draw_curves, names_without_font, picture_format
    from tangshi_tf.training.learning_curve import read_curve
    from tangshi_tf.training.run_status import find_run

    form = picture_format(output)
    require_folder("--output", output)
    require_extra("matplotlib")
    found: dict[Path, tuple[Path, str]] = {}
    for name in names:
        folder = find_run(name)
        found.setdefault(folder.resolve(), (folder, name))  # a run is drawn once
    curves = [read_curve(folder, axis, name=name) for folder, name in found.values()]
    quiet_matplotlib()
    for name, place in names_without_font([curve.name for curve in curves]).items():
        echo(f"Note: no font has all characters of {name}: it is run {place} in the picture.", err=True)
    write_bytes(output, draw_curves(curves, axis, form))
    echo(f"drawn {output}")
