"""A verse report as JSON, as tables, these in Markdown, and as a picture."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tangshi_tf.evaluation.intervals import Mean, Rate
from tangshi_tf.evaluation.verse_report import BEGINNING, KINDS, Cost, Reading, Report, total_cost
from tangshi_tf.verse.forms import FORMS

__all__ = ["Table", "draw", "from_dict", "markdown", "tables", "to_dict"]

_PINYIN = {"五绝": "wǔjué", "七绝": "qījué", "五律": "wǔlǜ", "七律": "qīlǜ"}  # few machines draw with a Chinese font


def to_dict(report: Report) -> dict[str, Any]:
    """Return what JSON can hold: with the shares and intervals, and null for NaN."""
    return {**_plain(report), "total_cost": _plain(total_cost(report.costs))}


def _plain(value: Any) -> Any:
    if isinstance(value, Rate):
        low, high = value.interval
        return {"hits": value.hits, "count": value.count, "share": _plain(value.share), "low": low, "high": high}
    if dataclasses.is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def from_dict(record: Mapping[str, Any]) -> Report:
    """Return the report that `to_dict` was given."""
    shapes, forms, costs = (_restored(record[part.name]) for part in dataclasses.fields(Report))
    return Report(shapes, forms, {form: Cost(**own) for form, own in costs.items()})


def _restored(value: Any) -> Any:
    """Return a rate, a mean or a reading, or what holds them."""
    if isinstance(value, list):
        return tuple(_restored(part) for part in value)
    if not isinstance(value, Mapping):
        return math.nan if value is None else value
    if "hits" in value:
        return Rate(value["hits"], value["count"])
    parts = {key: _restored(part) for key, part in value.items()}
    return Mean(**parts) if "margin" in parts else Reading(**parts) if "rules" in parts else parts


class Table(NamedTuple):
    """What is told of it, the names of its columns, its rows, and how many columns are words."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int


def tables(report: Report) -> Iterator[Table]:
    """Yield what a report says, a table each on shapes, rules, variety and, where it was measured, cost."""
    caption = (
        "Poems that have one of the four forms (constrained: the one asked for), and that have an even number of lines "
        "that all have 5 characters or all 7, in %, with 95 % intervals:"
    )
    shapes = [
        [kind, f"{own['form'].count:,}", _percent(own["form"]), _percent(own["even"])]
        for kind, own in report.shapes.items()
    ]
    yield Table(caption, ["poems", "number", "form", "even"], shapes, 1)
    names = ("rhyme", "tones regulated", "all regulated", "all strict")
    rules, variety = [], []
    for form, kinds in report.forms.items():
        for kind, own in kinds.items():
            rules.append([form, kind, f"{own.poems:,}", *(_percent(own.rules[name]) for name in names)])
            shares = [f"{own.characters:,}", " / ".join(f"{share:.3f}" for share in own.distinct)]
            shares += [f"{100 * share:.2f}" for share in (own.self_repetition, own.copied.share)]
            variety.append([form, kind, *shares, f"{own.longest:.2f} ({own.longest_of_all})"])
    caption = "Poems that keep the rhyme, the tones, and all rules, in %, with 95 % intervals:"
    yield Table(caption, ["form", "poems", "number", *names], rules, 2)
    caption = (
        "Distinct-n over so many characters; characters that stood in the poem before, among its first "
        f"{BEGINNING}, and lines that stand in a training poem, in %; the longest run of characters shared with a "
        "training poem, its mean over the poems (and the longest of all):"
    )
    columns = ["form", "poems", "characters", "distinct-1 / -2 / -3", "repeated", "copied lines", "longest run"]
    yield Table(caption, columns, variety, 2)
    if report.costs:
        caption = (
            "Nats a character by the model without masks, marks and end token in the sum, of poems written at "
            "temperature 1, with 95 % intervals:"
        )
        costs = [
            [form, *map(_nats, (cost.free, cost.constrained, cost.difference))] for form, cost in report.costs.items()
        ]
        costs.append(["all", "", "", _nats(total_cost(report.costs))])
        yield Table(caption, ["form", "free", "constrained", "difference"], costs, 1)


def _percent(rate: Rate) -> str:
    low, high = (f"{100 * end:.1f}".replace("100.0", "100") for end in rate.interval)
    return f"{100 * rate.share:.1f} ({low}–{high})"


def _nats(mean: Mean) -> str:
    margin = "" if math.isnan(mean.margin) else f" ± {mean.margin:.2f}"
    return "" if math.isnan(mean.value) else f"{mean.value:.2f}{margin}"


def markdown(report: Report) -> str:
    """Return the same tables in Markdown."""
    parts = []
    for table in tables(report):
        rule = ["---"] * table.words + ["---:"] * (len(table.columns) - table.words)
        lines = [f"| {' | '.join(table.columns)} |", f"|{'|'.join(rule)}|"]
        lines += [f"| {' | '.join(row)} |" for row in table.rows]
        parts.append("\n".join([table.caption, "", *lines]))
    return "\n\n".join(parts)


def draw(report: Report, file: Path | BinaryIO) -> None:
    """Draw how many poems keep rhyme, tones and all rules, by form and kind, as SVG; asks for matplotlib."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = ("rhyme", "tones regulated", "all regulated")
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    panels = figure.subplots(1, max(1, len(report.forms)), sharey=True, squeeze=False)[0]
    legend: dict[str, Any] = {}
    for axes, (form, kinds) in zip(panels, report.forms.items(), strict=False):
        for kind, own in kinds.items():
            nth = KINDS.index(kind) - 1
            rates = [own.rules[name] for name in names]
            shares = np.array([100 * rate.share for rate in rates])
            low, high = 100 * np.array([rate.interval for rate in rates]).T
            ends = [shares - low, high - shares]
            style = {"color": f"C{nth + 1}", "yerr": ends, "error_kw": {"elinewidth": 1, "capsize": 2}}
            legend[kind] = axes.bar(np.arange(len(names)) + 0.27 * nth, shares, 0.25, **style)
        lines, length = FORMS[form]
        axes.set_title(f"{_PINYIN[form]}: {lines} lines of {length}")
        axes.set_xticks(range(len(names)), [name.partition(" ")[0] for name in names])
        axes.set_ylim(0, 105)
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("poems that keep it, %")
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=len(KINDS))
    with mpl.rc_context({"svg.hashsalt": "tangshi-tf"}):  # the same picture is the same file
        figure.savefig(file, format="svg", metadata={"Date": None})
