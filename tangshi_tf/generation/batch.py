"""Write many poems with a loaded poet; of several candidates take the likeliest."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tangshi_tf.errors import ConfigError
from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
from tangshi_tf.verse.forms import VERSE_INPUTS

__all__ = ["write"]

_ROWS = 256  # of a batch; more are hardly faster
_ROUNDS = 100  # of candidates for a poem; after so many the request is taken for impossible


def write(
    poet: Any,
    begins: Sequence[str],
    seed: int,
    *,
    best_of: int = 1,
    fault: Callable[[dict[str, Any]], str] | None = None,
    title: str | Sequence[str] = "",
    **knobs: Any,
) -> Iterator[dict[str, Any]]:
    """Write one poem for each begin.

    Args:
        poet: what `saved_model.load` returns.
        begins: what the poems begin with.
        seed: the first poem has the candidates of the seeds `seed`, `seed` + 1, …, `best_of` of them, the second those
            of the next, and so on.
        best_of: how many candidates are written; the one of the highest log-probability a token is taken, the end token
            counted where it was reached. The sum would favour short poems.
        fault: returns why a candidate may not be taken, or an empty string. If no candidate of a poem may be taken, the
            poem gets others, up to 100 times `best_of` in all: the second round has the seeds after those of the first
            round of all poems, and so on.
        title: what the poems are about, one for all or one for each.
        knobs: further arguments of the poet's `generate`, one value each.

    Yields:
        A dict of poem, problem (which typed characters break which rule of verse; mostly empty), begin, title, seed
        (that of the candidate taken: alone, it gives the same poem), log_probability, length, tokens, of which the
        log-probability is the sum, and cut (whether the limit of length ended it).

    Raises:
        ConfigError: if the poet cannot meet the request, or no candidate of a poem may be taken.
    """
    texts = list(zip(begins, [title] * len(begins) if isinstance(title, str) else title, strict=True))
    poems = max(1, _ROWS // best_of)
    for first in range(0, len(begins), poems):
        places = range(first, min(first + poems, len(begins)))
        taken: dict[int, dict[str, Any]] = {}
        for attempt in range(_ROUNDS):
            waiting = [place for place in places if place not in taken]
            if not waiting:
                break
            seeds = [seed + (attempt * len(begins) + place) * best_of + i for place in waiting for i in range(best_of)]
            records = _batch(poet, [texts[place] for place in waiting for _ in range(best_of)], seeds, knobs)
            for i, place in enumerate(waiting):
                own = sorted(records[i * best_of : (i + 1) * best_of], key=_likelihood, reverse=True)
                faults = [fault(record) if fault else "" for record in own]
                if "" in faults:
                    taken[place] = own[faults.index("")]
                elif attempt == _ROUNDS - 1:
                    raise ConfigError(
                        f"A begin and settings that give a poem without fault in {_ROUNDS * best_of} are required. "
                        f"Received: {faults[0]}."
                    )
        yield from (taken[place] for place in places)


def _likelihood(record: dict[str, Any]) -> float:
    return record["log_probability"] / record["tokens"]


def _batch(poet: Any, texts: list[tuple[str, str]], seeds: list[int], knobs: dict[str, Any]) -> list[dict[str, Any]]:
    """Write one poem for each begin, title and seed."""
    begins, titles = map(list, zip(*texts, strict=True))
    answer = {name: value.numpy() for name, value in poet.generate(begins, titles, seed=seeds, **knobs).items()}
    for problem, length in zip(answer["problem"], answer["length"], strict=True):
        if problem and not length:
            raise ConfigError(problem.decode())
    most = knobs.get("max_length", 0)
    begin_length = np.count_nonzero(poet.encode(begins), axis=1)
    limits = most or begin_length + AUTOMATIC_LENGTH
    full = answer["length"] >= limits
    verse = any(knobs.get(name) for name in VERSE_INPUTS)  # which is as long as its form, and complete
    return [
        {
            "poem": answer["poem"][row].decode(),
            "problem": answer["problem"][row].decode(),
            "begin": begin,
            "title": title,
            "seed": int(answer["seed"][row]),
            "log_probability": float(answer["log_probability"][row]),
            "length": int(answer["length"][row]),
            "tokens": int(answer["length"][row] + (not full[row])),  # without an end token where it was not read
            "cut": bool(full[row] and not verse),
        }
        for row, (begin, title) in enumerate(texts)
    ]
