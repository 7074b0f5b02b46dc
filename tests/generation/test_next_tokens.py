from typing import Any

import numpy as np
import pytest

from tangshi_tf.corpus.titles import normal_title
from tangshi_tf.errors import ConfigError
from tangshi_tf.generation.next_tokens import next_tokens
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import BOS


def softmax(logits: Any) -> Any:
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return shares / shares.sum()


@pytest.mark.parametrize("text", ["", "山", "山 水，风"])
def test_the_likeliest_are_those_of_the_whole_sequence(loaded: Any, lstm: PoetryModel, text: str) -> None:
    vocabulary = lstm.vocabulary
    ids = [BOS, *vocabulary.encode(text.replace(" ", ""))]
    expected = softmax(lstm(np.array([ids], np.int32)).numpy()[0, -1])
    found = next_tokens(loaded, vocabulary, text, top=len(vocabulary))
    assert [share for _, share in found] == pytest.approx(sorted(expected, reverse=True), rel=1e-4)
    assert dict(found) == pytest.approx(dict(enumerate(expected)), rel=1e-4)
    assert next_tokens(loaded, vocabulary, text, top=2) == found[:2]


def test_a_title_is_read_before(versed: Any, versed_folder: Any) -> None:
    model = PoetryModel.from_saved_model(versed_folder)
    vocabulary = model.vocabulary
    ids = [BOS, *vocabulary.encode(normal_title("秋夜（其二）")), vocabulary.separator, *vocabulary.encode("明月")]
    expected = softmax(model(np.array([ids], np.int32)).numpy()[0, -1])
    for poet in (versed, Poet(model)):
        for token, share in next_tokens(poet, vocabulary, "明月", title="秋夜（其二）", top=5):
            assert share == pytest.approx(expected[token], rel=1e-4)


def test_titles_that_cannot_be_read_are_refused(
    loaded: Any, versed: Any, lstm: PoetryModel, versed_folder: Any
) -> None:
    with pytest.raises(ConfigError, match=r"A model that reads titles is required"):
        next_tokens(loaded, lstm.vocabulary, "山", title="秋夜")
    vocabulary = PoetryModel.from_saved_model(versed_folder).vocabulary
    with pytest.raises(ConfigError, match=r"title of Han characters, numbering aside, is required; received abc\."):
        next_tokens(versed, vocabulary, "山", title="abc")
