"""A full disk stops a run with one line, and costs no more than the time since the last checkpoint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

# As root outside of a container, or as any user where user namespaces are allowed.
NAMESPACES = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that gives another one file systems of its own."""
    place = str(tmp_path_factory.mktemp("mount"))
    for command in NAMESPACES:
        try:
            probe = [*command, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            break
    pytest.skip("A file system of a chosen size cannot be mounted here.")


@pytest.mark.parametrize(
    ("size", "fits", "exports"),
    [
        pytest.param("small", 3, 1, marks=pytest.mark.ci),
        pytest.param("small", 20, 10, marks=pytest.mark.long),
        pytest.param("prose", 8, 2, marks=pytest.mark.long),
        pytest.param("default", 7, 3, marks=pytest.mark.long),
    ],
)
def test_space_is_made_and_the_run_goes_on(
    namespace: list[str], tmp_path: Path, size: str, fits: int, exports: int
) -> None:
    program = [sys.executable, "-m", "tests.end_to_end.full_disk", tmp_path / "disk", size, "0", fits, exports]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1"}
    result = subprocess.run(
        [*namespace, *map(str, program)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3_000:]
