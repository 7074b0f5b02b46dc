import contextlib
import gzip
import io
import json
import lzma
import os
import sqlite3
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from tangshi_tf.corpus.readers import HEADER, Record, parse_records, read_records, read_text, text_files
from tangshi_tf.errors import CorpusError

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
EXPECTED = [Record("", "", "静夜思", QUIET), Record("", "", "登楼", TOWER)]
TITLED = f"静夜思:{QUIET}\n\n登楼：{TOWER}\n"
BLOCKS = f"静夜思\n{QUIET[:12]}\n{QUIET[12:]}\n\n \n登楼\n{TOWER}\n"
SHIPPED = f"{HEADER}\ntrain\t李白\t静夜思\t{QUIET}\ntest\t王之涣\t登楼\t{TOWER}\n"
RECORDS = [
    {"title": "静夜思", "author": "李白", "paragraphs": [QUIET[:12], QUIET[12:]], "id": 1},
    {"title": "登楼", "author": "王之涣", "paragraphs": TOWER},
]


def read(path: Path, data: bytes) -> list[Record]:
    path.write_bytes(data)
    return read_records(path).records


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gzip", "xz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("text", [TITLED, BLOCKS, TITLED.replace("\n", "\r\n"), BLOCKS.replace("\n", "\r")])
def test_text_is_known_by_its_content(tmp_path: Path, text: str, encoding: str, pack: object) -> None:
    assert callable(pack)
    assert read(tmp_path / "poems.jpg", pack(text.encode(encoding))) == EXPECTED


def test_the_shipped_format_and_json(tmp_path: Path) -> None:
    shipped = read(tmp_path / "a", SHIPPED.encode())
    assert shipped == [Record("train", "李白", "静夜思", QUIET), Record("test", "王之涣", "登楼", TOWER)]
    for ascii_only in (True, False):
        records = read(tmp_path / "b", json.dumps(RECORDS, ensure_ascii=ascii_only).encode())
        assert records == [record._replace(split="") for record in shipped]


def test_a_reading_says_what_was_understood() -> None:
    reading = parse_records(TITLED.encode("gb18030"), "poems.txt")
    assert (reading.name, reading.kinds) == ("poems.txt", Counter({("lines", "GB18030"): 1}))
    assert parse_records(TITLED.encode(), "x", "whole").kinds == Counter({("whole", "UTF-8"): 1})


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "poet.1000.json").write_text(json.dumps(RECORDS))
    (tmp_path / "a.txt").write_text(TITLED, encoding="utf-8")
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)))
    (tmp_path / "gone.txt").symlink_to("nowhere")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(TITLED, encoding="utf-8")
    reading = read_records(tmp_path)
    assert [record.text for record in reading.records] == [QUIET, TOWER, QUIET, TOWER]
    assert reading.kinds == Counter({("lines", "UTF-8"): 1, ("json", "UTF-8"): 1})
    assert [(Path(file).name, reason.split(". Received: ")[1]) for file, reason in reading.unread] == [
        ("cover.jpg", f"{tmp_path / 'cover.jpg'}, a picture"),
        ("gone.txt", f"{tmp_path / 'gone.txt'}, a broken link or a device"),
    ]


def test_the_files_of_a_folder_of_prose(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.txt").write_text("moon")
    (tmp_path / "a.txt").write_text("moon")
    (tmp_path / ".hidden").write_text("x")
    assert text_files(tmp_path) == [tmp_path / "a.txt", tmp_path / "b" / "1.txt"]
    assert text_files(tmp_path / "a.txt") == [tmp_path / "a.txt"]
    (tmp_path / "b" / "gone.txt").symlink_to("nowhere")
    with pytest.raises(CorpusError, match=r"A file is required\. Received: .*gone.txt, a broken link or a device"):
        text_files(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TITLED, encoding="utf-8")
    (tmp_path / "closed").mkdir(mode=0)
    ((folder, reason),) = read_records(tmp_path).unread
    assert Path(folder).name == "closed"
    assert "Permission denied" in reason
    with pytest.raises(CorpusError, match="A readable folder is required"):
        text_files(tmp_path)


def test_the_bound_is_that_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "poems").write_bytes(TITLED.encode())
    for read_it in (read_records, read_text):
        with pytest.raises(CorpusError, match=r"at most 1e-07 GB"):
            read_it(tmp_path / "poems", limit_gb=1e-7)


def tar(text: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("poems.txt")
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def database(path: Path) -> bytes:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE poems (title TEXT)")
        made.commit()
    return path.read_bytes()


def test_documents_with_zeros_inside_are_named(tmp_path: Path) -> None:
    """They have long runs of zero bytes, as no text has."""
    word = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    for data, name in (
        (tar(TITLED), "an archive"),
        (gzip.compress(tar(TITLED)), "an archive"),
        (database(tmp_path / "made.db"), "a database"),
        (word, "a document of Word or Excel"),
    ):
        with pytest.raises(CorpusError, match=rf"save it as plain text\. Received: .*poems, {name}"):
            read(tmp_path / "poems", data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "which is empty"),
        (bytes(99), "which is nothing but zero bytes from byte 0 on"),
        (TITLED.encode() + bytes(99), "Text in a known encoding is required"),
        (b" \n\xe3\x80\x80\n", "which is empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "save it as plain text. Received: .*poems, a picture"),
        (b"<html><body>poems</body></html>", "save it as plain text. Received: .*poems, a web page"),
        (TITLED.encode()[:-3] + b"\xe5\n" + TITLED.encode() * 9, "seems to be UTF-8 but has byte 0x"),
        (b"a\x00b", "makes sense in none of them"),
        (b"\x1f\x8bnonsense", "An intact gzip file is required"),
        (b'[{"title": ', "Valid JSON is required"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read(tmp_path / "poems", data)
    assert "\n" not in str(caught.value)
    assert "poems" in str(caught.value)
