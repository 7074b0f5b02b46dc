"""A full disk stops a run with one line, and costs no more than the time since the last checkpoint."""

import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.prose import Prose, read_prose
from tangshi_tf.errors import CheckpointError, ModelError
from tangshi_tf.saving.saved_model import publish
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run
from tests.end_to_end.processes import left_over, state
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
        pytest.param("prose", 3, 1, marks=pytest.mark.long),
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


MODEL = ModelConfig(units=4, embedding=4, text="prose", ear="none", rhymes=False, titles=False)
TRAINING = TrainingConfig(epochs=2, min_count=1, batch_size=4, sequence_length=20, precision="float32")
FULL = OSError(28, "No space left on device")


class Calls:
    """Counts the calls by which Python writes, and lets one of them fail; TensorFlow's own are not among them."""

    def __init__(self, patch: pytest.MonkeyPatch, failing: int = 0) -> None:
        """Watch from now on."""
        self.count, self.failing = 0, failing
        for name in ("fsync", "replace", "rename", "mkdir"):
            patch.setattr(os, name, self._watched(getattr(os, name)))
        patch.setattr(os, "write", self._watched(os.write, lambda descriptor, data: _is_file(descriptor)))
        writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        patch.setattr(os, "open", self._watched(os.open, lambda path, flags, *mode, **named: flags & writing))
        modes = "wax+"
        patch.setattr(io, "open", self._watched(io.open, lambda path, mode="r", *rest, **named: set(mode) & {*modes}))

    def _watched(
        self, real: Callable[..., Any], counts: Callable[..., Any] = lambda *arguments, **named: True
    ) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if counts(*arguments, **named):
                self.count += 1
                if self.count == self.failing:
                    raise FULL
            return real(*arguments, **named)

        return call


def _is_file(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def train(folder: Path, corpus: Prose) -> None:
    """Begin the run or go on with it, saving whenever that is asked for."""
    run = folder / "runs" / "mine"
    fit(corpus, run, MODEL, TRAINING, begin="resume" if (run / "config.json").exists() else "new", save_minutes=0.0)


def export(folder: Path, corpus: Prose) -> None:
    publish(Run(folder / "runs" / "mine"), folder / "saved_models" / "mine", corpus)


def refusal(work: Callable[[Path, Prose], None], folder: Path, corpus: Prose) -> str:
    """Return what is said in place of doing it, or nothing."""
    try:
        work(folder, corpus)
    except (CheckpointError, ModelError) as error:
        return str(error)
    return ""


def test_whichever_write_fails_nothing_is_lost(tmp_path: Path, every: int, corpus: Prose) -> None:
    """A run, and then its export, is repeated with another call failing, and then without."""
    whole = tmp_path / "whole"
    for work in (train, export):
        with pytest.MonkeyPatch.context() as patch:
            calls = Calls(patch)
            work(whole, corpus)
        expected = state(whole)
        for failing in range(1, calls.count + 1, every):
            folder = whole if work is export else tmp_path / str(failing)
            with pytest.MonkeyPatch.context() as patch:
                Calls(patch, failing)
                problem = refusal(work, folder, corpus)
            # The failure of some calls matters to nobody, such as that of a folder's fsync.
            assert not problem or problem.count("No space left on device") == 1
            assert "\n" not in problem
            assert not folder.exists() or not left_over(folder)
            work(folder, corpus)
            assert state(folder) == expected
            assert not left_over(folder)


@pytest.fixture(params=[pytest.param(120, marks=pytest.mark.ci), pytest.param(1, marks=pytest.mark.long)])
def every(request: pytest.FixtureRequest) -> int:
    """Of how many calls one fails."""
    return int(request.param)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Prose:
    path = tmp_path_factory.mktemp("prose") / "text.txt"
    path.write_text("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。\n" * 20, encoding="utf-8")
    return read_prose([path])
