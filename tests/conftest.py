"""Small models whose distributions are not flat, some of them as model folders, and a run of one.

What takes seconds to make is made once, whichever worker asks first; the others wait for it and take it.
"""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from filelock import FileLock

from tangshi_tf.cli import main
from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.cleaning import character_table
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model, load
from tangshi_tf.vocabulary import EOS, Vocabulary

# Two logical CPUs stand in for two GPUs; TensorFlow has to know before it computes anything.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

# A shell lets what it starts in the background ignore Ctrl-C, and processes hand that on. The tests send signals.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# The tests expect English, also of commands in processes of their own.
for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
    if os.environ.get(name, "").startswith("zh"):
        os.environ[name] = "C.UTF-8"

TEXT = (
    "，。白日依山尽黄河入海流欲穷千里目更上一层楼床前明月光疑是地霜举头望低思故乡"
    "春眠不觉晓处闻啼鸟夜来风雨声花落知多少水"
)

VARIANTS = {"風": "风", "黃": "黄", "聲": "声"}

ModelMaker = Callable[..., PoetryModel]
OnceMaker = Callable[[str, Callable[[Path], object]], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=1_000, help="Random requests and option sets of the long tests.")


@pytest.fixture(scope="session")
def fuzz(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--fuzz"))


@pytest.fixture(scope="session")
def two_replicas() -> Any:
    """The one MirroredStrategy of this process: a second one would number its collectives as the first did."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary(list(TEXT), VARIANTS, rare="龘鱻麤")


@pytest.fixture(scope="session")
def titled_vocabulary() -> Vocabulary:
    return Vocabulary(list(TEXT), VARIANTS, rare="龘鱻麤", titled=True)


@pytest.fixture(scope="session")
def make_model(vocabulary: Vocabulary, titled_vocabulary: Vocabulary) -> ModelMaker:
    def make(
        cell: str = "lstm",
        layers: int = 1,
        units: int = 16,
        tied: bool = True,
        ending: float = 2.0,
        ear: str = "none",
    ) -> PoetryModel:
        """Return a model; one with an ear reads titles, too."""
        keras.utils.set_random_seed(5)
        config = ModelConfig(cell=cell, units=units, layers=layers, embedding=12, dropout=0.0, tied=tied, ear=ear)
        model = PoetryModel(config, titled_vocabulary if ear != "none" else vocabulary)
        for weight in model.trainable_weights:
            weight.assign(2.0 * weight)
        if model.hearing.has_rhymes:  # zeros so far
            for weight in (model.hearing.bonus_kernel, model.hearing.bonus_bias):
                weight.assign(np.random.default_rng(6).normal(0, 2, weight.shape))
        bias = model.output_bias if tied else model.projection.bias
        bias.assign([ending * (i == EOS) for i in range(len(model.vocabulary))])  # else few poems would end
        return model

    return make


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> OnceMaker:
    """Return a function from a name and what fills a folder to the folder, filled once for all workers.

    No test may change what is in it.
    """
    base = tmp_path_factory.getbasetemp()
    home = base.parent if base.name.startswith("popen-") else base  # the workers' own folders lie in one

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, unfinished = home / name, home / f"{name}-unfinished"
        with FileLock(home / f"{name}.lock"):
            if not folder.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                fill(unfinished)
                unfinished.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def versed_folder(make_once: OnceMaker) -> Path:
    """A poet that has learnt nothing, with a vocabulary large enough for verse."""

    def fill(folder: Path) -> None:
        keras.utils.set_random_seed(6)
        vocabulary = Vocabulary.build(read_corpus().texts("train")[:8_000], 8, character_table(), titled=True)
        export_model(PoetryModel(ModelConfig(units=16, embedding=12), vocabulary), folder)

    return make_once("versed", fill) / "1"


@pytest.fixture(scope="session")
def versed(versed_folder: Path) -> Any:
    """The same, loaded."""
    return load(versed_folder)


@pytest.fixture(scope="session")
def lstm(make_model: ModelMaker) -> PoetryModel:
    return make_model()


@pytest.fixture(scope="session")
def poet(lstm: PoetryModel) -> Poet:
    return Poet(lstm)


@pytest.fixture(scope="session")
def folder(lstm: PoetryModel, make_once: OnceMaker) -> Path:
    return make_once("small", lambda made: export_model(lstm, made)) / "1"


@pytest.fixture(scope="session")
def loaded(folder: Path) -> Any:
    return load(folder)


@pytest.fixture(scope="session")
def mini_folder(make_once: OnceMaker) -> Path:
    """A folder with sixty poems, on which a model named mini has been trained from the command line."""

    def fill(folder: Path) -> None:
        poems = [poem for poem in read_corpus().poems("train") if len(poem.text) == 24][:60]
        text = "".join(f"{poem.title}:{poem.text}\n" for poem in poems)
        (folder / "poems.txt").write_text(text, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            options = "--name mini --units 16 --embedding 12 --epochs 2 --min-count 1 --token-budget 500"
            result = CliRunner().invoke(main, ["fit", "poems.txt", *options.split()])
            assert result.exit_code == 0, result.output
        (folder / "printed.txt").write_text(result.output, encoding="utf-8")

    return make_once("mini", fill)
