"""The programs that draw, and the pictures they drew."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tangshi_tf.config import ModelConfig
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import SPECIALS, Vocabulary
from tests.paths import ROOT

PAGES = ROOT / "docs" / "results"
CELLS, LENGTHS, VERSE = (
    json.loads((PAGES / "data" / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    for name in ("cells", "sequence-length", "verse")
)


def program(name: str) -> dict[str, Any]:
    """What a benchmark defines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")  # as Python does for the program that it runs
        return runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"))


@pytest.fixture(scope="module")
def cells() -> dict[str, Any]:
    return program("cells")


def test_the_cells_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "cells.svg"
    subprocess.run([sys.executable, str(ROOT / "docs" / "explain" / "draw_cells.py"), str(path)], check=True)
    names = re.findall("<!-- (RNN|LSTM|GRU) -->", path.read_text(encoding="utf-8"))
    assert names == ["RNN", "LSTM", "GRU"]


@pytest.mark.ci
@pytest.mark.parametrize(
    "path",
    [
        "docs/explain/draw_cells.py",
        "docs/results/draw_verse.py",
        "benchmarks/cells.py",
        "benchmarks/sequence_length.py",
    ],
)
def test_without_matplotlib_it_says_what_is_missing(path: str) -> None:
    code = "import runpy, sys; sys.modules['matplotlib'] = None; runpy.run_path(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / path)], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "Error: matplotlib is required: pip install matplotlib."


@pytest.mark.ci
def test_the_committed_comparison_of_verse_is_what_its_figures_give(tmp_path: Path) -> None:
    path = tmp_path / "verse.svg"
    subprocess.run([sys.executable, str(PAGES / "draw_verse.py"), str(path)], check=True)
    committed, drawn = (picture.read_text(encoding="utf-8") for picture in (PAGES / "verse.svg", path))
    assert re.findall("<!-- .* -->", drawn) == re.findall("<!-- .* -->", committed)
    assert len(bars(drawn)) > 12 * 3 * 8
    assert bars(drawn) == pytest.approx(bars(committed), abs=0.5)  # points; versions of matplotlib differ a little
    assert VERSE[0]["shapes"]["free"]["form"]["count"] == 4 * VERSE[0]["count"]


def bars(picture: str) -> list[float]:
    """Return the coordinates of bars, their intervals and the grid."""
    paths = re.findall('<path d="([^"]*)" clip-path', picture)
    return [float(number) for path in paths for number in re.findall(r"-?\d+\.?\d*", path)]


def test_the_learning_curves_are_what_their_figures_give(cells: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "curves.svg"
    cells["draw"](CELLS, path)
    drawn, committed = (p.read_text(encoding="utf-8") for p in (path, PAGES / "learning-curves.svg"))
    assert all(f"<!-- {result['name']}: " in drawn for result in CELLS)
    assert re.findall("<!-- .* -->", drawn) == re.findall("<!-- .* -->", committed)


def test_the_study_of_sequence_lengths_is_what_its_figures_give(tmp_path: Path) -> None:
    path = tmp_path / "lengths.svg"
    program("sequence_length")["draw"](LENGTHS, path)
    drawn, committed = (p.read_text(encoding="utf-8") for p in (path, PAGES / "sequence-length.svg"))
    assert re.findall("<!-- .* -->", drawn) == re.findall("<!-- .* -->", committed)
    assert all(result["carried"] < result["reset"] for result in LENGTHS)


def test_the_cells_have_equal_parameters(cells: dict[str, Any]) -> None:
    vocabulary = Vocabulary([chr(0x4E00 + i) for i in range(5_613 - len(SPECIALS))])
    counts = {}
    for name in ("rnn", "lstm", "gru"):
        config: ModelConfig = cells["CONTESTANTS"][name][0]
        counts[name] = PoetryModel(config, vocabulary).count_params()
        (result,) = (result for result in CELLS if result["name"] == name)
        assert result["parameters"] == counts[name]
    assert max(counts.values()) < 1.001 * min(counts.values())
