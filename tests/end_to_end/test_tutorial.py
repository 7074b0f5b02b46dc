"""The tutorial: a notebook in two languages with the same code, which runs."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.paths import ROOT

ENGLISH, CHINESE = (ROOT / "docs" / folder / "tang-poems-with-rnns.ipynb" for folder in ("tutorial", "zh/tutorial"))
_SECONDS = 600  # the most that a cell may take
_SHORT = "POEMS, EPOCHS, UNITS = 500, 1, 32"


def cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def execute(path: Path, folder: Path, parameters: str = "") -> tuple[str, list[str]]:
    """Run a notebook in a folder.

    Args:
        path: of the notebook.
        folder: that it runs in.
        parameters: code to be run behind the cell with this tag.

    Returns:
        What it printed, and the types of data that it showed.
    """
    notebook = nbformat.read(path, as_version=4)
    (at,) = (i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(parameters))
    client = NotebookClient(notebook, timeout=_SECONDS, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TF_CPP_MIN_LOG_LEVEL": "3"})
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    return printed, [kind for output in outputs for kind in output.get("data", {})]


def figure(pattern: str, printed: str) -> float:
    found = re.search(pattern + r" *([\d.]+)", printed)
    assert found, printed
    return float(found[1])


def share(name: str, printed: str) -> float:
    found = re.search(name + r": +(\d+) of (\d+) quatrains rhyme", printed)
    assert found, printed
    return int(found[1]) / int(found[2])


@pytest.mark.parametrize("path", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_a_notebook_is_valid_and_has_no_outputs(path: Path) -> None:
    nbformat.validate(nbformat.read(path, as_version=4))
    assert all(not cell.outputs and cell.execution_count is None for cell in cells(path, "code"))


def test_both_languages_have_the_same_code_and_as_many_texts() -> None:
    assert [cell.source for cell in cells(ENGLISH, "code")] == [cell.source for cell in cells(CHINESE, "code")]
    kinds = [[cell.cell_type for cell in nbformat.read(path, as_version=4).cells] for path in (ENGLISH, CHINESE)]
    assert kinds[0] == kinds[1]
    assert cells(ENGLISH, "markdown") != cells(CHINESE, "markdown")


@pytest.mark.parametrize("command", [("format", "--check"), ("check",)], ids=["format", "check"])
def test_the_code_is_formatted(command: tuple[str, ...]) -> None:
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", str(ENGLISH), str(CHINESE)]
    done = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.ci
def test_the_short_form_runs(tmp_path: Path) -> None:
    printed, shown = execute(CHINESE, tmp_path, _SHORT)
    assert "500 to train on" in printed
    assert "image/png" in shown
    assert (tmp_path / "saved_models" / "tutorial" / "1" / "saved_model.pb").is_file()


@pytest.mark.long
def test_the_whole_notebook_teaches_what_it_says(tmp_path: Path) -> None:
    printed, shown = execute(ENGLISH, tmp_path)
    assert "image/png" in shown
    before, after = figure("by frequency alone:", printed), figure("of the validation poems:", printed)
    assert after < before / 3
    assert share("your model", printed) < share("with the ear", printed) - 0.2
