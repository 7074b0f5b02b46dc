"""What `fit --resume`, and `export` of a run that is not at its end, say and do."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tangshi_tf.cli import main
from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.errors import StoppedError
from tangshi_tf.training.run import fit
from tangshi_tf.training.run_folder import Run

RESUME = ["fit", "poems.txt", "--name", "mini", "--resume"]
STANDS = r"{run}: step {step} of [\d,]+, finished epochs: {epochs}, \d+\.\d minutes trained, saved 20[\d-]+ [\d:]+\n"
FOUR = """\
春晓:春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。
静夜思:床前明月光，疑是地上霜。举头望明月，低头思故乡。
登鹳雀楼:白日依山尽，黄河入海流。欲穷千里目，更上一层楼。
相思:红豆生南国，春来发几枝。愿君多采撷，此物最相思。
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def versions(name: str) -> list[str]:
    return sorted(path.name for path in Path("saved_models", name).iterdir())


@pytest.fixture
def project(mini_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own in which mini was trained to its end, and exported."""
    folder = Path(shutil.copytree(mini_folder, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def half(project: Path) -> Run:
    """A run named half that was stopped before its first epoch was finished."""
    config, settings = ModelConfig(units=8, embedding=6), TrainingConfig(epochs=2, min_count=1, token_budget=500)
    with pytest.raises(StoppedError):
        fit(read_corpus(["poems.txt"]), "runs/half", config, settings, stop=lambda: True)
    return Run(Path("runs/half"))


def test_a_run_that_does_not_exist_is_not_begun(project: Path) -> None:
    (project / "runs" / ".deleted-1").mkdir()
    (project / "runs" / ".deleted-1" / "config.json").touch()
    result = run("fit", "--resume", "--name", "nosuch")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: A run to go on with is required (runs has: mini); without --resume a new one begins. "
        "Received: nosuch.\n"
    )
    assert not (project / "runs" / "nosuch").exists()
    shutil.rmtree(project / "runs")
    assert "(runs has: none)" in run("fit", "--resume").stderr


def test_what_needs_no_training_needs_no_tensorflow(project: Path) -> None:
    """A run that does not exist, and one that is finished and exported, are answered at once."""
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom tangshi_tf.cli import main\n"
        "statuses = [CliRunner().invoke(main, ['fit', 'poems.txt', '--resume', '--name', name]).exit_code\n"
        "            for name in ('nosuch', 'mini')]\n"
        "print(statuses, 'tensorflow' in sys.modules or 'keras' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[1, 0] False\n"


def test_a_finished_run_is_exported_once(project: Path) -> None:
    best = STANDS.format(run="runs/mini", step=r"[\d,]+", epochs=2)
    best += r"best so far: epoch \d, validation perplexity \d+\.\d\d\n"
    finished = "The run is finished, and exported as saved_models/mini/1. More --epochs or --minutes than it had "
    finished += (
        "extend it.\nThe run is in runs/mini, the model in saved_models/mini/1. Next: tangshi-tf sample --model mini "
    )
    finished += "--begin 山\n"
    for _ in range(2):
        result = run(*RESUME)
        assert (result.exit_code, result.stderr) == (0, "")
        assert re.fullmatch(best + re.escape(finished), result.stdout)
    assert versions("mini") == ["1"]
    shutil.rmtree("saved_models/mini/1")  # as if the process had been killed before
    result = run(*RESUME)
    assert result.exit_code == 0, result.output
    assert "exported saved_models/mini/1: epoch " in result.stdout
    assert run(*RESUME).stdout.endswith(finished)
    assert versions("mini") == ["1"]


@pytest.mark.ci
def test_more_epochs_extend_a_finished_run(project: Path) -> None:
    result = run(*RESUME, "--epochs", "1")
    assert result.exit_code == 1
    assert result.stderr.endswith("to go on with it. Received: epochs 1 in place of 2.\n")
    result = run(*RESUME, "--epochs", "3")
    assert result.exit_code == 0, result.output
    said = "The run is extended: the learning rate rises again and falls. It is not a longer run from the start.\n"
    assert said in result.stdout
    extended = Run(Path("runs/mini"))
    rates = [record["learning_rate"] for record in extended.history]
    assert len(rates) == 3
    assert rates[1] < max(rates)
    (extension,) = extended.manifest["extended"]
    assert extension == {"step": extended.history[1]["step"], "epochs": 3, "max_steps": 0, "minutes": 0.0}
    assert versions("mini") == ["1", "2"]
    result = run(*RESUME)
    assert "The run is finished, and exported as saved_models/mini/" in result.stdout
    assert versions("mini") == ["1", "2"]


@pytest.mark.ci
def test_a_run_says_at_once_where_it_goes_on(half: Run) -> None:
    result = run("fit", "poems.txt", "--name", "half", "--resume")
    assert result.exit_code == 0, result.output
    assert re.match(STANDS.format(run="runs/half", step=1, epochs=0) + "corpus of poems: ", result.stdout)
    assert half.finished
    assert versions("half") == ["1"]


def test_a_run_without_an_epoch_is_exported_from_its_checkpoint(half: Run) -> None:
    result = run("export", "poems.txt", "--name", "half")
    assert (result.exit_code, result.stdout) == (0, "exported saved_models/half/1\n"), result.output
    assert "\nNo epoch is finished: the weights of the checkpoint are exported.\n" in result.stderr
    card = Path("saved_models/half/1/assets.extra/README.md").read_text(encoding="utf-8")
    assert "after step 1 of" in card
    config = json.loads(Path("saved_models/half/1/assets.extra/config.json").read_text(encoding="utf-8"))
    assert config["weights"] == half.weights_digest(last=True)
    assert run("sample", "--model", "half", "--max-length", "5").exit_code == 0


def test_a_run_without_a_checkpoint_is_not_exported(half: Run) -> None:
    (half.folder / "checkpoint.h5").unlink()
    result = run("export", "poems.txt", "--name", "half")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("runs/half/checkpoint.h5. Received none: it is gone.\n")
    (half.folder / "digests.json").unlink()  # now nothing says that there was one
    result = run("export", "poems.txt", "--name", "half")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("Error: A run that has saved a checkpoint is required. Received: runs/half.\n")


@pytest.mark.ci
def test_later_epochs_that_overfit_are_told_and_can_be_exported(project: Path) -> None:
    """The four poems of the guide: three are learnt by heart, the fourth gets less likely with every epoch."""
    Path("four poems.txt").write_text(FOUR, encoding="utf-8")
    small = "--units 16 --embedding 12 --dropout 0 --min-count 1 --epochs 20 --learning-rate 0.05"
    result = run("fit", "four poems.txt", "--name", "four", "--format", "lines", *small.split())
    assert result.exit_code == 0, result.output
    *_, exported, told, last = result.stdout.splitlines()
    found = re.fullmatch(r"exported saved_models/four/1: epoch (\d+) of 20, validation perplexity \d+\.\d\d", exported)
    assert found
    assert int(found[1]) < 20
    told, command = told.split(" Export that epoch with: ")
    following = "The run is in runs/four, the model in saved_models/four/1. Next: "
    assert last == f"{following}tangshi-tf sample --model four --begin 山"
    worse = Run(Path("runs/four")).history[-1]["validation_perplexity"]
    assert told == f"Later epochs overfit: the validation perplexity after epoch 20 is {worse:.2f}."
    assert command == "tangshi-tf export 'four poems.txt' --last --name four --corpus-format lines"
    result = run(*shlex.split(command)[1:])
    assert (result.exit_code, result.stdout) == (0, "exported saved_models/four/2\n"), result.output
    cards = [Path(f"saved_models/four/{i}/assets.extra/README.md").read_text(encoding="utf-8") for i in (1, 2)]
    assert "the best on the validation split" in cards[0]
    assert re.search(r"after step (\d+) of \1, the last that were saved", cards[1])
    config = json.loads(Path("saved_models/four/2/assets.extra/config.json").read_text(encoding="utf-8"))
    assert config["perplexity"]["validation"] == pytest.approx(worse, rel=0.05)  # bfloat16 may have trained it
