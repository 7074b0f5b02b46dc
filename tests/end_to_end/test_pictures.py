"""The programs that draw, and the figures the documents quote from what they drew."""

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

RESULTS, LENGTHS = (
    json.loads((ROOT / "docs" / name).read_text(encoding="utf-8")) for name in ("cells.json", "sequence-length.json")
)


@pytest.fixture(scope="module")
def cells() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "cells.py"))


def test_the_cells_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "cells.svg"
    subprocess.run([sys.executable, str(ROOT / "docs" / "draw_cells.py"), str(path)], check=True)
    names = re.findall("<!-- (RNN|LSTM|GRU) -->", path.read_text(encoding="utf-8"))
    assert names == ["RNN", "LSTM", "GRU"]


@pytest.mark.ci
@pytest.mark.parametrize(
    "program", ["docs/draw_cells.py", "docs/draw_verse.py", "benchmarks/cells.py", "benchmarks/sequence_length.py"]
)
def test_without_matplotlib_it_says_what_is_missing(program: str) -> None:
    code = "import runpy, sys; sys.modules['matplotlib'] = None; runpy.run_path(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / program)], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "Error: matplotlib is required: pip install matplotlib."


@pytest.mark.ci
def test_the_committed_comparison_of_verse_is_what_its_figures_give(tmp_path: Path) -> None:
    path = tmp_path / "verse.svg"
    program = [sys.executable, str(ROOT / "docs" / "draw_verse.py"), str(path)]
    told = subprocess.run(program, capture_output=True, check=True).stdout.decode()
    record = json.loads((ROOT / "docs" / "verse.json").read_text(encoding="utf-8"))
    assert f"| free | {4 * record['count']:,} |" in told
    committed, drawn = (picture.read_text(encoding="utf-8") for picture in (ROOT / "docs" / "verse.svg", path))
    assert re.findall("<!-- .* -->", drawn) == re.findall("<!-- .* -->", committed)
    assert len(bars(drawn)) > 12 * 3 * 8
    assert bars(drawn) == pytest.approx(bars(committed), abs=0.5)  # points; versions of matplotlib differ a little


def bars(picture: str) -> list[float]:
    """Return the coordinates of bars, their intervals and the grid."""
    paths = re.findall('<path d="([^"]*)" clip-path', picture)
    return [float(number) for path in paths for number in re.findall(r"-?\d+\.?\d*", path)]


def test_the_learning_curves_are_drawn(cells: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "curves.svg"
    cells["draw"](RESULTS, path)
    drawn = path.read_text(encoding="utf-8")
    assert all(f"<!-- {result['name']}: " in drawn for result in RESULTS)


def test_the_readme_holds_the_table(cells: dict[str, Any]) -> None:
    table, _, poems = cells["table"](RESULTS).partition("\n\n")
    for document in ("README.md", "README.zh-CN.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert table in text
        assert poems in text


def test_the_study_of_sequence_lengths_is_what_its_figures_give(tmp_path: Path) -> None:
    study = runpy.run_path(str(ROOT / "benchmarks" / "sequence_length.py"))
    for document in ("README.md", "README.zh-CN.md"):
        assert study["table"](LENGTHS) in (ROOT / document).read_text(encoding="utf-8")
    path = tmp_path / "lengths.svg"
    study["draw"](LENGTHS, path)
    drawn, committed = (p.read_text(encoding="utf-8") for p in (path, ROOT / "docs" / "sequence-length.svg"))
    assert re.findall("<!-- .* -->", drawn) == re.findall("<!-- .* -->", committed)
    assert all(result["carried"] < result["reset"] for result in LENGTHS)


def test_the_readme_compares_the_parts_of_the_ear() -> None:
    records = json.loads((ROOT / "docs" / "ear.json").read_text(encoding="utf-8"))
    ablation = runpy.run_path(str(ROOT / "benchmarks" / "ear.py"))
    for document in ("README.md", "README.zh-CN.md"):
        assert ablation["table"](records) in (ROOT / document).read_text(encoding="utf-8")
    runs = {(record["ear"], record["titles"], record["seed"]) for record in records}
    assert len(runs) == len(records) == 24
    assert len({record["minutes"] for record in records}) == 1


def test_the_cells_have_equal_parameters(cells: dict[str, Any]) -> None:
    vocabulary = Vocabulary([chr(0x4E00 + i) for i in range(5_613 - len(SPECIALS))])
    counts = {}
    for name in ("rnn", "lstm", "gru"):
        config: ModelConfig = cells["CONTESTANTS"][name][0]
        counts[name] = PoetryModel(config, vocabulary).count_params()
        (result,) = (result for result in RESULTS if result["name"] == name)
        assert result["parameters"] == counts[name]
    assert max(counts.values()) < 1.001 * min(counts.values())
