"""Learning curves from the command line."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tangshi_tf.cli import main
from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.storage.files import locked
from tangshi_tf.training.run_folder import Run
from tangshi_tf.vocabulary import Vocabulary
from tests.paths import ROOT
from tests.records import MANIFEST, epoch_record, step_record


def plot(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plot", *arguments])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run of two epochs, mine, one that has just begun, new, and one of version 0.1, old."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "new"):
        run = Run.create(Path("runs", name), ModelConfig(titles=False), TrainingConfig(), Vocabulary("山水"))
        run.write_manifest(MANIFEST)
        if name == "mine":
            run.append_history(epoch_record(1), step_record(3), epoch_record(2), step_record(6))
    shutil.copytree(ROOT / "tests" / "fixtures" / "0.1.0" / "poems" / "run", tmp_path / "runs" / "old")
    return tmp_path


@pytest.mark.parametrize("file", ["curve.png", "curve.svg", "curve.pdf"])
def test_runs_are_drawn_by_name_and_by_folder(project: Path, file: str) -> None:
    for names in (["mine"], ["runs/mine"], ["mine", "old", "mine"]):
        for axis in ([], ["--axis", "minutes"], ["--axis", "tokens"]):
            result = plot(*names, "--output", file, *axis)
            assert (result.exit_code, result.stdout, result.stderr) == (0, f"drawn {file}\n", "")
    assert Path(file).stat().st_size > 1000


def test_a_run_is_drawn_once(project: Path) -> None:
    plot("mine", "runs/mine", str(project / "runs" / "mine"), "--output", "thrice.svg")
    plot("mine", "--output", "once.svg")
    assert Path("thrice.svg").read_bytes() == Path("once.svg").read_bytes()


def test_a_run_is_drawn_while_it_is_trained(project: Path) -> None:
    with locked(project / "runs" / "mine"):
        assert plot("mine", "--output", "curve.svg").exit_code == 0


def test_a_name_without_a_font_is_told(project: Path) -> None:
    (project / "runs" / "mine").rename(project / "runs" / "\U00013000")
    result = plot("old", "\U00013000", "--output", "curve.png")
    assert result.exit_code == 0
    assert result.stderr == "Note: no font has all characters of \U00013000: it is run 2 in the picture.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "A run in ./runs (mine, new, old) or the folder of one is required. Received: 'nosuch'."),
        ([""], "A run in ./runs (mine, new, old) or the folder of one is required. Received: ''."),
        (
            ["mine", "new"],
            "A run with a finished epoch, or a few minutes old, is required. Received one with nothing to draw yet: "
            "runs/new.",
        ),
        (["mine", "--output", "curve.gif"], "A file name that ends in .png, .svg or .pdf is required. Received: "),
        (["mine", "--output", "no/curve.png"], "A folder that exists is required for --output. Received: no."),
    ],
)
def test_what_cannot_be_drawn_is_one_line(project: Path, arguments: list[str], message: str) -> None:
    result = plot("--output", "curve.png", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1
    assert not Path("curve.png").exists()


def test_without_matplotlib_it_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # as Python says without it
    result = plot("mine", "--output", "curve.png")
    required = 'matplotlib is required: pip install "tangshi-tf[plot]". Received: an installation without it.'
    assert (result.exit_code, result.stderr) == (1, f"Error: {required}\n")


@pytest.mark.parametrize(("arguments", "missing"), [(["mine"], "选项 '--output'"), (["--output", "a.png"], "参数 ")])
def test_what_is_missing_is_said_in_chinese(arguments: list[str], missing: str) -> None:
    result = CliRunner().invoke(main, ["--lang", "zh", "plot", *arguments])
    assert result.exit_code == 2
    assert f"错误：缺少{missing}" in result.stderr
