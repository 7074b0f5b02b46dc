"""Measure what fine-tuning on a poet's poems brings: the perplexity of others of his, before and after.

    python benchmarks/fine_tuning.py [FOLDER] [--json FILE]

FOLDER is for the runs, runs/fine-tuning by default. A base is trained for six epochs on the shipped poems without those
of three poets, unless FOLDER has it. It is fine-tuned on 50 and on 300 poems of each poet, and on 1,300 of 杜甫; beside
it, a model learns the 300 from nothing. The poems are drawn by a fixed seed. The 100 to score are the same for all.
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from record import keep, table

from tangshi_tf import ModelConfig, PoetryModel, Run, TrainingConfig, evaluate, fit, read_corpus
from tangshi_tf.config import FINE_TUNING
from tangshi_tf.corpus.records import HEADER, Record
from tangshi_tf.corpus.shipped_format import shipped_records

POETS = ("杜甫", "李白", "白居易")
SCORED = slice(300, 400)  # of a poet's poems, in the order drawn
MANY = replace(FINE_TUNING, learning_rate=0.0006)
Trial = tuple[str, int, bool, TrainingConfig]
TRIALS: Sequence[Trial] = (
    *((poet, poems, True, FINE_TUNING) for poet in POETS for poems in (50, 300)),
    *((poet, 300, False, TrainingConfig()) for poet in POETS),
    ("杜甫", 1_300, True, FINE_TUNING),
    ("杜甫", 1_300, True, MANY),
)


def poems_of(poet: str) -> list[Record]:
    """Return the poems of a poet in the order drawn."""
    own = [record for record in shipped_records() if record.author == poet]
    random.Random(1).shuffle(own)
    return own


def write(path: Path, records: Sequence[Record], header: str) -> Path:
    """Write poems as a table."""
    names = header.split("\t")
    lines = [header, *("\t".join(getattr(record, name) for name in names) for record in records)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def perplexity(model: PoetryModel, poet: str) -> float:
    """Return that of the poems to score."""
    return evaluate(model, [record.text for record in poems_of(poet)[SCORED]]).total.perplexity


def base_in(folder: Path) -> PoetryModel:
    """Return the base, and train it if need be."""
    run = Run(folder / "base") if (folder / "base").exists() else None
    if run is None or not run.finished:
        rest = [record for record in shipped_records() if record.author not in POETS]
        corpus = read_corpus([write(folder / "base.tsv", rest, HEADER)])
        run = fit(corpus, folder / "base", training_config=TrainingConfig(epochs=6), begin="resume" if run else "new")
    assert run is not None
    print(f"base: validation perplexity {run.best['validation_perplexity']:.2f}, {run.history[-1]['seconds']:.0f} s")
    return run.load_model()


def measure(folder: Path, base: PoetryModel, trial: Trial) -> dict[str, Any]:
    """Train once, and return the figures."""
    poet, count, begun, settings = trial
    own = poems_of(poet)
    path = write(folder / "poems.tsv", (own[: SCORED.start] + own[SCORED.stop :])[:count], "title\tauthor\ttext")
    start = time.monotonic()
    corpus = read_corpus([path])
    run = fit(
        corpus,
        folder / "tuned",
        None if begun else ModelConfig(),
        settings,
        begin="restart",
        base=base if begun else None,
    )
    assert run is not None
    minutes = (time.monotonic() - start) / 60
    before, after = perplexity(base, poet), perplexity(run.load_model(), poet)
    return {
        "poet": poet,
        "poems": count,
        "begun": "the base" if begun else "nothing",
        "rate": settings.learning_rate,
        "epochs": f"{run.best['epoch']} of {len(run.history)}",
        "minutes": minutes,
        "before": before,
        "after": after,
        "change": after / before - 1,
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/fine-tuning"))
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    base, rows = base_in(options.folder), []
    for trial in TRIALS:
        rows.append(measure(options.folder, base, trial))
        print(rows[-1], flush=True)
    print(table("fine-tuning", rows))
    keep(options.json, rows)


if __name__ == "__main__":
    main()
