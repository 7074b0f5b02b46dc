"""examples/poem.c, compiled as its first lines say: the poems of Python, and one line for what fails."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.paths import ROOT

pytestmark = pytest.mark.ci

SHIPPED = ROOT / "saved_models" / "tangshi" / "1"
SOURCE = ROOT / "examples" / "poem.c"
COMMAND = re.compile(r"cc -std=c11 (?:.*\\\n)*.*")  # on several lines
LOG = re.compile(r"[IWEF]\d{4} |WARNING: All log messages before")  # TensorFlow's own, while it is loaded

Program = Callable[..., tuple[int, list[str], list[str]]]


def compiled(source: Path, program: Path) -> Program:
    """Return a function from arguments to the exit status, the lines printed and the lines of errors."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    command = COMMAND.search(source.read_text(encoding="utf-8"))
    assert command
    script = command[0].replace("-o poem", '-Werror -o "$PROGRAM"').replace("examples/poem.c", '"$SOURCE"')
    environment = os.environ | {"TF": tf.sysconfig.get_lib(), "SOURCE": str(source), "PROGRAM": str(program)}
    subprocess.run(["sh", "-c", script], env=environment, check=True)

    def run(*arguments: str | Path) -> tuple[int, list[str], list[str]]:
        done = subprocess.run(
            [program, *arguments],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        errors = [line for line in done.stderr.splitlines() if not LOG.match(line)]
        return done.returncode, done.stdout.splitlines(), errors

    return run


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return compiled(SOURCE, tmp_path_factory.mktemp("program") / "poem")


def poems(poet: Any, begin: str, seed: int, count: int) -> list[str]:
    answer = poet.generate(
        begin, temperature=1.0, top_p=0.85, repetition_penalty=2.5, seed=list(range(seed, seed + count))
    )
    return [poem.decode() for poem in answer["poem"].numpy()]


@pytest.mark.parametrize("begin", ["", "风", "風聲😀", "白日依山尽，黄河入海流。"])
def test_a_batch_is_that_of_python(program: Program, folder: Path, loaded: Any, begin: str) -> None:
    status, lines, errors = program(folder, begin, "100", "64")
    assert (status, errors) == (0, [])
    assert lines == poems(loaded, begin, 100, 64)
    assert all(line.startswith(begin) for line in lines)
    assert len(set(lines)) > 32


@pytest.mark.parametrize("seed", [0, 2**62])
def test_one_poem_is_that_of_python(program: Program, folder: Path, loaded: Any, seed: int) -> None:
    assert program(folder, "山", str(seed)) == (0, poems(loaded, "山", seed, 1), [])


def test_the_poems_of_the_shipped_model_are_those_of_python(program: Program) -> None:
    poet = tf.saved_model.load(str(SHIPPED))
    batch = poems(poet, "風", 1, 64)
    assert program(SHIPPED, "風", "1", "64") == (0, batch, [])
    assert program(SHIPPED, "風", "5") == (0, batch[4:5], [])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "Usage: "),
        (["FOLDER", "山"], "Usage: "),
        (["FOLDER", "山", "1", "1", "1"], "Usage: "),
        (["FOLDER", "山", "one"], "A SEED from 0 to 2^62 is required. Received: one."),
        (["FOLDER", "山", ""], "A SEED from 0 to 2^62 is required. Received: ."),
        (["FOLDER", "山", "1.5"], "A SEED from 0 to 2^62 is required. Received: 1.5."),
        (["FOLDER", "山", "-1"], "A SEED from 0 to 2^62 is required. Received: -1."),
        (["FOLDER", "山", "9" * 30], "A SEED from 0 to 2^62 is required. Received: 9"),
        (["FOLDER", "山", "1", "0"], "A COUNT from 1 to 1000 is required. Received: 0."),
        (["FOLDER", "山", "1", "1001"], "A COUNT from 1 to 1000 is required. Received: 1001."),
        (["FOLDER/missing", "山", "1"], "Could not find SavedModel"),
    ],
)
def test_what_fails_is_one_line(program: Program, folder: Path, arguments: list[str], error: str) -> None:
    status, lines, errors = program(*[argument.replace("FOLDER", str(folder)) for argument in arguments])
    assert (status, lines, len(errors)) == (1, [], 1)
    assert errors[0].startswith(error)


def test_a_damaged_model_is_one_line(program: Program, folder: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    graph = damaged / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-100])
    status, lines, errors = program(damaged, "山", "1")
    assert (status, lines, len(errors)) == (1, [], 1)


def test_a_model_of_another_kind_is_one_line(program: Program, tmp_path: Path) -> None:
    other = tf.Module()
    double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([], name="x")])
    tf.saved_model.save(other, str(tmp_path), signatures={"generate": double})
    error = "A model is required whose signature generate has begin."
    assert program(tmp_path, "山", "1") == (1, [], [error])


def test_a_request_that_cannot_be_met_is_one_line(folder: Path, tmp_path: Path) -> None:
    source = SOURCE.read_text(encoding="utf-8").replace("TEMPERATURE = 1.0f", "TEMPERATURE = -1.0f")
    (tmp_path / "poem.c").write_text(source, encoding="utf-8")
    program = compiled(tmp_path / "poem.c", tmp_path / "poem")
    error = "temperature of at least 0 and finite is required; received -1."
    assert program(folder, "山", "1", "3") == (1, [], [error])
