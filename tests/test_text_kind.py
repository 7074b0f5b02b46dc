from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError
from tangshi_tf.generation.inputs import INPUTS
from tangshi_tf.text_kind import TEXT_KINDS
from tangshi_tf.training.tasks import TASKS


def test_poems_end_and_may_be_verse_and_prose_may_be_of_words() -> None:
    assert {name: kind.name for name, kind in TEXT_KINDS.items()} == {"poems": "poems", "prose": "prose"}
    poems, prose = TEXT_KINDS["poems"], TEXT_KINDS["prose"]
    assert (poems.ends, poems.verse, poems.units) == (True, True, ("char",))
    assert (prose.ends, prose.verse, prose.units) == (False, False, ("char", "word"))


@pytest.mark.parametrize("name", TEXT_KINDS)
def test_the_sampler_of_a_kind_is_made_of_inputs_of_generate(name: str) -> None:
    assert set(TEXT_KINDS[name].sampler) == {"temperature", "top_p", "repetition_penalty"} < set(INPUTS)


def test_a_kind_is_not_changed_by_anybody() -> None:
    kinds: Any = TEXT_KINDS
    with pytest.raises(FrozenInstanceError):
        kinds["poems"].ends = False
    with pytest.raises(TypeError):
        kinds["letters"] = kinds["poems"]
    with pytest.raises(TypeError):
        kinds["poems"].sampler["temperature"] = 0.0


def test_every_kind_can_be_configured_and_learnt() -> None:
    for name, kind in TEXT_KINDS.items():
        config = ModelConfig(text=name) if kind.verse else ModelConfig(text=name, ear="none", titles=False)
        assert config.kind is kind
    assert set(TASKS) == set(TEXT_KINDS)
    with pytest.raises(ConfigError, match="unit"):
        ModelConfig(unit="word")
