import gzip
import json
import lzma
from pathlib import Path

import pytest

from tangshi_tf.corpus.readers import HEADER, Record, read_records
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
    return list(read_records(path))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gzip", "xz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
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
    assert read(tmp_path / "c", json.dumps(RECORDS[0]).encode()) == [Record("", "李白", "静夜思", QUIET)]
    odd = [1, None, {"paragraphs": 3}, {"paragraphs": ["山", 5, "水"], "title": ["x"]}]
    assert [record.text for record in read(tmp_path / "d", json.dumps(odd).encode())] == ["", "", "", "山水"]


def test_lines_without_marks_get_them(tmp_path: Path) -> None:
    bare = "床前明月光\n疑是地上霜\n举头望明月\n低头思故乡\n\n" + TOWER
    assert [record.text for record in read(tmp_path / "a", bare.encode())] == [QUIET, TOWER]


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "poet.1000.json").write_text(json.dumps(RECORDS))
    (tmp_path / "a.txt").write_text(TITLED, encoding="utf-8")
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)))
    (tmp_path / ".hidden").write_text("x")
    records = list(read_records(tmp_path))
    assert [record.text for record in records] == [QUIET, TOWER, "", QUIET, TOWER]
    assert records[2].title == "cover.jpg"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "which is empty"),
        (b" \n\xe3\x80\x80\n", "which is empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "has byte 0xff at offset 0"),
        (TITLED.encode("utf-16"), "has byte 0xff at offset 0"),
        (TITLED.encode()[:-3] + b"\xe5\n" + TITLED.encode() * 9, "UTF-8 or GB18030 is required"),
        (b"a\x00b", "has byte 0x00 at offset 1"),
        (lzma.compress(TITLED.encode())[:-9], "An intact xz file is required"),
        (gzip.compress(TITLED.encode())[:-9], "An intact gzip file is required"),
        (b"\x1f\x8bnonsense", "An intact gzip file is required"),
        (b'[{"title": ', "Valid JSON is required"),
        (b"[" * 100_000, "Valid JSON is required"),
        (f"{HEADER}\ndev\ta\tb\tc".encode(), "Received: line 2"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read(tmp_path / "poems", data)
    assert "\n" not in str(caught.value)
