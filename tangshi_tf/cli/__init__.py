"""The command line: the list of commands. They parse, call the library and print."""

import click

from tangshi_tf.cli.check import check
from tangshi_tf.cli.evaluate import evaluate
from tangshi_tf.cli.export import export
from tangshi_tf.cli.fit import fit
from tangshi_tf.cli.group import Group
from tangshi_tf.cli.models import models
from tangshi_tf.cli.next import next_command
from tangshi_tf.cli.plot import plot
from tangshi_tf.cli.sample import sample
from tangshi_tf.version import __version__

__all__ = ["main"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tangshi-tf")
def main() -> None:
    """Recurrent generation of classical Chinese poems.

    \b
    tangshi-tf sample --begin 山 --init-state random
    tangshi-tf fit
    tangshi-tf evaluate
    """


for command in (fit, sample, next_command, evaluate, plot, export, models, check):
    main.add_command(command)
