"""The two kinds of text, poems and prose, as data. Each package has one table keyed by their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["TEXT_KINDS", "TextKind"]


@dataclass(frozen=True, slots=True)
class TextKind:
    """A kind of text.

    Attributes:
        name: of the kind, a key of `TEXT_KINDS`.
        units: what a token may be: ``"char"`` or ``"word"``.
        ends: whether a text has an end token; without one, it is as long as is asked for.
        verse: whether it may be verse: with an ear, titles and forms.
        sampler: the sampler by default of `tangshi-tf sample` and `serving_default`; plain `generate` is neutral.
    """

    name: str
    units: tuple[str, ...]
    ends: bool
    verse: bool
    sampler: Mapping[str, float]


_POEMS = TextKind(
    "poems",
    units=("char",),
    ends=True,
    verse=True,
    sampler=MappingProxyType({"temperature": 1.0, "top_p": 0.85, "repetition_penalty": 2.5}),
)
_PROSE = TextKind(
    "prose",
    units=("char", "word"),
    ends=False,
    verse=False,
    # In prose characters and words must come back.
    sampler=MappingProxyType({"temperature": 0.8, "top_p": 0.95, "repetition_penalty": 1.0}),
)
TEXT_KINDS: Mapping[str, TextKind] = MappingProxyType({kind.name: kind for kind in (_POEMS, _PROSE)})
