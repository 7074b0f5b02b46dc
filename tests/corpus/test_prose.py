from pathlib import Path

import numpy as np
import pytest

from tangshi_tf.corpus.prose import read_prose
from tangshi_tf.errors import ConfigError, CorpusError
from tangshi_tf.vocabulary import UNK, Vocabulary

TEXT = "To be, or not to be:\nthat is the question.\n" * 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "play.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def written(prose: object, split: str = "all", unit: str = "char") -> str:
    tokens = [prose.types[i] for i in prose.part(split)]  # type: ignore[attr-defined]
    return "".join(tokens) if unit == "char" else " ".join(tokens)


def test_characters_of_a_file_come_back_in_order(file: Path) -> None:
    prose = read_prose([file])
    assert written(prose) == TEXT
    assert prose.stream.dtype == np.int32
    assert sorted(prose.types) == sorted(set(TEXT))
    assert prose.counts() == {char: TEXT.count(char) for char in prose.types}


def test_words_of_a_file_come_back_in_order(file: Path) -> None:
    prose = read_prose([file], "word", "whitespace")
    assert [prose.types[i] for i in prose.stream] == TEXT.replace("\n", " \n ").split(" ")[:-1]


def test_the_parts_follow_each_other(file: Path) -> None:
    prose = read_prose([file])
    parts = [written(prose, split) for split in ("train", "validation", "test")]
    assert "".join(parts) == TEXT
    assert [round(100 * len(part) / len(TEXT)) for part in parts] == [90, 5, 5]
    half = read_prose([file], shares=(1, 1, 0))
    assert [len(half.part(split)) for split in ("train", "validation", "test")] == [len(TEXT) // 2] * 2 + [0]
    assert sum(prose.counts("train").values()) == len(parts[0])
    with pytest.raises(CorpusError, match="A split is required"):
        prose.part("dev")


def test_files_of_a_folder_follow_each_other_by_name(tmp_path: Path) -> None:
    for name, text in (("b.txt", "second"), ("a.txt", "first\r\n"), ("c/d.txt", "third\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    assert written(read_prose([tmp_path])) == "first\nsecond\nthird\n"
    assert written(read_prose([tmp_path / "b.txt", tmp_path / "a.txt"])) == "second\nfirst\n"


def test_long_texts_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tangshi_tf.corpus.prose._BLOCK", 10)
    path = tmp_path / "text.txt"
    path.write_text("一二三四五六七八九十一二\n𠮷\n\n", encoding="utf-8")
    told: list[float] = []
    assert written(read_prose([path], progress=told.append)) == "一二三四五六七八九十一二\n𠮷\n\n"
    assert read_prose([path]).counts() == read_prose([path], shares=(1, 1, 0)).counts()
    assert read_prose([path]).counts()["一"] == 2
    assert len(told) == 2
    assert told[-1] == 1.0
    assert [*read_prose([path], "word").types] == ["一二三四五六七八九十一二", "\n", "𠮷"]


def test_ids_are_those_of_the_vocabulary(file: Path) -> None:
    prose = read_prose([file], "word")
    vocabulary = Vocabulary.from_counts(prose.counts("train"), 21, known=prose.counts())
    ids = prose.ids(vocabulary, "validation")
    assert [vocabulary.tokens[i] for i in ids] == [
        token if token == "\n" else "<unk>" for token in written(prose, "validation", "word").split(" ")
    ]
    assert UNK in ids


def test_another_text_or_split_has_another_digest(file: Path) -> None:
    prose = read_prose([file])
    assert prose.digest == read_prose([file]).digest
    others = [read_prose([file], "word"), read_prose([file], shares=(80, 10, 10)), read_prose([file, file])]
    assert len({prose.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize("shares", [(0, 50, 50), (90, 0, 10), (90, -1, 5)])
def test_shares_that_leave_nothing_are_refused(file: Path, shares: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match="Shares to train on and to validate above 0"):
        read_prose([file], shares=shares)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(bytes(range(256)) * 4)
    for paths, message in [
        ([picture], "makes sense in none of them"),
        ([tmp_path], "makes sense in none of them"),
        ([tmp_path / "none"], "which does not exist"),
        ([], "At least one text file is required"),
    ]:
        with pytest.raises(CorpusError, match=message):
            read_prose(paths)
