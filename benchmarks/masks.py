"""Compare the time of constrained and of free poems over equally many steps, in turns.

    python benchmarks/masks.py [--model saved_models/tangshi/1] [--rounds 5] [--json FILE]

Free poems end when they will, constrained ones when the form is full. So that both take the same steps with all their
rows, the end token is made impossible here, and the free ones are cut where the others end.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from record import keep

from tangshi_tf import PoetryModel
from tangshi_tf.generation.poet import Poet
from tangshi_tf.verse.forms import FORMS
from tangshi_tf.vocabulary import EOS

NEVER = -1e9  # nats


def seconds(poet: Poet, form: str, rows: int, length: int) -> float:
    """Write poems of so many tokens and return how long it took."""
    start = time.perf_counter()
    answer = poet.generate([""] * rows, form=form, max_length=length, seed=list(range(rows)))
    assert (answer["length"].numpy() == length).all()
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="saved_models/tangshi/1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    model = PoetryModel.from_saved_model(options.model)
    bias = model.output_bias.numpy()
    bias[EOS] = NEVER
    model.output_bias.assign(bias)
    poet = Poet(model)
    kept: list[dict[str, Any]] = []
    print("| batch | form | ms a step, free | constrained | ratio (median of the rounds) |")
    print("|---:|---|---:|---:|---:|")
    for rows in (1, 16, 256):
        for form, (lines, size) in FORMS.items():
            steps = lines * (size + 1)
            pairs = [[seconds(poet, asked, rows, steps) for asked in ("", form)] for _ in range(options.rounds + 1)][
                1:
            ]  # the first ones warm up
            free, constrained = (1000 * statistics.median(own) / steps for own in zip(*pairs, strict=True))
            ratio = statistics.median(own[1] / own[0] for own in pairs)
            kept.append({"batch": rows, "form": form, "free": free, "constrained": constrained, "ratio": ratio})
            print(f"| {rows} | {form} | {free:.2f} | {constrained:.2f} | {ratio:.2f} |", flush=True)
    keep(options.json, kept)


if __name__ == "__main__":
    main()
