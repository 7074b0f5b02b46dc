"""Random and damaged files: each is read or refused in one line, quickly."""

import gzip
import json
import lzma
import random
import time
from pathlib import Path

from tangshi_tf.corpus import read_corpus
from tangshi_tf.errors import CorpusError
from tangshi_tf.readers import HEADER

POEMS = [
    ("静夜思", "床前明月光，疑是地上霜。举头望明月，低头思故乡。"),
    ("登楼", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"),
    ("春晓", "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"),
]
TITLED = "".join(f"{title}:{text}\n" for title, text in POEMS)
SEEDS = [
    TITLED.encode(),
    TITLED.encode("gb18030"),
    TITLED.encode("utf-16"),
    "\n\n".join(f"{title}\n{text}" for title, text in POEMS).encode(),
    json.dumps([{"title": title, "paragraphs": [text]} for title, text in POEMS], ensure_ascii=False).encode(),
    "\n".join([HEADER, *(f"train\t\t{title}\t{text}" for title, text in POEMS)]).encode(),
    gzip.compress(TITLED.encode()),
    lzma.compress(TITLED.encode()),
    b"\xff\xd8\xff\xe0\x00\x10JFIF",
]


def damaged(source: random.Random) -> bytes:
    """Return one of the seeds with some bytes changed, cut, doubled or put in, or bytes of no origin at all."""
    if source.random() < 0.1:
        return source.randbytes(source.randrange(400))
    data = bytearray(source.choice(SEEDS))
    for _ in range(source.randrange(6)):
        place = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0 if data:
                data[min(place, len(data) - 1)] = source.randrange(256)
            case 1:
                del data[place : place + source.randrange(40)]
            case 2:
                data[place:place] = data[place : place + source.randrange(40)]
            case _:
                data[place:place] = source.choice([b"\x00", b"\n\n", b"\t", b":", b"[", b"{", b"\xe5", "□".encode()])
    return bytes(data)


def test_ten_thousand_files_are_read_or_refused(tmp_path: Path) -> None:
    source = random.Random(0)
    path = tmp_path / "poems"
    outcomes = {"read": 0, "refused": 0}
    for _ in range(10_000):
        path.write_bytes(damaged(source))
        start = time.monotonic()
        message = ""
        try:
            assert read_corpus([path]).poems()
        except CorpusError as error:
            message = str(error)
        outcomes["refused" if message else "read"] += 1
        assert "\n" not in message
        assert not message or "required" in message
        assert time.monotonic() - start < 10
    assert min(outcomes.values()) > 500, outcomes
