"""Show a verdict: as text, as JSON, and counted for many poems."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tangshi_tf.verse.checker import Verdict, tone_marks
from tangshi_tf.verse.forms import FORMS, LEVELS, OTHER
from tangshi_tf.verse.prosody import derived_readings

__all__ = ["counted", "judgement", "record", "scanned"]


def scanned(verdict: Verdict, title: str = "") -> str:
    """Set a poem with its form, opening and rhyme above it and the tones beneath its lines."""
    rhyme = verdict.rhyme and f"{'、'.join(verdict.rhyme)}韵"
    head = "　".join(filter(None, [title, verdict.form, verdict.opening, rhyme]))
    return "\n".join([head, *(row for line in verdict.lines for row in (line, tone_marks(line)))])


def judgement(verdict: Verdict, level: str) -> str:
    """Say which readings are derived, what a poem breaks at a level, and whether it passes."""
    faults = verdict.faults[level]
    lines = [*_readings(verdict), *map(str, faults)]
    if faults:
        return "\n".join([*lines, f"Fails at the level {level}: {len(faults)} fault{'s' * (len(faults) > 1)}."])
    return "\n".join([*lines, f"Passes at the level {level}."])


def _readings(verdict: Verdict) -> list[str]:
    """Return one line on the characters that no rhyme book has, if the poem has any whose reading is derived."""
    derived = derived_readings("".join(verdict.lines))
    readings = ", ".join(_reading(char, "、".join(forms), rule) for char, (rule, forms) in derived.items())
    return [f"Not in the rhyme books: {readings}."] if derived else []


def _reading(char: str, forms: str, rule: str) -> str:
    return f"{char} read as {forms} ({rule})"


def record(verdict: Verdict) -> dict[str, Any]:
    """Return what `json` can write, with all levels."""
    return {
        "form": verdict.form,
        "opening": verdict.opening,
        "rhyme": verdict.rhyme,
        "derived": {
            char: {"rule": rule, "forms": forms}
            for char, (rule, forms) in derived_readings("".join(verdict.lines)).items()
        },
        "by_level": {
            level: {"passed": verdict.passes(level), "faults": list(map(asdict, verdict.faults[level]))}
            for level in LEVELS
        },
    }


def counted(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """Return the rows of a table: form, poems, and how many of them pass at each of `LEVELS`."""
    rows = []
    for name in ("全部", *FORMS, OTHER):
        own = [verdict for verdict in verdicts if name in ("全部", verdict.form)]
        passed = [sum(verdict.passes(level) for verdict in own) for level in LEVELS]
        if own:
            rows.append([name, *(f"{count:,}" for count in (len(own), *passed))])
    return rows
