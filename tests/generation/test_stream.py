from typing import Any

import keras
import pytest

from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.words import joined, segmenter
from tangshi_tf.errors import ConfigError
from tangshi_tf.generation.stream import Streamer
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model, load
from tangshi_tf.vocabulary import Vocabulary

WORDS = ["to", "be", "or", "not", ",", "the", "question", "is", "山", "水", "\n"]
VOCABULARY = Vocabulary.build([WORDS], 1)


@pytest.fixture(scope="module", params=["char", "word"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Streamer, str]:
    keras.utils.set_random_seed(0)
    vocabulary = VOCABULARY if request.param == "word" else Vocabulary.build(WORDS, 1)
    config = ModelConfig(text="prose", unit=request.param, units=24, embedding=12, ear="none", titles=False)
    model = PoetryModel(config, vocabulary)
    model.output_bias.assign(2.0 * model.output_bias + [float(i % 3) for i in range(len(vocabulary))])
    poet = load(export_model(model, tmp_path_factory.mktemp("models")))
    return poet, Streamer(poet, vocabulary, ends=False), request.param


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"temperature": 0.0, "max_length": 9},
        {"temperature": 0.7, "top_p": 0.8, "init_state": "random"},
        {"top_k": 3, "repetition_penalty": 2.5, "max_length": 150},
    ],
)
def test_what_is_streamed_is_what_generate_gives(made: tuple[Any, Streamer, str], knobs: dict[str, Any]) -> None:
    poet, streamer, unit = made
    for seed, begin in [(3, "to be"), (4, "")]:
        pieces = list(segmenter(unit, "whitespace")(begin))
        tokens = list(streamer.write(pieces, seed=seed, **knobs))
        whole = {name: value.numpy()[0] for name, value in poet.generate(begin, seed=seed, **knobs).items()}
        assert (joined(tokens) if unit == "word" else "".join(tokens)) == whole["poem"].decode()
        assert len(tokens) == whole["length"]


def test_a_begin_that_is_too_long_is_refused(made: tuple[Any, Streamer, str]) -> None:
    with pytest.raises(ConfigError, match="max_length of at least the length of begin is required; received 2"):
        list(made[1].write(["to", "be", "or"], seed=1, max_length=2))
