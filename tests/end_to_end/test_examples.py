"""The example programs, each where our package cannot be imported."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.paths import ROOT

pytestmark = pytest.mark.ci

_WITHOUT_US = """
import runpy, sys
sys.modules["tangshi_tf"] = None  # importing it raises ImportError
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(program: str, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an example in another folder, without this package and with no proxy to this machine."""
    path = str(ROOT / "examples" / program)
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-I", "-c", _WITHOUT_US, path, *arguments],
        cwd=cwd,
        env={**os.environ, "no_proxy": "127.0.0.1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    ("program", "words"),
    [("plain_tensorflow.py", "山 春 风 perplexity"), ("in_a_pipeline.py", "山 月 春风 saved")],
)
def test_an_example_runs_without_the_package(program: str, words: str, tmp_path: Path) -> None:
    done = run_alone(program, tmp_path, str(ROOT / "saved_models" / "tangshi" / "1"))
    assert done.returncode == 0, done.stderr
    for word in words.split():
        assert word in done.stdout


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "examples" / "in_a_pipeline.py"))


def test_poems_depend_neither_on_the_batches_nor_on_saving_again(
    example: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example["main"](str(folder))
    titles, poems = zip(*(line.split(": ") for line in capsys.readouterr().out.splitlines()), strict=True)
    assert titles == ("batches of two", "one batch", "saved again")
    assert len(set(poems)) == 1


def test_the_best_candidate_is_kept(example: dict[str, Any], loaded: Any) -> None:
    best = example["BestOf"](loaded, candidates=3)
    kept = best.write_best(["山", "月"], [4, 5])
    for row, begin in enumerate(["山", "月"]):
        seeds = [3 * (4 + row) + i for i in range(3)]
        poems = loaded.generate(
            begin, temperature=1.0, top_p=0.85, repetition_penalty=2.5, init_state="random", seed=seeds
        )["poem"]
        scores = loaded.score(poems)
        perplexity = tf.exp(scores["nll"] / tf.cast(scores["tokens"], tf.float32)).numpy()
        assert len(set(poems.numpy())) == 3
        assert kept["poem"][row] == poems[perplexity.argmin()]
        assert float(kept["perplexity"][row]) == pytest.approx(perplexity.min())


def test_a_module_saved_again_needs_the_first_folder_no_more(
    example: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(folder, first)
    best = example["BestOf"](tf.saved_model.load(str(first)))
    expected = best.write_best(["山"], [1])["poem"].numpy().tolist()
    tf.saved_model.save(best, str(second), signatures={"serving_default": best.write_best})
    shutil.rmtree(first)
    again = tf.saved_model.load(str(second))
    begin, seed = tf.constant(["山"]), tf.constant([1], tf.int64)
    assert again.write_best(begin, seed)["poem"].numpy().tolist() == expected
    assert again.signatures["serving_default"](begin=begin, seed=seed)["poem"].numpy().tolist() == expected
    assert again.poet.generate("山", seed=1)["poem"] == best.poet.generate("山", seed=1)["poem"]


def test_a_keras_engineer_trains_keeps_tunes_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "keras_fit.py"))["main"](str(tmp_path), "60", "1")
    version, poem = capsys.readouterr().out.splitlines()[-1].split()
    assert Path(version) == tmp_path / "saved_models" / "mine" / "1"
    assert poem.startswith("山")
