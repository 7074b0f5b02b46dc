import subprocess
import sys
from pathlib import Path

import pytest

from tangshi_tf import keras_backend
from tangshi_tf.errors import ConfigError
from tests.paths import ROOT


@pytest.fixture(autouse=True)
def before_keras(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if Keras were not loaded yet, and nobody had chosen."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"backend": "tensorflow"}'])
def test_tensorflow_is_the_default(tmp_path: Path, text: str) -> None:
    keras_backend.require_tensorflow()
    (tmp_path / "keras.json").write_text(text, encoding="utf-8")
    keras_backend.require_tensorflow()


def test_the_environment_and_the_file_of_keras_choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "jax"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"Keras on TensorFlow is required .* Received: jax\."):
        keras_backend.require_tensorflow()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    keras_backend.require_tensorflow()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ConfigError, match=r"Received: torch\."):
        keras_backend.require_tensorflow()


@pytest.mark.parametrize("code", ["import tangshi_tf; tangshi_tf.PoetryModel", "import tangshi_tf.training.run"])
def test_another_backend_is_refused_before_keras_looks_for_it(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "ConfigError: Keras on TensorFlow is required (KERAS_BACKEND=tensorflow). Received: torch." in done.stderr


def test_a_command_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    code = "import sys; sys.argv = ['tangshi-tf', 'evaluate']; from tangshi_tf.cli import main; main()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: Keras on TensorFlow is required (KERAS_BACKEND=tensorflow). Received: torch."
    )
    assert "Traceback" not in done.stderr
