from dataclasses import replace

from tangshi_tf.config import PROSE, ModelConfig
from tangshi_tf.generation.about import describe
from tangshi_tf.generation.inputs import INPUTS
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import Vocabulary

VOCABULARY = Vocabulary("，。山水", titled=True)


def told(config: ModelConfig, vocabulary: Vocabulary = VOCABULARY) -> str:
    return describe(PoetryModel(replace(config, units=8, embedding=8), vocabulary))


def test_a_poet_says_what_it_hears_and_how_it_is_fed() -> None:
    about = told(ModelConfig())
    assert "a recurrent language model of Tang poems" in about
    assert "It hears the verse, and the sounds of characters." in about
    assert "last of all int32 [B, 4]" in about
    assert "title what the poem is about." in about
    assert "SEP = 4. A text is fed after BOS; BOS title SEP before it; EOS ends it." in about
    assert all(f"{name}=" in about for name in INPUTS)
    plain = told(ModelConfig(ear="none", titles=False), Vocabulary("，。山水"))
    assert "hears" not in plain
    assert "title accepts only its default." in plain


def test_prose_has_no_verse_and_no_end() -> None:
    characters = told(PROSE[0], Vocabulary("ab"))
    assert "characters of running text" in characters
    assert "White space counts." in characters
    assert "repetition_penalty 1.0, fresh seed" in characters
    assert characters.endswith("A text is fed after BOS.")
    words = told(replace(PROSE[0], unit="word"), Vocabulary(["山谷", "\n"]))
    assert "words of running text" in words
    assert "words with spaces between them" in words
