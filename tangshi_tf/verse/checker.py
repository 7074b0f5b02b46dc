"""Judge a poem by the rules of regulated verse: which rule holds and which breaks, line by line.

A character with several readings counts as the one that suits the poem; one that no rhyme book has fits everything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tangshi_tf.verse.forms import LEVELS, LINE_TYPES, MARKS, OPENINGS, OTHER, form_of, lines_of, ways
from tangshi_tf.verse.prosody import EITHER, LEVEL, LEVEL_GROUPS, NEIGHBOURS, OBLIQUE, Prosody, generous

__all__ = ["RHYME_RULES", "RULES", "Fault", "Verdict", "judge", "tone_marks"]

RULES: Mapping[str, str] = {
    "体": "form: 4 or 8 lines of 5 or 7 characters",
    "押韵": "rhyme: the even lines end in one level group",
    "重韵": "no rhyme character twice",
    "首句": "a first line that ends level rhymes, in the same or a neighbour group",
    "句脚": "the odd lines that do not rhyme end oblique",
    "平仄": "tones alternate within the line, or are rescued",
    "对": "the second line of a couplet is opposite to the first",
    "粘": "a couplet sticks to the one before",
    "孤平": "no lonely level character before the rhyme",
    "三平尾": "no three level characters at the end",
}
RHYME_RULES = ("押韵", "重韵", "首句")


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a rule breaks.

    Attributes:
        rule: a key of `RULES`.
        line: from 1; 0 for the whole poem.
        position: of the character in the line, from 1; 0 for the whole poem.
        received: what stands there.
        required: what would keep the rule.
    """

    rule: str
    line: int
    position: int
    received: str
    required: str

    def __str__(self) -> str:
        """Return one line."""
        if not self.line:
            return f"{self.rule}: {self.required} is required. Received: {self.received}."
        return (
            f"{self.rule}: line {self.line}, character {self.position}, {self.required} is required. "
            f"Received: {self.received}."
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a poem keeps and breaks.

    Attributes:
        lines: the lines of the poem, without marks.
        form: a key of `FORMS`, or `OTHER`.
        opening: one of `OPENINGS`, that of the template which the poem breaks least; empty for `OTHER`, and where
            couplets that do not stick belong to none.
        rhyme: the level groups that most even lines rhyme in; empty for `OTHER`.
        faults: for each of `LEVELS`, where the rules break; none if the poem keeps them all.
    """

    lines: tuple[str, ...]
    form: str
    opening: str = ""
    rhyme: str = ""
    faults: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)

    def passes(self, level: str = "regulated") -> bool:
        """Tell whether the poem keeps all rules at one of `LEVELS`."""
        return not self.faults[level]


def judge(text: str, prosody: Prosody | None = None) -> Verdict:
    """Judge a poem.

    Args:
        text: clean, as `corpus.clean` returns it.
        prosody: how characters are read; generously by default.
    """
    prosody = prosody or generous()
    lines, form = tuple(lines_of(text)), form_of(text)
    if form == OTHER:
        sizes = ", ".join(map(str, sorted({len(line) for line in lines})))
        found = f"{len(lines)} of {sizes}" if lines else "none"
        fault = Fault("体", 0, 0, found, "4 or 8 lines of 5 or 7 characters")
        return Verdict(lines, form, faults=dict.fromkeys(LEVELS, (fault,)))
    tones = [[prosody.tones(char) for char in line] for line in lines]
    rhymes = [prosody.rhymes(line[-1]) for line in lines]
    types, broken = _fit(lines, tones, rhymes, "strict", None)
    if broken:  # else the other levels are kept in this way, too, and a way that they keep may not be strict
        types, _ = _fit(lines, tones, rhymes, "regulated", None)
    opening = next((name for name in OPENINGS if LINE_TYPES[form][name][: len(types)] == types), "")
    faults = {level: tuple(_fit(lines, tones, rhymes, level, types)[1]) for level in LEVELS}
    return Verdict(lines, form, opening, _group(rhymes), faults)


_Lines = Sequence[str]
_Tones = Sequence[Sequence[int]]
_Rhymes = Sequence[frozenset[str]]


def _fit(
    lines: _Lines, tones: _Tones, rhymes: _Rhymes, level: str, types: tuple[str, ...] | None
) -> tuple[tuple[str, ...], list[Fault]]:
    """Return the types of the couplets that break the fewest rules, or those given, and what they break."""
    paths: dict[str, tuple[tuple[str, ...], list[Fault]]] = {"": ((), [])}
    for k in range(len(lines) // 2):
        pairs = (*(("AB", "BA", "AA", "BB") if k == 0 else ()), "aB", "bA", "aA", "bB")
        longer: dict[str, tuple[tuple[str, ...], list[Fault]]] = {}
        for pair in pairs if types is None else types[k : k + 1]:
            own = _couplet(lines, tones, 2 * k, pair, level)
            own += _first_rhyme(lines, rhymes) if pair[0].isupper() else []
            for last, (before, faults) in paths.items():
                sticks = not last or last.lower() == pair[0]
                link = (
                    [] if sticks else [Fault("粘", 2 * k + 1, 2, lines[2 * k][1], f"the tone of {lines[2 * k - 1][1]}")]
                )
                path = ((*before, pair), [*faults, *link, *own])
                if pair[1] not in longer or len(path[1]) < len(longer[pair[1]][1]):
                    longer[pair[1]] = path
        paths = longer
    found, faults = min(paths.values(), key=lambda path: len(path[1]))
    return found, sorted([*faults, *_rhyme_faults(lines, rhymes)], key=lambda fault: (fault.line, fault.position))


def _couplet(lines: _Lines, tones: _Tones, first: int, pair: str, level: str) -> list[Fault]:
    """Return what two lines break of the way of writing their types that they break least."""
    parallel = pair[0].lower() == pair[1].lower()
    link = (
        [Fault("对", first + 2, 2, lines[first + 1][1], f"the tone opposite to {lines[first][1]}")] if parallel else []
    )
    candidates = [
        [fault for i, pattern in enumerate(way) for fault in _line(lines, tones, first + i, pattern, pair[i])]
        for way in ways(pair, len(lines[0]), level)
    ]
    return link + min(candidates, key=len)


def _line(lines: _Lines, tones: _Tones, index: int, pattern: str, kind: str) -> Iterator[Fault]:
    """Yield where a line breaks its pattern. That a line which rhymes ends level is for the rhyme to say.

    A line that ends oblique has neither a lonely level before its rhyme nor three at its end.
    """
    line, tone = lines[index], tones[index]
    size = len(pattern) - kind.isupper()
    for i, (sign, own) in enumerate(zip(pattern[:size], tone[:size], strict=True)):
        if sign == "护" and tone[-1] & LEVEL & ~(own | tone[i - 2]):
            yield Fault("孤平", index + 1, i + 1, line[i], f"平 here or at {i - 1}")
        elif sign == "平" and not own & LEVEL:
            yield Fault("平仄", index + 1, i + 1, line[i], "平")
        elif sign == "仄" and not own & OBLIQUE:
            rule = "句脚" if i == len(pattern) - 1 else "三平尾" if kind == "A" and i == len(pattern) - 3 else "平仄"
            if rule != "三平尾" or all(other & LEVEL for other in tone[i:]):
                yield Fault(rule, index + 1, i + 1, line[i], "仄")


def _group(rhymes: _Rhymes) -> str:
    """Return the level groups that all even lines rhyme in, else one that most of them do, if any."""
    fitting = {group: sum(group in own for own in rhymes[1::2]) for group in LEVEL_GROUPS}
    most = max(fitting.values())
    best = [group for group, count in fitting.items() if count == most > 0]
    return "".join(best if most == len(rhymes) // 2 else sorted(best, key=lambda group: group not in rhymes[0])[:1])


def _first_rhyme(lines: _Lines, rhymes: _Rhymes) -> list[Fault]:
    """Return what a first line that is to rhyme breaks."""
    near = {neighbour for group in _group(rhymes) for neighbour in NEIGHBOURS[group]}
    fits, char = rhymes[0] & near, lines[0][-1]
    faults = [] if fits else [Fault("首句", 1, len(lines[0]), char, f"a rhyme in {_group(rhymes) or '平'}")]
    return faults + [_again(lines, index) for index in range(1, len(lines), 2) if lines[index][-1] == char]


def _rhyme_faults(lines: _Lines, rhymes: _Rhymes) -> list[Fault]:
    """Return what the even lines break."""
    group = _group(rhymes)
    faults = []
    seen: set[str] = set()
    for index in range(1, len(lines), 2):
        char = lines[index][-1]
        if not rhymes[index] & set(group):
            faults.append(Fault("押韵", index + 1, len(lines[index]), char, f"a rhyme in {group}" if group else "平"))
        if char in seen:
            faults.append(_again(lines, index))
        seen.add(char)
    return faults


def _again(lines: _Lines, index: int) -> Fault:
    return Fault("重韵", index + 1, len(lines[index]), lines[index][-1], "another rhyme character")


def tone_marks(line: str, prosody: Prosody | None = None) -> str:
    """Return a sign for each character: 平, 仄, 通 for both, ？ if it is unknown, a space for a mark or a space."""
    prosody = prosody or generous()
    signs = {LEVEL: "平", OBLIQUE: "仄", EITHER: "通"}

    def sign(char: str) -> str:
        if char in prosody:
            return signs[prosody.tones(char)]
        return "　" if char in MARKS or char.isspace() else "？"

    return "".join(map(sign, line))
