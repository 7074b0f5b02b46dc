from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tangshi_tf.config import PROSE, ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, Poem
from tangshi_tf.corpus.prose import Prose, read_prose
from tangshi_tf.dataset import LaneBatches
from tangshi_tf.errors import ConfigError, CorpusError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.tasks import make_task
from tangshi_tf.vocabulary import BOS, UNK, Vocabulary

POEMS = Corpus(
    {
        "train": [Poem("山", "", "山水风月。"), Poem("", "", "春花。")] * 9,
        "validation": [Poem("", "", "秋月龙。")],
        "test": [],
    },
    {"too short": 3},
)
SMALL: dict[str, Any] = {"units": 8, "embedding": 8}


@pytest.fixture
def prose(tmp_path: Path) -> Prose:
    path = tmp_path / "text.txt"
    path.write_text("one two two three three three\n" * 40 + "four", encoding="utf-8")
    return read_prose([path], "word")


def test_poems_are_counted_and_cut_into_enough_batches() -> None:
    lessons = make_task(POEMS, ModelConfig(), TrainingConfig(min_count=1))
    assert (lessons.counted, lessons.members) == ("poems", {"train": 18, "validation": 1, "test": 0})
    assert lessons.dropped == {"too short": 3}
    assert lessons.tokens == sum(len(poem.text) + 1 for poem in POEMS.splits["train"])
    assert lessons.batches().steps(0) >= 10
    assert lessons.vocabulary.separator == 4
    assert make_task(POEMS, ModelConfig(titles=False), TrainingConfig()).digest != lessons.digest
    ids = lessons.excerpt()
    assert ids == [BOS, UNK, lessons.vocabulary.ids["月"], UNK, lessons.vocabulary.ids["。"]]
    assert lessons.shown(["秋", "月"]) == "秋月"


def test_titles_are_left_out_if_the_vocabulary_of_a_base_has_none() -> None:
    untitled = Vocabulary("山水风月。")
    task = make_task(POEMS, ModelConfig(), TrainingConfig(), untitled)
    assert task.vocabulary is untitled
    plain = make_task(POEMS, ModelConfig(titles=False), TrainingConfig(), untitled)
    assert (task.publishing, task.batches().steps(0)) == (plain.publishing, plain.batches().steps(0))


def test_prose_is_counted_in_its_units(prose: Prose) -> None:
    model = replace(PROSE[0], unit="word", **SMALL)
    lessons = make_task(prose, model, replace(PROSE[1], batch_size=5, sequence_length=7))
    assert lessons.counted == "words"
    assert sum(lessons.members.values()) == len(prose.stream)
    assert lessons.tokens == lessons.members["train"]
    batches = lessons.batches()
    assert batches.lanes == 5
    assert isinstance(batches, LaneBatches)
    assert np.shares_memory(batches.stream, prose.stream)  # a text may be as large as memory is
    assert lessons.vocabulary.rare == ("four",)
    assert lessons.shown(["one", "\n", "two", "·"]) == "one⏎two ·"
    trained = PoetryModel(model, lessons.vocabulary)
    nll, tokens = lessons.validation(trained)()
    assert tokens == lessons.members["validation"]
    assert nll / tokens == pytest.approx(np.log(len(lessons.vocabulary)), rel=0.1)


def test_what_cannot_be_learnt_from_is_refused(prose: Prose) -> None:
    with pytest.raises(ConfigError, match="A model of prose is required for this corpus"):
        make_task(prose, ModelConfig(), TrainingConfig())
    with pytest.raises(ConfigError, match="A model of poems is required"):
        make_task(POEMS, *PROSE)
    make_task(prose, replace(PROSE[0], unit="word"), replace(PROSE[1], batch_size=2, sequence_length=127))
    with pytest.raises(CorpusError, match=r"A text of at least 255 tokens to train on .* Received: 254 tokens"):
        make_task(prose, replace(PROSE[0], unit="word"), replace(PROSE[1], batch_size=255, sequence_length=1))
    empty = Prose(("a",), np.zeros(9, np.int32), (90.0, 1.0, 9.0))
    with pytest.raises(CorpusError, match="Text to train on and to validate on is required"):
        make_task(empty, *PROSE)
    with pytest.raises(CorpusError, match="A poem to train on and one to validate on are required"):
        make_task(Corpus({"train": POEMS.splits["train"], "validation": [], "test": []}, {}), *BOTH)


BOTH = (ModelConfig(), TrainingConfig())


def test_tokens_that_the_vocabulary_lacks_are_counted_for_each_split() -> None:
    poems = {"train": [Poem("", "", "山山山山水。")] * 2, "validation": [Poem("", "", "山龙风。")], "test": []}
    task = make_task(Corpus(poems, {}), ModelConfig(titles=False), TrainingConfig(min_count=3))
    assert task.unknown() == {"train": (4, 12), "validation": (3, 4)}
