"""Every block of the README runs, except the installation, which CI runs, and long ones, whose options must exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tangshi_tf.cli import main

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"(?:<!-- (?P<mark>\w+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)
BLOCKS = [(m["mark"] or "", m["language"], m["code"]) for m in _BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))]
RUN = [(language, code) for mark, language, code in BLOCKS if not mark]
LONG = [code for mark, _, code in BLOCKS if mark == "long"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the reader has it before it: the shipped models are there, and it may be written to."""
    models = tmp_path / "saved_models"
    models.mkdir()
    (models / "tangshi").symlink_to(ROOT / "saved_models" / "tangshi")
    return tmp_path


@pytest.mark.parametrize(("language", "code"), RUN, ids=[code.splitlines()[0][:40] for _, code in RUN])
def test_block(language: str, code: str, folder: Path) -> None:
    command = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}[language]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [*command, code], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_installation_is_the_first_block_and_has_two_commands() -> None:
    mark, language, code = BLOCKS[0]
    assert (mark, language) == ("install", "bash")
    install, test = code.splitlines()
    assert install.startswith("pip install ")
    assert install.endswith("tangshi-tf sample --begin 山 --init-state random")
    assert "pytest" in test


@pytest.mark.parametrize("code", LONG)
def test_options_of_long_commands_exist(code: str) -> None:
    for line in code.splitlines():
        program, command, *arguments = shlex.split(line)
        assert program == "tangshi-tf"
        known = {option for parameter in main.commands[command].params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= known
