"""Generated verse read against real verse: which rules it keeps, how varied it is, what it copies, what rules cost.

Three kinds of poems are compared form by form: real ones and free ones, which were written without a constraint, are
of the form that their lines have; constrained ones were written in the form asked for, and one that has another keeps
no rule. The poet writes them by the sampler by default. What the constraint costs is measured on further poems, which
are written without a sampler: at temperature 1, from a zero state.
"""

import dataclasses
import math
import statistics
import textwrap
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.corpus import han_only
from tangshi_tf.novelty import SHORTEST, TrainingLines, longest_shared
from tangshi_tf.verse.checker import RHYME_RULES, judge
from tangshi_tf.verse.forms import FORMS, LEVELS, OTHER, form_of, lines_of

__all__ = [
    "KINDS",
    "RULE_RATES",
    "Cost",
    "Job",
    "Mean",
    "Rate",
    "Reading",
    "Report",
    "Shape",
    "Written",
    "carry_out",
    "compare",
    "distinct",
    "draw",
    "from_dict",
    "kept",
    "markdown",
    "plan",
    "refused_forms",
    "self_repetition",
    "text",
    "to_dict",
    "total_cost",
]

KINDS = ("real", "free", "constrained")
RULE_RATES = ("rhyme", *(f"tones {level}" for level in LEVELS), *(f"all {level}" for level in LEVELS))
_QUATRAIN = 20  # characters
_Z = statistics.NormalDist().inv_cdf(0.975)
_BATCH = 256  # poems written against the clock
_TURNS = 3  # in which both ways of writing are timed
_PINYIN = {"五绝": "wǔjué", "七绝": "qījué", "五律": "wǔlǜ", "七律": "qīlǜ"}  # few machines draw with a Chinese font


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of a count."""

    hits: int
    count: int

    @property
    def share(self) -> float:
        """NaN of none."""
        return self.hits / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of Wilson; of none, all is possible."""
        if not self.count:
            return 0.0, 1.0
        n, p = self.count, self.share
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        margin = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(0.0, min(p, middle - margin)), min(1.0, max(p, middle + margin))  # rounding may put an end beyond p


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, and the margin to both sides that makes its 95 % interval; NaN where too few values give none."""

    value: float
    margin: float
    count: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How many poems of a kind have one of the four forms, or the one asked for; lines of 5 or 7, an even number."""

    form: Rate
    even: Rate


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in the poems of one kind and form.

    Attributes:
        poems: their number.
        rules: how many keep what each of `RULE_RATES` names.
        characters: the number over which `distinct` is taken, the same for all kinds.
        distinct: the shares of different characters, pairs, and triples.
        self_repetition: see the function.
        copied: how many lines stand in a training poem.
        longest: the mean, over the poems, of the longest run of characters shared with a training poem.
        longest_of_all: the longest of these.
    """

    poems: int
    rules: Mapping[str, Rate]
    characters: int
    distinct: tuple[float, ...]
    self_repetition: float
    copied: Rate
    longest: float
    longest_of_all: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a form costs: nats a character by the plain model, and seconds a poem over equally many steps.

    Marks and the end token are in the nats, but are not counted as characters.
    """

    free: Mean
    constrained: Mean
    free_seconds: float
    constrained_seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What all kinds of poems came to, by kind, by form and kind, and by form; a kind without poems is left out."""

    shapes: Mapping[str, Shape]
    forms: Mapping[str, Mapping[str, Reading]]
    costs: Mapping[str, Cost]


@dataclass(frozen=True, slots=True)
class Job:
    """Some poems to write: for the comparison, by the plain model, or against the clock.

    Attributes:
        purpose: compared, plain or timed.
        form: a key of `FORMS`; for free poems, one that gives them their share of the seeds or their steps.
        constrained: whether the form is asked for.
        seed: of the first poem.
        count: of poems.
    """

    purpose: str
    form: str
    constrained: bool
    seed: int
    count: int

    def knobs(self) -> dict[str, Any]:
        """Return what the poet is told."""
        told: dict[str, Any] = {} if self.purpose == "plain" else dict(DEFAULT_SAMPLER)
        if self.constrained:
            return told | {"form": self.form}
        lines, length = FORMS[self.form]
        return told | ({"max_length": lines * (length + 1) + 1} if self.purpose == "timed" else {})  # with the end


@dataclass(frozen=True, slots=True)
class Written:
    """What a poet wrote.

    Attributes:
        free: poems for the comparison.
        constrained: the same, by form.
        plain_free: poems of the plain model, with their log-probabilities.
        plain_constrained: the same, by form.
        seconds: those of a free and of a constrained poem, by form.
    """

    free: Sequence[str]
    constrained: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plain_free: Sequence[tuple[str, float]] = ()
    plain_constrained: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    seconds: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def refused_forms(poet: Any) -> dict[str, str]:
    """Return the forms that a poet cannot write, and why: its vocabulary may lack the rhymes."""
    problems = poet.generate([""] * len(FORMS), form=list(FORMS), seed=[0] * len(FORMS))["problem"].numpy()
    return {form: problem.decode() for form, problem in zip(FORMS, problems, strict=True) if problem}


def plan(count: int, seed: int, forms: Iterable[str] = FORMS) -> list[Job]:
    """Return what is to be written: of each form asked for `count` poems, of free ones four times as many.

    The poems of form k, from 0, have the seeds `seed` + k `count` and those that follow; so do the free ones.
    """
    forms = list(forms)
    places = [(form, seed + k * count) for k, form in enumerate(FORMS)]
    written = [
        Job(purpose, form, constrained, first, count)
        for purpose in ("compared", "plain")
        for form, first in places
        for constrained in (False, True)
        if form in forms or not constrained
    ]
    timed = [
        Job("timed", form, constrained, first, min(count, _BATCH))
        for form, first in places
        for _ in range(_TURNS)
        for constrained in (False, True)
        if form in forms
    ]
    return written + timed


def carry_out(poet: Any, jobs: Iterable[Job]) -> Written:
    """Write what was planned.

    Args:
        poet: what `export.load` returns.
        jobs: in the order of `plan`.

    Raises:
        ConfigError: if the poet cannot write one of the forms.
    """
    from tangshi_tf.writing import write

    poems: dict[tuple[str, str], list[tuple[str, float]]] = {}
    seconds: dict[tuple[str, bool], list[float]] = {}
    for job in jobs:
        start = time.perf_counter()
        records = list(write(poet, [""] * job.count, job.seed, **job.knobs()))
        if job.purpose == "timed":
            seconds.setdefault((job.form, job.constrained), []).append((time.perf_counter() - start) / job.count)
        else:
            own = poems.setdefault((job.purpose, job.form if job.constrained else ""), [])
            own += [(record["poem"], record["log_probability"]) for record in records]
    asked = [form for purpose, form in poems if purpose == "compared" and form]
    return Written(
        [poem for poem, _ in poems["compared", ""]],
        {form: [poem for poem, _ in poems["compared", form]] for form in asked},
        poems["plain", ""],
        {form: poems["plain", form] for form in asked},
        {form: (statistics.median(seconds[form, False]), statistics.median(seconds[form, True])) for form in asked},
    )


def distinct(poems: Sequence[str], n: int, characters: int) -> float:
    """Return the share of different n-grams among those of the first so many characters; NaN if there is none.

    It falls with the number of characters: compare it over equally many only. After Li et al. 2016.
    """
    grams: list[str] = []
    for poem in poems:
        if characters <= 0:
            break
        part = poem[:characters]
        characters -= len(part)
        grams += [part[i : i + n] for i in range(len(part) - n + 1)]
    return len(set(grams)) / len(grams) if grams else math.nan


def self_repetition(poems: Sequence[str]) -> float:
    """Return the share of characters that stood in the same poem before, among its first 20; NaN if none is so long."""
    beginnings = [poem[:_QUATRAIN] for poem in poems if len(poem) >= _QUATRAIN]  # it rises with the length
    if not beginnings:
        return math.nan
    return 1 - sum(len(set(poem)) for poem in beginnings) / (_QUATRAIN * len(beginnings))


def kept(poem: str, form: str) -> dict[str, bool]:
    """Tell for each of `RULE_RATES` whether a clean poem keeps it; nothing is kept by one of another form."""
    verdict = judge(poem)
    broken = {level: {fault.rule for fault in verdict.faults[level]} for level in LEVELS}
    fits = verdict.form == form
    return (
        {"rhyme": fits and broken["regulated"].isdisjoint(RHYME_RULES)}  # the levels differ in tones alone
        | {f"tones {level}": fits and broken[level] <= set(RHYME_RULES) for level in LEVELS}
        | {f"all {level}": fits and not broken[level] for level in LEVELS}
    )


def compare(real: Sequence[str], written: Written, training: Sequence[str]) -> Report:
    """Read what a poet wrote against real poems.

    Args:
        real: clean poems.
        written: what the poet wrote.
        training: the clean poems that it may have learnt by heart.
    """
    lines = TrainingLines(training)
    groups = {
        form: {
            "real": [poem for poem in real if form_of(poem) == form],
            "free": [poem for poem in written.free if form_of(poem) == form],
            "constrained": list(written.constrained.get(form, ())),
        }
        for form in FORMS
    }
    every = [poem for kinds in groups.values() for own in kinds.values() for poem in own]
    longest = iter(longest_shared(every, training).tolist())
    forms = {}
    for form, kinds in groups.items():
        characters = min((sum(len(han_only(poem)) for poem in own) for own in kinds.values() if own), default=0)
        forms[form] = {
            kind: _read(own, form, characters, lines, [next(longest) for _ in own])
            for kind, own in kinds.items()
            if own
        }
    shapes = {"real": _shape([(poem, "") for poem in real]), "free": _shape([(poem, "") for poem in written.free])}
    asked = [(poem, form) for form, own in written.constrained.items() for poem in own]
    if asked:
        shapes["constrained"] = _shape(asked)
    costs = {
        form: Cost(_nats(written.plain_free, form), _nats(own, form), *written.seconds[form])
        for form, own in written.plain_constrained.items()
    }
    return Report(shapes, {form: kinds for form, kinds in forms.items() if kinds}, costs)


def _shape(poems: Sequence[tuple[str, str]]) -> Shape:
    """Read poems, each with the form asked for, if any."""
    lengths = [[len(line) for line in lines_of(poem)] for poem, _ in poems]
    even = sum(own in ([5] * len(own), [7] * len(own)) and len(own) % 2 == 0 < len(own) for own in lengths)
    fitting = sum(form_of(poem) == form if form else form_of(poem) != OTHER for poem, form in poems)
    return Shape(Rate(fitting, len(poems)), Rate(even, len(poems)))


def _read(poems: Sequence[str], form: str, characters: int, lines: TrainingLines, longest: Sequence[int]) -> Reading:
    rules = [kept(poem, form) for poem in poems]
    bare = [han_only(poem) for poem in poems]
    return Reading(
        len(poems),
        {name: Rate(sum(own[name] for own in rules), len(poems)) for name in RULE_RATES},
        characters,
        tuple(distinct(bare, n, characters) for n in (1, 2, 3)),
        self_repetition(bare),
        Rate(
            sum(len(lines.copied(poem)) for poem in poems),
            sum(len(line) >= SHORTEST for poem in poems for line in lines_of(poem)),
        ),
        statistics.fmean(longest),
        max(longest),
    )


def _nats(poems: Sequence[tuple[str, float]], form: str) -> Mean:
    """Return the nats a character of the poems that have a form."""
    values = [-own / len(han_only(poem)) for poem, own in poems if form_of(poem) == form]
    if not values:
        return Mean(math.nan, math.nan, 0)
    margin = _Z * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Mean(statistics.fmean(values), margin, len(values))


def _difference(cost: Cost) -> Mean:
    margin = math.hypot(cost.free.margin, cost.constrained.margin)
    return Mean(cost.constrained.value - cost.free.value, margin, cost.constrained.count)


def total_cost(costs: Mapping[str, Cost]) -> Mean:
    """Return by how many nats a character constrained poems cost more than free ones of the same mix of forms."""
    both = [_difference(cost) for cost in costs.values() if cost.free.count and cost.constrained.count]
    if not both:
        return Mean(math.nan, math.nan, 0)
    count = sum(own.count for own in both)
    value = sum(own.count * own.value for own in both) / count
    return Mean(value, math.hypot(*(own.count * own.margin for own in both)) / count, count)


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
    shapes = {kind: Shape(_rate(own["form"]), _rate(own["even"])) for kind, own in record["shapes"].items()}
    forms = {
        form: {
            kind: Reading(
                **own
                | {
                    "rules": {name: _rate(rate) for name, rate in own["rules"].items()},
                    "distinct": tuple(map(_number, own["distinct"])),
                    "self_repetition": _number(own["self_repetition"]),
                    "copied": _rate(own["copied"]),
                }
            )
            for kind, own in kinds.items()
        }
        for form, kinds in record["forms"].items()
    }
    costs = {
        form: Cost(**own | {name: Mean(**{k: _number(v) for k, v in own[name].items()}) for name in KINDS[1:]})
        for form, own in record["costs"].items()
    }
    return Report(shapes, forms, costs)


def _rate(record: Mapping[str, Any]) -> Rate:
    return Rate(record["hits"], record["count"])


def _number(value: Any) -> Any:
    return math.nan if value is None else value


@dataclass(frozen=True, slots=True)
class _Table:
    """What is told of it, the names of its columns, its rows, and how many columns are words."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int


def _tables(report: Report) -> Iterator[_Table]:
    caption = (
        "Shape: poems with one of the four forms (constrained: the one asked for), and with an even number of lines "
        "that all have 5 characters or all 7"
    )
    shapes = [
        (kind, str(own.form.count), _percent(own.form), _percent(own.even)) for kind, own in report.shapes.items()
    ]
    yield _Table(caption, ["poems", "number", "form", "even"], shapes, 1)
    rules, variety = [], []
    for form, kinds in report.forms.items():
        for kind, own in kinds.items():
            rules.append([form, kind, str(own.poems), *(_percent(own.rules[name]) for name in RULE_RATES)])
            cells = [form, kind, str(own.characters), *(f"{share:.3f}" for share in own.distinct)]
            cells += [f"{own.self_repetition:.1%}", f"{own.copied.share:.2%}", f"{own.longest:.2f}"]
            variety.append([*cells, str(own.longest_of_all)])
    caption = "Rules: poems that keep the rhyme, the tones, and all rules, with 95 % intervals"
    yield _Table(caption, ["form", "poems", "number", *RULE_RATES], rules, 2)
    caption = (
        "Variety: distinct-n over so many characters, and characters that stood in the poem before, among its first "
        f"{_QUATRAIN}. Memory: lines that stand in a training poem, and the longest run of characters shared with one"
    )
    columns = "form, poems, characters, distinct-1, -2, -3, self-repetition, copied lines, run (mean), run (most)"
    yield _Table(caption, columns.split(", "), variety, 2)
    if report.costs:
        caption = (
            "Cost: nats a character by the plain model, marks and end token in the sum, of poems written at "
            "temperature 1, with 95 % intervals; milliseconds a poem, written in turns in as many steps"
        )
        columns = "form, nats (free), (constrained), difference, ms (free), (constrained), ratio"
        costs = []
        for form, cost in report.costs.items():
            nats = [_nats_cell(part) for part in (cost.free, cost.constrained, _difference(cost))]
            seconds = (cost.free_seconds, cost.constrained_seconds)
            costs.append([form, *nats, *(f"{1000 * own:.2f}" for own in seconds), f"{seconds[1] / seconds[0]:.2f}"])
        costs.append(["all", "", "", _nats_cell(total_cost(report.costs)), "", "", ""])
        yield _Table(caption, columns.split(", "), costs, 1)


def _percent(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.share:.0%} ({100 * low:.0f}–{100 * high:.0f})"


def _nats_cell(mean: Mean) -> str:
    margin = "" if math.isnan(mean.margin) else f" ± {mean.margin:.2f}"
    return "" if math.isnan(mean.value) else f"{mean.value:.2f}{margin}"


def text(report: Report) -> str:
    """Return tables for a terminal."""
    return "\n\n".join(_set(table) for table in _tables(report))


def _set(table: _Table) -> str:
    rows = [table.columns, *table.rows]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = textwrap.wrap(table.caption, 120)
    for row in rows:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(cell + space if i < table.words else space + cell)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _width(cell: str) -> int:
    """Return how many columns of a terminal a cell takes."""
    return sum(2 if unicodedata.east_asian_width(char) == "W" else 1 for char in cell)


def markdown(report: Report) -> str:
    """Return the same tables in Markdown."""
    parts = []
    for table in _tables(report):
        rule = ["---"] * table.words + ["---:"] * (len(table.columns) - table.words)
        rows = [f"| {' | '.join(row)} |" for row in (table.columns, rule, *table.rows)]
        parts.append("\n".join([f"{table.caption}:", "", *rows]))
    return "\n\n".join(parts) + "\n"


def draw(report: Report, path: Path) -> None:
    """Draw how many poems keep rhyme, tones and all rules, by form and kind, as an SVG file; asks for matplotlib."""
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
        figure.savefig(path, format="svg", metadata={"Date": None})
