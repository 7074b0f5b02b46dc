from typing import Any

import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.words import joined, segmenter
from tangshi_tf.generation.tokenizer import Tokenizer, make_tokenizer

PROSE: dict[str, Any] = {"text": "prose", "ear": "none", "titles": False}
POEMS = make_tokenizer(ModelConfig())
CHARACTERS = make_tokenizer(ModelConfig(**PROSE))
WORDS = make_tokenizer(ModelConfig(**PROSE, unit="word"))
TEXTS = ["To be,  or\r\nnot\tto be\n\n", "", "山 水\u3000花", "🙂"]


def pieces(cutter: Tokenizer, text: str) -> list[str]:
    return [piece.decode() for piece in cutter.cut(tf.constant([text, "xxxxxxxx"])).numpy()[0] if piece]


def test_poems_have_no_white_space() -> None:
    assert pieces(POEMS, "山 水\u3000花\n") == ["山", "水", "花"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_graph_cuts_prose_as_python_does(text: str) -> None:
    plain = text.replace("\r\n", "\n")
    assert pieces(CHARACTERS, text) == list(plain)
    words = list(segmenter("word", "whitespace")(plain))
    assert pieces(WORDS, text) == words
    assert WORDS.join(WORDS.cut(tf.constant([text]))).numpy()[0].decode() == joined(words)
    assert CHARACTERS.join(CHARACTERS.cut(tf.constant([text]))).numpy()[0].decode() == plain


def test_shorter_texts_end_with_empty_pieces() -> None:
    for cutter in (POEMS, CHARACTERS, WORDS):
        cut = cutter.cut(tf.constant(["a b c", "d"]))
        assert cut.numpy()[1].tolist() == [b"d"] + [b""] * (cut.shape[1] - 1)


def test_a_text_begins_as_was_typed() -> None:
    typed = tf.constant([["山", "水", "", ""]])
    after = tf.constant([["", "", "花", "."]])
    assert POEMS.continued(tf.constant(["山 水"]), typed, after).numpy()[0].decode() == "山 水花."
    assert WORDS.continued(tf.constant(["山 水"]), typed, after).numpy()[0].decode() == "山水花."
