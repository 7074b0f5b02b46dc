"""`tangshi-tf models`: list what has been trained, or delete some of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tangshi_tf.cli.catalogue import echo, say
from tangshi_tf.cli.console import table
from tangshi_tf.cli.help import Command
from tangshi_tf.cli.output import json_line, print_text
from tangshi_tf.errors import ConfigError

if TYPE_CHECKING:
    from tangshi_tf.saving.inventory import Entry

__all__ = ["models"]


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--delete",
    "doomed",
    multiple=True,
    metavar="NAME",
    help=(
        "Delete a run (runs/mine), a version (saved_models/mine/2), or the run and all versions of a name (mine), "
        "after asking. Can be given several times."
    ),
)
@click.option("--yes", is_flag=True, help="With --delete: do not ask.")
def models(as_json: bool, doomed: tuple[str, ...], yes: bool) -> None:
    """List the runs in ./runs, the versions in ./saved_models, and the model in the package.

    The perplexity of a run is the best one on its validation split; steps, minutes and date are those of its last
    checkpoint. Of weights only those of checkpoints are checked: damage in others is found when they are used.

    \b
    tangshi-tf models
    tangshi-tf models --json
    tangshi-tf models --delete saved_models/mine/1
    """
    if yes and not doomed:
        raise ConfigError("--delete is required for --yes. Received: --yes alone.")
    if as_json and doomed:
        raise ConfigError("--json and --delete exclude each other.")
    from tangshi_tf.saving.inventory import list_entries

    if doomed:
        _delete(doomed, yes)
        return
    entries = list_entries()
    if as_json:
        print_text(json_line({"models": [_record(entry) for entry in entries]}) + "\n")
        return
    rows = [_row(entry) for entry in entries]
    click.echo(
        table(
            ["name", "state", "step", "epochs", "validation", "test", "model", "size (MB)", "minutes", "date"], rows, 2
        )
    )
    for entry in entries:
        if entry.problem:
            echo(entry.problem)


def _delete(names: tuple[str, ...], yes: bool) -> None:
    """Delete what the names mean, once they are all found and the user agrees."""
    from tangshi_tf.saving.inventory import delete, entries_to_delete

    found = {entry.path: entry for name in names for entry in entries_to_delete(name)}
    listed = ", ".join(entry.name for entry in found.values())
    size = sum(entry.size for entry in found.values())
    if not yes and not click.confirm(say(f"Delete {listed} ({size / 1e6:.1f} MB)?"), err=True):
        echo("Nothing was deleted.", err=True)
        raise SystemExit(1)
    delete(list(found.values()))
    echo(f"deleted {listed}")


def _row(entry: "Entry") -> list[str]:
    """Return the cells of an entry; what it does not say of itself stays empty."""
    config, steps = entry.config, entry.steps
    return [
        entry.name,
        entry.state,
        f"{entry.step:,} / {steps:,}" if steps else "",
        "" if entry.epochs is None else f"{entry.epochs:,}",
        *("" if figure is None else f"{figure:.2f}" for figure in (entry.validation_perplexity, entry.test_perplexity)),
        f"{config.layers} x {config.cell.upper()}({config.units})" if config else "",
        f"{entry.size / 1e6:.1f}",
        "" if entry.seconds is None else f"{entry.seconds / 60:.1f}",
        f"{entry.saved.astimezone():%Y-%m-%d %H:%M}" if entry.saved else "",
    ]


def _record(entry: "Entry") -> dict[str, Any]:
    """Return an entry as JSON has it."""
    return asdict(entry) | {
        "path": str(entry.path.absolute()),
        "saved": entry.saved.isoformat(timespec="seconds") if entry.saved else None,
        "config": asdict(entry.config) if entry.config else None,
    }
