"""Compare generated verse with real verse: rules kept, variety, copied lines, the cost of the rules.

Three kinds of poems are compared form by form. Real poems, and free ones, which were written without a constraint, have
the form of their lines. Constrained ones were written in a form that was asked for; one that has another form keeps no
rule. The poet writes them with the default sampler. What the constraint costs is measured on further poems, written at
temperature 1 without filters, from a zero state.
"""

import math
import statistics
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.evaluation.copied_lines import SHORTEST, TrainingLines, longest_shared
from tangshi_tf.evaluation.intervals import Mean, Rate
from tangshi_tf.generation.batch import write
from tangshi_tf.verse.checker import RHYME_RULES, judge
from tangshi_tf.verse.forms import FORMS, LEVELS, OTHER, form_of, lines_of

__all__ = [
    "BEGINNING",
    "KINDS",
    "RULE_RATES",
    "Cost",
    "Reading",
    "Report",
    "Written",
    "carry_out",
    "compare",
    "distinct",
    "kept",
    "plan",
    "refused_forms",
    "self_repetition",
    "total_cost",
]

KINDS = ("real", "free", "constrained")
RULE_RATES = ("rhyme", *(f"tones {level}" for level in LEVELS), *(f"all {level}" for level in LEVELS))
BEGINNING = 20  # characters, those of the shortest form


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
    """Nats a character by the model without masks; marks and end token are in the sum, but no characters."""

    free: Mean
    constrained: Mean

    @property
    def difference(self) -> Mean:
        """What constrained poems cost more; its count is theirs."""
        margin = math.hypot(self.free.margin, self.constrained.margin)
        return Mean(self.constrained.value - self.free.value, margin, self.constrained.count)


@dataclass(frozen=True, slots=True)
class Report:
    """What all kinds of poems came to; a kind without poems is left out.

    Attributes:
        shapes: by kind, how many poems have one of the four forms, or the one asked for ("form"), and how many an even
            number of lines that all have 5 characters or all 7 ("even").
        forms: by form and kind.
        costs: by form.
    """

    shapes: Mapping[str, Mapping[str, Rate]]
    forms: Mapping[str, Mapping[str, Reading]]
    costs: Mapping[str, Cost]


@dataclass(frozen=True, slots=True)
class Written:
    """What a poet wrote, by the form asked for; free poems have an empty one.

    Attributes:
        sampled: poems by the sampler by default.
        plain: poems of the model without masks, with their log-probabilities.
    """

    sampled: Mapping[str, Sequence[str]]
    plain: Mapping[str, Sequence[tuple[str, float]]]


def refused_forms(poet: Any) -> dict[str, str]:
    """Return the forms that a poet cannot write, and why: its vocabulary may lack the rhymes."""
    problems = poet.generate([""] * len(FORMS), form=list(FORMS), seed=[0] * len(FORMS))["problem"].numpy()
    return {form: problem.decode() for form, problem in zip(FORMS, problems, strict=True) if problem}


def plan(count: int, seed: int, forms: Container[str] = FORMS) -> dict[str, range]:
    """Return the seeds of the poems to write, by the form asked for, which is "" for free poems.

    Those of form k, from 0, are `seed` + k `count` and those that follow, `count` in all; the free poems have the seeds
    of all four forms, whichever are asked for.
    """
    every = range(seed, seed + len(FORMS) * count)
    return {"": every} | {form: every[k * count :][:count] for k, form in enumerate(FORMS) if form in forms}


def carry_out(poet: Any, seeds: Iterable[tuple[str, range]]) -> Written:
    """Write what was planned.

    Args:
        poet: what `saved_model.load` returns.
        seeds: the items of `plan`.

    Raises:
        ConfigError: if the poet cannot write one of the forms.
    """
    sampler: Mapping[str, Any] = DEFAULT_SAMPLER
    sampled, plain = {}, {}
    for form, own in seeds:
        begins = [""] * len(own)
        sampled[form] = [record["poem"] for record in write(poet, begins, own.start, form=form, **sampler)]
        records = write(poet, begins, own.start, form=form)
        plain[form] = [(record["poem"], record["log_probability"]) for record in records]
    return Written(sampled, plain)


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
    beginnings = [poem[:BEGINNING] for poem in poems if len(poem) >= BEGINNING]  # it rises with the length
    if not beginnings:
        return math.nan
    return 1 - sum(len(set(poem)) for poem in beginnings) / (BEGINNING * len(beginnings))


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
    constrained = dict(written.sampled)
    free = constrained.pop("")
    shapes = {kind: _shape(own) for kind, own in zip(KINDS, ({"": real}, {"": free}, constrained), strict=True) if own}
    groups = {
        form: {
            "real": [poem for poem in real if form_of(poem) == form],
            "free": [poem for poem in free if form_of(poem) == form],
            "constrained": constrained.get(form, ()),
        }
        for form in FORMS
    }
    lines = TrainingLines(training)
    every = [poem for kinds in groups.values() for own in kinds.values() for poem in own]
    longest = dict(zip(every, longest_shared(every, training).tolist(), strict=True))
    forms: dict[str, dict[str, Reading]] = {}
    for form, kinds in groups.items():
        characters = min((sum(len(han_only(poem)) for poem in own) for own in kinds.values() if own), default=0)
        for kind, own in kinds.items():
            if own:
                forms.setdefault(form, {})[kind] = _read(own, form, characters, lines, longest)
    plain = written.plain
    costs = {form: Cost(_nats(plain[""], form), _nats(own, form)) for form, own in plain.items() if form}
    return Report(shapes, forms, costs)


def _shape(poems: Mapping[str, Sequence[str]]) -> dict[str, Rate]:
    """Read poems by the form asked for, if any."""
    every = [(poem, asked) for asked, own in poems.items() for poem in own]
    lengths = [[len(line) for line in lines_of(poem)] for poem, _ in every]
    even = sum(own in ([5] * len(own), [7] * len(own)) and len(own) % 2 == 0 < len(own) for own in lengths)
    fitting = sum(form_of(poem) == asked if asked else form_of(poem) != OTHER for poem, asked in every)
    return {"form": Rate(fitting, len(every)), "even": Rate(even, len(every))}


def _read(
    poems: Sequence[str], form: str, characters: int, lines: TrainingLines, longest: Mapping[str, int]
) -> Reading:
    rules = [kept(poem, form) for poem in poems]
    bare = [han_only(poem) for poem in poems]
    long = sum(len(line) >= SHORTEST for poem in poems for line in lines_of(poem))
    runs = [longest[poem] for poem in poems]
    return Reading(
        len(poems),
        {name: Rate(sum(own[name] for own in rules), len(poems)) for name in RULE_RATES},
        characters,
        tuple(distinct(bare, n, characters) for n in (1, 2, 3)),
        self_repetition(bare),
        Rate(sum(len(lines.copied(poem)) for poem in poems), long),
        statistics.fmean(runs),
        max(runs),
    )


def _nats(poems: Sequence[tuple[str, float]], form: str) -> Mean:
    """Return the nats a character of the poems that have a form."""
    return Mean.of([-own / len(han_only(poem)) for poem, own in poems if form_of(poem) == form])


def total_cost(costs: Mapping[str, Cost]) -> Mean:
    """Return by how many nats a character constrained poems cost more than free ones of the same mix of forms."""
    both = [cost.difference for cost in costs.values() if cost.free.count and cost.constrained.count]
    count = sum(own.count for own in both)
    if not count:
        return Mean.of([])
    value = sum(own.count * own.value for own in both) / count
    return Mean(value, math.hypot(*(own.count * own.margin for own in both)) / count, count)
