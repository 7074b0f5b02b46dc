"""What commands print: the progress of a run, tables, what was left out."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from tabulate import tabulate

from tangshi_tf.cli.catalogue import echo, say
from tangshi_tf.cli.help import wrapped

if TYPE_CHECKING:
    from tangshi_tf.corpus.poems import Understood
    from tangshi_tf.evaluation.report_tables import Table
    from tangshi_tf.training.listeners import EpochReport, RunPlan, Sample
    from tangshi_tf.training.trainer import Progress

__all__ = ["Console", "captioned", "estimated", "left_out", "table", "understood"]

_START = 26  # characters of the first poem that are shown: a quatrain of lines of five
_FEW = 10  # unreadable files that are named


class Console:
    """A `Listener` that prints: a bar in a terminal, a line a minute elsewhere."""

    def __init__(self) -> None:
        """See the class."""
        self._bar: Any = None
        self._said = time.monotonic()

    def planned(self, plan: "RunPlan") -> None:
        """Print what is about to be done."""
        echo(_planned(plan))
        if plan.steps < plan.epoch_steps:
            echo(f"This is less than one epoch of {plan.epoch_steps:,} steps: not every poem is read.")
        if sys.stdout.isatty():
            # The time left is ours: the bar's own would take a run that is resumed for a very fast one.
            self._bar = click.progressbar(length=plan.steps, item_show_func=_said, width=0, show_eta=False)

    def progressed(self, progress: "Progress") -> None:
        """Move the bar, or print a line if a minute or an epoch is over."""
        if self._bar is not None:
            self._bar.update(progress.step - self._bar.pos, progress)
        elif progress.epoch_ended or time.monotonic() - self._said >= 60:
            self._said = time.monotonic()
            echo(f"step {progress.step:,} of {progress.steps:,}, {_progress_line(progress)}")

    def sampled(self, sample: "Sample") -> None:
        """Print a sample."""
        if self._bar is not None:
            click.echo()
        echo(f"step {sample.step:,}, {sample.seconds / 60:.1f} minutes: " + sample.text.replace("\n", "⏎"))

    def close(self) -> None:
        """Give the terminal its cursor back."""
        if self._bar is not None:
            self._bar.render_finish()

    def validated(self, report: "EpochReport") -> None:
        """Print what an epoch came to."""
        sample = report.poem.replace("\n", "\n" + 14 * " ")
        echo(
            f"\nepoch {report.epoch}: validation perplexity {report.validation_perplexity:.2f}"
            f"{' (best)' if report.best else ''}, {report.seconds / 60:.1f} minutes\n"
            f"  sample:     {sample}\n"
            f"  predicted:  {report.predicted}\n"
            f"  target:     {report.target}"
        )


def estimated(plan: "RunPlan", seconds: float, memory: float | None) -> str:
    """Say what a run would do, and what it would take."""
    share = plan.steps / plan.epoch_steps
    lines = [_planned(plan), f"batches: {plan.epoch_steps:,} an epoch, {share:.1f} epochs"]
    if memory:
        lines.append(f"memory: {memory:.1f} GB at the peak of the first steps")
    return "\n".join([*lines, f"time: about {seconds / 60:.1f} minutes"])


def _planned(plan: "RunPlan") -> str:
    members = ", ".join(f"{count:,} {split}" for split, count in plan.members.items())
    lines = [
        f"corpus of {plan.counted}: {members}",
        *([left_out(plan.dropped)] if plan.dropped else []),
        f"model: {plan.parameters:,} parameters, {plan.vocabulary:,} tokens in the vocabulary",
        f"plan: {plan.steps:,} steps, {plan.tokens:,} tokens an epoch, {plan.precision} on {plan.devices}",
    ]
    if plan.unknown:
        lines.append(f"tokens that the vocabulary lacks: {_unknown(plan.unknown)}")
    return "\n".join(lines)


def _unknown(unknown: Mapping[str, Sequence[int]]) -> str:
    """Say how many tokens the vocabulary lacks, by split."""
    return ", ".join(
        f"{lacking / max(1, total):.2%} for {split}: {lacking:,} of {total:,}"
        for split, (lacking, total) in unknown.items()
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a table for a terminal, whose first columns are words and the others numbers."""
    heads = [say(column, "parts") for column in columns]
    said = [[*(say(cell, "parts") for cell in row[:words]), *row[words:]] for row in rows]
    aligned = ["left"] * words + ["right"] * (len(columns) - words)
    return tabulate(said, heads, tablefmt="plain", disable_numparse=True, colalign=aligned)


def captioned(found: "Table") -> str:
    """Return a table of a verse report with its caption."""
    caption = wrapped(say(found.caption, "parts"), 120)
    return f"{caption}\n{table(found.columns, found.rows, found.words)}"


def left_out(dropped: Mapping[str, int]) -> str:
    """Say how many poems were left out and why."""
    return "left out: " + ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())


def understood(found: "Understood") -> str:
    """Say what was understood of a file: format, encoding, number, the first poem, and what is doubtful."""
    lines = [f"{found.name}: {found.poems:,} poem{'s' * (found.poems != 1)}, {_kinds(found)}"]
    if found.first:
        first = found.first
        start = first.text if len(first.text) <= _START else first.text[:_START] + "…"
        lines.append(f"first poem: {first.title or '—'} / {first.author or '—'} / {start}")
    lines += [f"Doubtful: {doubt}. --format decides how it is read." for doubt in found.doubts]
    lines += [f"unreadable: {file}: {reason}" for file, reason in found.unread[:_FEW]]
    if len(found.unread) > _FEW:
        lines.append(f"unreadable: {len(found.unread) - _FEW:,} more")
    return "\n".join(lines)


def _kinds(found: "Understood") -> str:
    return ", ".join(f"{form} in {encoding}" for form, encoding in found.kinds) or "none"


def _said(progress: "Progress | None") -> str:
    return say(_progress_line(progress)) if progress else ""


def _progress_line(progress: "Progress") -> str:
    return (
        f"epoch {progress.epoch}, loss {progress.loss:.3f}, {progress.tokens_per_second:,.0f} tokens/s, "
        f"{progress.seconds_left / 60:.1f} minutes left"
    )
