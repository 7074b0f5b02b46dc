"""The examples in the docstrings of the public names run."""

import doctest
import importlib
from pathlib import Path

import pytest

import tangshi_tf

NAMES = sorted(name for name in vars(tangshi_tf)["__all__"] if callable(getattr(tangshi_tf, name)))
SLOW = {"Poet", "export_model", "fit", "load_poet", "publish"}  # they trace a poet each


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.ci if name in SLOW else []) for name in NAMES])
def test_a_public_name_shows_an_example_that_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    value = getattr(tangshi_tf, name)
    module = importlib.import_module(value.__module__)
    (example,) = doctest.DocTestFinder(recurse=False).find(value, name, module=module, globs=vars(module).copy())
    assert example.examples
    runner = doctest.DocTestRunner()
    runner.run(example)
    assert runner.failures == 0, capsys.readouterr().out
