"""Small models whose distributions are not flat, and one of them as a model folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=1_000, help="Random requests and option sets of the slow tests.")


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
def versed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A poet that has learnt nothing, with a vocabulary large enough for verse."""
    keras.utils.set_random_seed(6)
    vocabulary = Vocabulary.build(read_corpus().texts("train")[:8_000], 8, character_table(), titled=True)
    model = PoetryModel(ModelConfig(units=16, embedding=12), vocabulary)
    return export_model(model, tmp_path_factory.mktemp("models") / "versed")


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
def folder(lstm: PoetryModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_model(lstm, tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="session")
def loaded(folder: Path) -> Any:
    return load(folder)
