"""One run on several layouts of machines: alone, on two devices, on two and three workers, killed and resumed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.training.run_folder import Run
from tests.end_to_end.cluster import run_cluster, start_cluster
from tests.paths import ROOT

STEPS = 200
# Dropout on, float32, batches whose rows do not divide by the number of replicas.
OPTIONS = "--units 16 --embedding 12 --dropout 0.3 --min-count 1 --token-budget 300 --precision float32 --epochs 99"
_FIT = """
import sys
import tensorflow as tf
from tangshi_tf.cli import main
if sys.argv.pop(1) == "two":
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
main()
"""


def command(name: str, strategy: str, *options: str, devices: str = "one") -> list[str]:
    arguments = ["fit", "poems.txt", "--name", name, "--strategy", strategy, *OPTIONS.split()]
    return [sys.executable, "-c", _FIT, devices, *arguments, "--max-steps", str(STEPS), *options]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ninety poems of several lengths and a run of them on one device, named alone."""
    folder = tmp_path_factory.mktemp("cluster")
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) < 70][:90]
    text = "".join(f"{poem.title}:{poem.text}\n" for poem in poems)
    (folder / "poems.txt").write_text(text, encoding="utf-8")
    train_alone(folder, command("alone", "one"))
    return folder


def train_alone(folder: Path, arguments: list[str]) -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


PROSE = ["--text", "prose", "--batch-size", "7", "--sequence-length", "20", "--dropout", "0.3"]


def prose_command(name: str, strategy: str) -> list[str]:
    options = ["--units", "16", "--embedding", "12", "--min-count", "1", "--precision", "float32", "--epochs", "99"]
    arguments = ["fit", "poems.txt", "--name", name, "--strategy", strategy, *options, *PROSE]
    return [sys.executable, "-c", _FIT, "one", *arguments, "--max-steps", str(STEPS)]


def losses(project: Path, name: str) -> list[float]:
    return [record["loss"] for record in Run(project / "runs" / name).history]


def values(project: Path, name: str) -> list[Any]:
    return list(Run(project / "runs" / name).load_checkpoint()[1])


@pytest.mark.long
def test_two_devices_train_as_one(project: Path) -> None:
    train_alone(project, command("two", "mirrored", devices="two"))
    np.testing.assert_allclose(losses(project, "two"), losses(project, "alone"), rtol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("count", [2, 3])
def test_workers_train_as_one_process(project: Path, count: int) -> None:
    for status, error in run_cluster(command(f"workers{count}", "multiworker"), count, project):
        assert status == 0, error
    np.testing.assert_allclose(losses(project, f"workers{count}"), losses(project, "alone"), rtol=1e-5)
    assert [path.name for path in (project / "saved_models" / f"workers{count}").iterdir()] == ["1"]


@pytest.mark.long
def test_a_killed_worker_is_made_good_by_resuming(project: Path) -> None:
    for status, error in run_cluster(command("whole", "multiworker"), 2, project):
        assert status == 0, error
    workers = start_cluster(command("killed", "multiworker", "--save-minutes", "0"), 2, project)
    checkpoint = project / "runs" / "killed" / "checkpoint.h5"
    while not checkpoint.exists():
        time.sleep(0.05)
        assert workers[0].poll() is None, workers[0].stderr
    workers[1].kill()
    for worker in workers:
        try:
            worker.communicate(timeout=60)
        except subprocess.TimeoutExpired:  # it waits for the dead one
            worker.kill()
            worker.communicate()
    assert Run(project / "runs" / "killed").load_checkpoint()[0].step < STEPS
    for status, error in run_cluster(command("killed", "multiworker", "--resume"), 2, project):
        assert status == 0, error
    for a, b in zip(values(project, "killed"), values(project, "whole"), strict=True):
        np.testing.assert_array_equal(a, b)
    manifest = json.loads((project / "runs" / "killed" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["steps"] == STEPS


@pytest.mark.long
def test_workers_carry_the_state_of_their_own_lanes(project: Path) -> None:
    train_alone(project, prose_command("lanes", "one"))
    for status, error in run_cluster(prose_command("shared", "multiworker"), 2, project):
        assert status == 0, error
    np.testing.assert_allclose(losses(project, "shared"), losses(project, "lanes"), rtol=1e-5)
    for a, b in zip(values(project, "shared"), values(project, "lanes"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)


@pytest.mark.long
def test_workers_agree_on_the_steps_of_a_run_that_minutes_extend(project: Path) -> None:
    """What is done is known to the chief alone."""
    arguments = ["fit", "poems.txt", "--name", "longer", "--strategy", "multiworker"]
    begin = [sys.executable, "-c", _FIT, "one", *arguments, *OPTIONS.split(), "--max-steps", "60"]
    for status, error in run_cluster(begin, 2, project):
        assert status == 0, error
    extend = [sys.executable, "-c", _FIT, "one", *arguments, "--resume", "--minutes", "1"]
    for status, error in run_cluster(extend, 2, project):
        assert status == 0, error
    run = Run(project / "runs" / "longer")
    assert run.manifest["extended"][0]["step"] == 60
    assert run.finished
    assert run.history[-1]["step"] == run.manifest["steps"] > 60


_FROM_BASE = """
import json, os
from tangshi_tf import choose_strategy, fit, read_corpus
strategy = choose_strategy("multiworker")
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
base = ["saved_models/missing/1", "saved_models/alone/1"][index]
fit(read_corpus(["poems.txt"]), "runs/based", base=base, strategy=strategy)
"""


@pytest.mark.long
def test_a_base_that_the_chief_lacks_ends_all_workers(project: Path) -> None:
    chief, other = run_cluster([sys.executable, "-c", _FROM_BASE], 2, project)
    assert chief[0] == other[0] == 1
    assert "saved_models/missing/1" in chief[1]
    assert "Workers that can go on are required" in other[1]
    assert not (project / "runs" / "based").exists()
