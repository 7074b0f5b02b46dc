"""The step in other formats, read by other runtimes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tangshi_tf.config import PORTABLE
from tangshi_tf.errors import ConfigError, ModelError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model
from tangshi_tf.saving.single_step import export_step
from tests.conftest import ModelMaker
from tests.paths import ROOT

EXAMPLES = ROOT / "examples"
PROGRAMS = {"onnx": "onnx_runtime.py", "litert": "litert.py"}


def open_step(folder: Path, form: str) -> Any:
    """Return a function from named inputs to named outputs, computed by the format's own runtime."""
    if form == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(folder / "step.onnx"))
        names = [output.name for output in session.get_outputs()]
        return lambda **inputs: dict(zip(names, session.run(None, inputs), strict=True))
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(folder / "step.tflite")).get_signature_runner("step")


MODELS = [("rnn", 1, True, "none"), ("lstm", 2, True, "none"), ("gru", 2, False, "none"), ("lstm", 1, True, "full")]


@pytest.mark.ci
@pytest.mark.parametrize("form", PORTABLE)
@pytest.mark.parametrize(("cell", "layers", "tied", "ear"), MODELS)
def test_the_step_agrees_with_tensorflow(
    make_model: ModelMaker, tmp_path: Path, form: str, cell: str, layers: int, tied: bool, ear: str
) -> None:
    model = make_model(cell, layers, tied=tied, ear=ear)
    step = open_step(export_step(export_model(model, tmp_path / "saved"), tmp_path / form, form), form)
    agree(model, step, poems=[1, 5], length=20)


def agree(model: PoetryModel, step: Any, poems: list[int], length: int) -> None:
    """Walk through random tokens; both sides take every step from the same state."""
    random = np.random.default_rng(0)
    names = [spec.name for spec in model.state_layout.specs]
    for rows in poems:
        state = [random.normal(0, 0.5, (rows, width)).astype(np.float32) for width in model.state_layout.widths]
        state += [np.zeros((rows, 4), np.int32)] * model.state_layout.has_verse
        for _ in range(length):
            token = random.integers(0, len(model.vocabulary), rows, np.int32)
            answer = step(token=token, **dict(zip(names, map(np.asarray, state), strict=True)))
            logits, state = model.step(token, state)
            theirs = [answer["logits"], *(answer[f"next_{name}"] for name in names)]
            for ours, other in zip([logits, *state], theirs, strict=True):
                assert np.abs(other - ours).max() <= 1e-5 * np.abs(ours).max()
            chosen = np.take_along_axis(answer["logits"], answer["next_token"][:, np.newaxis], axis=1)[:, 0]
            assert (chosen == answer["logits"].max(axis=1)).all()


@pytest.fixture(scope="module", params=PORTABLE)
def made(request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    form = str(request.param)
    return form, export_step(folder, tmp_path_factory.mktemp(form) / "models", form)


def test_the_step_of_one_model_agrees_with_tensorflow(made: tuple[str, Path], lstm: PoetryModel) -> None:
    form, version = made
    agree(lstm, open_step(version, form), poems=[1, 5], length=6)


def test_a_version_of_another_format_describes_itself(made: tuple[str, Path], lstm: PoetryModel) -> None:
    _, version = made
    assert version.name == "1"
    assert json.loads((version / "config.json").read_text(encoding="utf-8"))["model"]["units"] == lstm.config.units
    assert (version / "vocabulary.txt").read_text(encoding="utf-8") == lstm.vocabulary.dumps()
    readme = (version / "README.md").read_text(encoding="utf-8")
    assert f"logits` float32 [rows, {len(lstm.vocabulary)}]" in readme


def test_a_poem_by_another_runtime_alone(made: tuple[str, Path], lstm: PoetryModel, tmp_path: Path) -> None:
    form, version = made
    without_us = "import runpy, sys; sys.modules['tangshi_tf'] = sys.modules['tensorflow'] = None; "
    without_us += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    program = str(EXAMPLES / PROGRAMS[form])
    command = [sys.executable, "-X", "utf8", "-c", without_us, program, str(version), "風龘", "3"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    (poem,) = done.stdout.splitlines()
    assert poem.startswith("風龘")
    assert set(poem[2:]) <= set(lstm.vocabulary.tokens[4:])


def test_what_cannot_be_written_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"A format out of onnx, litert is required. Received: coreml"):
        export_step(folder, tmp_path, "coreml")
    with pytest.raises(ModelError, match="written by tangshi-tf is required"):
        export_step(tmp_path, tmp_path / "onnx", "litert")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="A writable folder is required"):
        export_step(folder, tmp_path / "file" / "litert", "litert")
