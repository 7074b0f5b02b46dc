from pathlib import Path

import pytest
import tensorflow as tf

from tangshi_tf.corpus.cleaning import character_table
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.errors import VocabularyError
from tangshi_tf.shipped import shipped_types
from tangshi_tf.vocabulary import SPECIALS, UNK, Vocabulary

TEXTS = ["风风风山山，", "风水，"]


def make() -> Vocabulary:
    return Vocabulary.build(TEXTS, 2, {"風": "风", "㵎": "涧"}, known="龙水")


def test_characters_stand_by_falling_frequency_then_code_point() -> None:
    assert make().tokens == (*SPECIALS, "风", "山", "，")
    assert make().rare == ("水", "龙")
    assert make().unknown_types == 2


def test_unknown_characters_are_charged_by_default() -> None:
    """Else a vocabulary that knows almost nothing would have a perplexity of almost one."""
    vocabulary = Vocabulary.build(["山" * 100 + "水"], 100)
    assert vocabulary.tokens[vocabulary.specials :] == ("山",)
    assert set(vocabulary.rare) == shipped_types() - {"山"}
    assert vocabulary.unknown_types > 7_000


def test_encoding_folds_variants_and_reads_the_rest_as_unknown() -> None:
    assert make().encode("風山龙🙂") == [4, 5, UNK, UNK]
    assert make().decode([1, 4, 5, 6, 2, 0]) == "风山，"


def test_the_graph_reads_as_python_does() -> None:
    corpus = read_corpus()
    texts = [poem.text for poem in corpus.poems("validation")]
    vocabulary = Vocabulary.build(texts, 2, character_table())
    characters = sorted({*"".join(texts), *character_table(), "🙂", "a", "\n"})
    found = vocabulary.lookup_table().lookup(tf.constant(characters)).numpy().tolist()
    assert found == vocabulary.encode("".join(characters))
    assert vocabulary.encode("風") == vocabulary.encode("风") != [UNK]


def test_a_vocabulary_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(make().dumps().encode())
    loaded = Vocabulary.load(path)
    assert loaded.dumps() == make().dumps()
    assert loaded.encode("風山龙") == make().encode("風山龙")
    assert loaded.unknown_types == 2


def test_a_separator_is_the_fifth_special_token_and_survives(tmp_path: Path) -> None:
    vocabulary = Vocabulary.build(TEXTS, 2, {"風": "风"}, known="龙", titled=True)
    assert vocabulary.tokens == (*SPECIALS, "<sep>", "风", "山", "，")
    assert (vocabulary.separator, vocabulary.specials, make().separator, make().specials) == (4, 5, None, 4)
    assert vocabulary.encode("風山<") == [5, 6, UNK]
    assert vocabulary.decode([1, 5, 4, 6, 2]) == "风山"
    assert vocabulary.texts()[:6] == [""] * 5 + ["风"]
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(vocabulary.dumps().encode())
    loaded = Vocabulary.load(path)
    assert (loaded.tokens, loaded.separator, loaded.rare) == (vocabulary.tokens, 4, vocabulary.rare)


def test_what_is_no_vocabulary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    with pytest.raises(VocabularyError, match=r"A vocabulary file is required: .*vocabulary\.txt"):
        Vocabulary.load(path)
    path.write_text("风\n山\n")
    with pytest.raises(VocabularyError, match="begins with <pad> <bos> <eos> <unk> is required"):
        Vocabulary.load(path)
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(VocabularyError, match="is required"):
        Vocabulary.load(path)
    with pytest.raises(VocabularyError, match=r"at least 9 times is required. Received: 9 tokens, the most frequent 4"):
        Vocabulary.build(TEXTS, 9)
    with pytest.raises(VocabularyError, match="Received twice: '风'"):
        Vocabulary("风山风")


def test_words_and_line_breaks_have_a_file_too(tmp_path: Path) -> None:
    words = ["\n", "山谷", "\t", "\\n", "\\", "a\\tb", "\r", "<unk>", "<sep>", "the"]
    vocabulary = Vocabulary.build([words * 2, ["rare", "\\\t"]], 2, known=["rare", "\\\t"])
    path = tmp_path / "vocabulary.txt"
    path.write_text(vocabulary.dumps(), encoding="utf-8")
    again = Vocabulary.load(path)
    assert again.tokens == vocabulary.tokens
    assert again.rare == vocabulary.rare == ("\\\t", "rare")
    assert set(again.tokens[4:]) == set(words) - {"<unk>", "<sep>"}
    assert again.separator is None
    assert [again.tokens[i] for i in again.encode(words)] == [*words[:7], "<unk>", "<unk>", "the"]
    assert all(again.ids[token] == i for i, token in enumerate(again.tokens))


def test_tokens_to_be_predicted_are_counted() -> None:
    known = Vocabulary("山水")
    counts = known.count(["山山", "水龘", ""])
    assert {known.tokens[i]: n for i, n in enumerate(counts) if n} == {"<eos>": 3, "<unk>": 1, "山": 2, "水": 1}
