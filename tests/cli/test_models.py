import json
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tangshi_tf.cli import main
from tangshi_tf.storage.files import locked


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["models", *arguments], input=typed)


@pytest.fixture
def project(mini_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run and a version named mini, and a run that is damaged."""
    for name in ("runs", "saved_models"):
        shutil.copytree(mini_folder / name, tmp_path / name)
    shutil.copytree(tmp_path / "runs" / "mini", tmp_path / "runs" / "hurt")
    (tmp_path / "runs" / "hurt" / "history.jsonl").write_text("{}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left(project: Path) -> set[str]:
    folders = (*project.glob("runs/*"), *project.glob("saved_models/*/*"))
    return {path.relative_to(project).as_posix() for path in folders}


def test_the_list_has_a_row_for_each_and_says_what_is_damaged(project: Path) -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows, problem = result.stdout.splitlines()
    assert head.split() == re.split(" ", "name state step epochs validation test model size (MB) minutes date")
    found = {row.split()[0]: row for row in rows}
    assert list(found) == ["runs/hurt", "runs/mini", "saved_models/mini/1", "tangshi/1"]
    number = r"[\d,]+\.\d\d"
    mini = rf"runs/mini +finished +(\d+) / \1 +2 +{number} +1 x LSTM\(16\) +\d+\.\d +\d+\.\d +20[\d-]+ [\d:]+"
    assert re.fullmatch(mini, found["runs/mini"])
    version = rf"saved_models/mini/1 +exported +{number} +{number} +1 x LSTM\(16\) +\d+\.\d +20[\d-]+ [\d:]+"
    assert re.fullmatch(version, found["saved_models/mini/1"])
    assert re.fullmatch(r"runs/hurt +damaged +\d+\.\d *", found["runs/hurt"])
    assert problem == (
        "The file that was written is required: runs/hurt/history.jsonl. "
        "Received one that was changed or damaged since."
    )


def test_json_is_one_object(project: Path) -> None:
    result = run("--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = {record["name"]: record for record in json.loads(result.stdout)["models"]}
    assert list(found) == ["runs/hurt", "runs/mini", "saved_models/mini/1", "tangshi/1"]
    mini = found["runs/mini"]
    history = [json.loads(line) for line in (project / "runs/mini/history.jsonl").read_text("utf-8").splitlines()]
    assert mini["validation_perplexity"] == min(
        record["validation_perplexity"] for record in history if "epoch" in record
    )
    assert (mini["state"], mini["epochs"], mini["step"]) == ("finished", 2, mini["steps"])
    assert mini["config"]["units"] == 16
    assert mini["path"] == str(project / "runs" / "mini")
    assert datetime.fromisoformat(mini["saved"]).tzinfo is not None
    assert found["runs/hurt"]["config"] is None
    assert "history.jsonl" in found["runs/hurt"]["problem"]


def test_the_list_is_there_without_tensorflow(project: Path) -> None:
    code = "import sys\nfrom tangshi_tf.cli import main\nmain(['models'], standalone_mode=False)\n"
    code += "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"runs/mini" in done.stdout


def test_deleting_asks_first(project: Path) -> None:
    before = left(project)
    for answer in ("n\n", "\n", ""):
        result = run("--delete", "mini", typed=answer)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert re.match(r"Delete runs/mini, saved_models/mini/1 \(\d+\.\d MB\)\? \[y/N\]: ", result.stderr)
        assert left(project) == before
    result = run("--delete", "runs/mini", typed="y\n")
    assert (result.exit_code, result.stdout) == (0, "deleted runs/mini\n")
    assert left(project) == before - {"runs/mini"}


def test_several_names_go_together(project: Path) -> None:
    result = run("--delete", "mini", "--delete", "runs/hurt", "--delete", "runs/mini", "--yes")
    assert (result.exit_code, result.output) == (0, "deleted runs/mini, saved_models/mini/1, runs/hurt\n")
    assert left(project) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--yes"], "--delete is required for --yes. Received: --yes alone."),
        (["--json", "--delete", "mini"], "--json and --delete exclude each other."),
        *[
            (
                ["--yes", "--delete", "runs/hurt", "--delete", name],
                "A run or a version is required (runs/hurt, runs/mini, saved_models/mini/1, tangshi/1). "
                f"Received: '{name}'.",
            )
            for name in ("nobody", "..", "runs/../runs/mini", "/", "")
        ],
        (
            ["--yes", "--delete", "runs/hurt", "--delete", "tangshi"],
            "A run or a version of your own is required. Received: tangshi/1, the model in the package.",
        ),
        (
            ["--yes", "--delete", "runs/hurt", "--delete", "mini"],
            "A run that nobody is working on is required. Received one that another process holds: runs/mini.",
        ),
    ],
)
def test_what_is_refused_leaves_all_as_it_was(project: Path, arguments: list[str], message: str) -> None:
    before = left(project)
    with locked(project / "runs" / "mini"):
        result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")
    assert left(project) == before
