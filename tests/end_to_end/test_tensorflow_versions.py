"""The oldest TensorFlow and Keras that are promised, and the newest, each in a new environment from the network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

OLDEST, NEWEST = ["tensorflow==2.16.*", "keras==3.6.*"], ["tensorflow", "keras"]
NOTEBOOK = ["ipykernel", "matplotlib", "nbclient", "nbformat"]
SHARP = ["tests/model", "tests/generation/test_decoder.py", "tests/training/test_trainer.py"]


@pytest.mark.long
@pytest.mark.parametrize(("python", "packages"), [("python3.11", OLDEST), ("python3.13", NEWEST)])
def test_the_package_works_with(python: str, packages: list[str], tmp_path: Path) -> None:
    if shutil.which(python) is None or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip(f"asks for {python}")
    environment = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

    def run(*command: str, cwd: Path = tmp_path) -> str:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    run(python, "-m", "venv", "venv")
    scripts = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    run(str(scripts / "pip"), "install", "--quiet", str(ROOT), *packages, *NOTEBOOK, "pytest", "pytest-xdist")
    poem = run(str(scripts / "tangshi-tf"), "sample", "--begin", "山", "--seed", "1")
    assert poem.splitlines()[0] == "山水清泠碧，何人喜此游。"
    corpus = str(ROOT / "tests" / "fixtures" / "0.1.0" / "poems.txt")
    small = ["--epochs", "1", "--units", "16", "--embedding", "8", "--min-count", "1", "--name", "x"]
    assert "exported" in run(str(scripts / "tangshi-tf"), "fit", corpus, *small)
    assert run(str(scripts / "tangshi-tf"), "sample", "--model", "x", "--seed", "1")
    run(str(scripts / "python"), "-m", "pytest", "-q", "-n", "2", *SHARP, cwd=ROOT)
    tutorial = ["-m", "ci", "tests/end_to_end/test_tutorial.py"]
    run(str(scripts / "python"), "-m", "pytest", "-q", "-n", "0", *tutorial, cwd=ROOT)
