"""What `tangshi-tf sample` was asked for, and what of that is refused before a model is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tangshi_tf.config import COLDEST
from tangshi_tf.errors import ConfigError

__all__ = ["VERSE", "Request", "require_poems", "require_variety"]

VERSE = ("form", "rhyme", "opening", "acrostic")
"""The options that ask for verse."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        begin: what the texts begin with.
        inputs: further inputs of `generate`.
        seed: of the first text.
        count: of texts.
        best_of: candidates for each.
        tones: whether tones are printed.
        novel: whether lines of the training poems are refused.
        as_json: whether JSON is printed.
        output: the file to write to, if any.
    """

    begin: str
    inputs: dict[str, Any]
    seed: int
    count: int
    best_of: int
    tones: bool
    novel: bool
    as_json: bool
    output: Path | None


def require_variety(inputs: Mapping[str, Any]) -> None:
    """Refuse settings that give the same poem for every seed."""
    greedy = inputs["temperature"] < COLDEST or inputs["top_k"] == 1
    # An opening that is drawn gives another poem for every seed.
    same_opening = inputs["opening"] or not any(inputs[name] for name in VERSE)
    if greedy and inputs["init_state"] == "zero" and same_opening:
        raise ConfigError(
            f"A --temperature of at least {COLDEST} without --top-k 1, or --init-state random, is required for "
            "--best-of. Received: settings that give the same poem each time."
        )


def require_poems(**asked: str | bool) -> None:
    """Refuse, for a model of prose, what only poems have."""
    for name, value in asked.items():
        if value:
            raise ConfigError(f"A model of poems is required for --{name}. Received: one of prose.")
