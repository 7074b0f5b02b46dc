"""The example programs, each where our package cannot be imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_WITHOUT_US = """
import runpy, sys
sys.modules["tangshi_tf"] = None  # importing it raises ImportError
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("program", ["plain_tensorflow.py"])
def test_an_example_runs_without_the_package(program: str, tmp_path: Path) -> None:
    arguments = [str(ROOT / "examples" / program), str(ROOT / "saved_models" / "tangshi" / "1")]
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-I", "-c", _WITHOUT_US, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for word in ("山", "春", "风", "perplexity"):
        assert word in done.stdout
