"""Poems from a loaded poet, many at a time, and of several candidates the likeliest."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tangshi_tf.errors import ConfigError
from tangshi_tf.poet import AUTOMATIC_LENGTH

__all__ = ["write"]

_ROWS = 256  # of a batch; more are hardly faster


def write(poet: Any, begins: Sequence[str], seed: int, best_of: int = 1, **knobs: Any) -> Iterator[dict[str, Any]]:
    """Write one poem for each begin.

    Args:
        poet: what `export.load` returns.
        begins: what the poems begin with.
        seed: the first poem has the candidates of the seeds `seed`, `seed` + 1, …, `best_of` of them, the second those
            of the next, and so on.
        best_of: how many candidates are written; the one of the highest log-probability a token is taken, the end token
            counted where it was reached. The sum would favour short poems.
        knobs: further arguments of the poet's `generate`, one value each.

    Yields:
        A dict of poem, problem (which typed characters break which rule of verse; mostly empty), begin, seed (that of
        the candidate taken: alone, it gives the same poem), log_probability, length, and tokens, of which the
        log-probability is the sum.

    Raises:
        ConfigError: if the poet cannot meet the request.
    """
    poems = max(1, _ROWS // best_of)
    for first in range(0, len(begins), poems):
        rows = [begin for begin in begins[first : first + poems] for _ in range(best_of)]
        seeds = range(seed + first * best_of, seed + first * best_of + len(rows))
        answer = {name: value.numpy() for name, value in poet.generate(rows, seed=list(seeds), **knobs).items()}
        for problem, length in zip(answer["problem"], answer["length"], strict=True):
            if problem and not length:
                raise ConfigError(problem.decode())
        most = knobs.get("max_length", 0)
        limits = np.array([most or len("".join(begin.split())) + AUTOMATIC_LENGTH for begin in rows])
        answer["tokens"] = answer["length"] + (answer["length"] < limits)  # without an end token where it was cut
        each = (answer["log_probability"] / answer["tokens"]).reshape(-1, best_of)
        for row in np.arange(len(each)) * best_of + np.argmax(each, axis=1):
            yield {
                "poem": answer["poem"][row].decode(),
                "problem": answer["problem"][row].decode(),
                "begin": rows[row],
                "seed": int(answer["seed"][row]),
                "log_probability": float(answer["log_probability"][row]),
                "length": int(answer["length"][row]),
                "tokens": int(answer["tokens"][row]),
            }
