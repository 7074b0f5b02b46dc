"""Traditional characters for simplified ones, after `data/traditional.tsv`.

A character with several forms takes the likeliest one beside its neighbours: naive Bayes, with the share of the form as
the prior of each side. The table was counted in the Quan Tangshi, so it knows Tang verse and not today's words.
"""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tangshi_tf.shipped import find_resource

__all__ = ["Form", "Table", "parse_table", "to_traditional"]

_NEIGHBOUR = re.compile(r"(\D)(\d+)")
_PRIOR = 2.0  # how many neighbours the share of a form is worth


class Form(NamedTuple):
    """A traditional form of a character.

    Attributes:
        form: the traditional character.
        times: how often it was seen.
        before: how often each character stood before it.
        after: how often each character stood after it.
    """

    form: str
    times: int
    before: Mapping[str, int]
    after: Mapping[str, int]


Table = Mapping[str, Sequence[Form]]


def to_traditional(text: str, table: Table | None = None) -> str:
    """Return a simplified text in traditional characters, of the same length.

    Args:
        text: simplified; other characters stay as they are.
        table: from each simplified character to its forms; by default the one in the package.

    Example:
        >>> to_traditional("白发三千丈，云里后宫花发。")
        '白髮三千丈，雲裏後宮花發。'
    """
    table = _shipped_table() if table is None else table
    around = f"\n{text}\n"
    return "".join(
        _likeliest(forms, around[i], around[i + 2]) if (forms := table.get(char)) else char
        for i, char in enumerate(text)
    )


def parse_table(text: str) -> Table:
    """Read what `data/build_traditional.py` writes."""
    table: dict[str, list[Form]] = {}
    for line in text.splitlines():
        char, form, times, before, after = [*line.split("\t"), "1", "", ""][:5]
        sides = ({near: int(n) for near, n in _NEIGHBOUR.findall(side)} for side in (before, after))
        table.setdefault(char, []).append(Form(form, int(times), *sides))
    return table


def _likeliest(forms: Sequence[Form], before: str, after: str) -> str:
    """Return the form of the highest posterior."""
    if len(forms) == 1:
        return forms[0].form
    total = sum(form.times for form in forms)
    left = sum(form.before.get(before, 0) for form in forms) + _PRIOR
    right = sum(form.after.get(after, 0) for form in forms) + _PRIOR

    def score(form: Form) -> float:
        share = form.times / total
        before_it = (form.before.get(before, 0) + _PRIOR * share) / left
        after_it = (form.after.get(after, 0) + _PRIOR * share) / right
        return math.log(before_it) + math.log(after_it) - math.log(share)

    return max(forms, key=score).form


@lru_cache(maxsize=1)
def _shipped_table() -> Table:
    return parse_table(find_resource("data/traditional.tsv").read_text(encoding="utf-8"))
