"""The model in the box: what the README says of it, and what a caller relies on."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.corpus import read_corpus
from tangshi_tf.evaluation import evaluate
from tangshi_tf.export import load
from tangshi_tf.model import PoetryModel
from tangshi_tf.poet import AUTOMATIC_LENGTH

ROOT = Path(__file__).parent.parent
BOX = ROOT / "saved_models" / "tangshi" / "1"
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def box() -> Any:
    return load(BOX)


def texts(answer: Any) -> list[str]:
    return [poem.decode() for poem in answer["poem"].numpy()]


def test_it_is_small_enough_to_carry() -> None:
    files = [path for path in BOX.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 25e6
    assert {path.name for path in (BOX / "assets.extra").iterdir()} == {"README.md", "config.json", "vocabulary.txt"}


def test_its_readme_names_the_plain_command() -> None:
    assert "Made by `tangshi-tf fit` on" in (BOX / "assets.extra" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("state", ["zero", "random"])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_begin_characters_of_the_origin_give_poems(box: Any, state: str, temperature: float) -> None:
    begins = list("日红山夜湖海月君玉高一青")
    answer = box.generate(begins, init_state=state, temperature=temperature, seed=list(range(12)))
    for begin, poem in zip(begins, texts(answer), strict=True):
        assert poem.startswith(begin)
        assert len(poem) <= 1 + AUTOMATIC_LENGTH
        assert not re.search("<|>|[a-z]", poem)
    ended = sum(poem.endswith("。") for poem in texts(answer))
    assert ended >= 11


def test_any_character_of_the_corpus_can_begin_a_poem(box: Any) -> None:
    corpus = sorted({char for poem in read_corpus().poems() for char in poem.text})
    begins = np.random.default_rng(0).choice(corpus, 200, replace=False).tolist()
    answer = box.generate(begins, temperature=0.8, top_p=0.95, seed=1, max_length=60)
    for begin, poem in zip(begins, texts(answer), strict=True):
        assert poem.startswith(begin)
        assert 1 < len(poem) <= 60


def test_most_poems_have_a_classical_shape(box: Any) -> None:
    poems = texts(box.generate([""] * 100, temperature=0.8, top_p=0.95, seed=list(range(100))))
    lines = [[len(line) for line in re.findall("[^，。？！；：、]+", poem)] for poem in poems]
    even = [len(set(lengths)) == 1 and lengths[0] in (5, 7) and len(lengths) % 2 == 0 for lengths in lines]
    assert sum(even) >= 80


_ALONE = """
import sys
sys.modules["tangshi_tf"] = None
import tensorflow as tf
poet = tf.saved_model.load(sys.argv[1])
poems = poet.generate([""] * 200, init_state="random", seed=list(range(200)), max_length=24)["poem"].numpy()
print("\\n".join(poem.decode() for poem in poems))
"""


def test_the_same_seed_is_the_same_poem_in_every_batch_and_process(box: Any) -> None:
    seeds = list(range(200))

    def in_batches(size: int) -> list[str]:
        found = []
        for first in range(0, 200, size):
            rows = seeds[first : first + size]
            answer = box.generate([""] * len(rows), init_state="random", seed=rows, max_length=24)
            found += texts(answer)
        return found

    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", _ALONE, str(BOX)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    elsewhere = done.stdout.splitlines()
    assert len(set(elsewhere)) > 150
    assert in_batches(1) == in_batches(2) == in_batches(64) == elsewhere


def test_score_agrees_with_evaluate(box: Any) -> None:
    poems = [poem.text for poem in read_corpus().poems("test")[:100]]
    total = evaluate(PoetryModel.from_saved_model(BOX), poems).total
    scores = box.score(poems)
    assert int(tf.reduce_sum(scores["tokens"])) == total.tokens
    assert float(tf.reduce_sum(scores["nll"])) == pytest.approx(total.nll, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["validation", "test"])
def test_perplexities_are_those_of_the_readme(split: str) -> None:
    poems = [poem.text for poem in read_corpus().poems(split)]
    result = evaluate(PoetryModel.from_saved_model(BOX), poems)
    for form, score in [("all", result.total), *result.by_form.items()]:
        row = f"| {split} | {form} | {score.poems:,} | {score.tokens:,} | "
        row += f"{score.perplexity:.2f} | {score.hanzi_perplexity:.2f} |"
        assert row in README
        assert row in (BOX / "assets.extra" / "README.md").read_text(encoding="utf-8")
