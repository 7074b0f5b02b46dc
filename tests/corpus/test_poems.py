"""`read_corpus`: files to poems on the sides of a split, and the shipped corpus itself."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tangshi_tf import corpus
from tangshi_tf.corpus.cleaning import fold, han_only
from tangshi_tf.corpus.poems import Poem, read_corpus
from tangshi_tf.corpus.readers import HEADER
from tangshi_tf.errors import CorpusError
from tangshi_tf.shipped import find_resource
from tangshi_tf.verse.forms import form_of
from tests.paths import ROOT

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
SPRING = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
RIVER = "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。"


@pytest.fixture(scope="module")
def shipped() -> corpus.Corpus:
    return read_corpus()


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_shipped_counts_are_those_of_the_data_readme(shipped: corpus.Corpus) -> None:
    assert {name: len(shipped.splits[name]) for name in corpus.SPLITS} == {
        "train": 44906,
        "validation": 1433,
        "test": 1433,
    }
    forms = Counter(form_of(poem.text) for poem in shipped.poems("all"))
    assert forms == {"五绝": 3297, "七绝": 9908, "五律": 14057, "七律": 7745, "其他": 12765}
    assert shipped.dropped == {}
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert "| all | 44,906 | 1,433 | 1,433 | 47,772 |" in readme
    for name in ("tangshi.tsv.xz", "characters.tsv"):
        assert hashlib.sha256(find_resource(f"data/{name}").read_bytes()).hexdigest() in readme


def test_shipped_poems_have_authors_and_titles_on_one_line(shipped: corpus.Corpus) -> None:
    for poem in shipped.poems():
        assert poem.author
        for field in (poem.author, poem.title):
            assert field == " ".join(fold(field).split())


def test_no_text_is_in_the_shipped_corpus_twice(shipped: corpus.Corpus) -> None:
    texts = [han_only(poem.text) for poem in shipped.poems()]
    assert len(set(texts)) == len(texts)


def test_poems_of_all_splits(shipped: corpus.Corpus) -> None:
    assert len(shipped.poems("all")) == 47772
    assert shipped.poems("test") == shipped.splits["test"]
    with pytest.raises(CorpusError, match=r"A split is required: .* Received: split='dev'"):
        shipped.poems("dev")


def test_lines_of_title_and_content(tmp_path: Path) -> None:
    path = write(
        tmp_path / "poems.txt",
        f"静夜思:{QUIET}",
        "",
        f"登鸛雀樓：{TOWER}",
        f"春晓:{SPRING.replace('，', ',')}",
        f"春曉 又:{SPRING.replace('，', '')}",
        "残:□□□□",
        "无:",
        "有题无文",
    )
    read = read_corpus([path])
    assert {poem.text for poem in read.poems()} == {QUIET, TOWER, SPRING}
    assert Poem("登鸛雀樓", "", TOWER) in read.poems()
    assert len(read.splits["validation"]) == 1
    assert read.dropped == {
        "exact duplicate": 1,
        "missing character": 1,
        "no text": 2,
    }


def test_the_filter_of_the_origin(tmp_path: Path, shipped: corpus.Corpus) -> None:
    long = next(poem.text for poem in shipped.poems() if len(poem.text) > 80)
    path = write(tmp_path / "poems", f"甲:{QUIET}", f"乙:{TOWER}（注）", f"丙:{long}", f"丁:{RIVER}")
    assert len(read_corpus([path]).poems()) == 4
    read = read_corpus([path], origin_filter=True)
    assert {poem.text for poem in read.poems()} == {QUIET, RIVER}
    assert read.dropped == {"origin filter": 2}


def test_the_split_depends_on_the_poems_and_the_seed_alone(tmp_path: Path, shipped: corpus.Corpus) -> None:
    lines = [f"{poem.title.replace(':', '')}:{poem.text}" for poem in shipped.splits["test"][:200]]
    one = write(tmp_path / "one", *lines[:100])
    two = write(tmp_path / "two", *lines[100:])

    def sides(read: corpus.Corpus) -> dict[str, set[str]]:
        return {name: {poem.text for poem in read.splits[name]} for name in corpus.SPLITS}

    assert sides(read_corpus([one, two])) == sides(read_corpus([two, one]))
    assert sides(read_corpus([one, two])) != sides(read_corpus([one, two], seed=1))
    assert {name: len(texts) for name, texts in sides(read_corpus([one, two])).items()} == {
        "train": 188,
        "validation": 6,
        "test": 6,
    }


def test_the_shipped_format_keeps_its_split(tmp_path: Path, shipped: corpus.Corpus) -> None:
    path = write(
        tmp_path / "mine.tsv",
        HEADER,
        f"test\t李白\t靜夜思\t{QUIET}",
        f"validation\t王之涣\t楼\t{TOWER}",
    )
    read = read_corpus([path])
    assert read.splits == {
        "train": [],
        "validation": [Poem("楼", "王之涣", TOWER)],
        "test": [Poem("靜夜思", "李白", QUIET)],
    }
    more = write(tmp_path / "more.txt", f"甲:{QUIET.replace('床', '窗')}", f"乙:{RIVER}", f"丙:{SPRING}")
    assert len(read_corpus([path, more]).splits["test"]) == 2  # the near-duplicate follows its twin
    assert read_corpus([find_resource("data/tangshi.tsv.xz")]) == shipped


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"with text is required\. Received: .*poems, which is empty"),
        (
            "静夜思:".encode() + b"\xff\xfe",
            r"Undamaged text is required\. Received: .*, which seems to be UTF-8 but has byte 0xff at offset 10",
        ),
        (
            b"\xef\xbb\xbfab\x80",
            r"Undamaged text is required\. Received: .*, which seems to be UTF-8 but has byte 0x80 at offset 5",
        ),
        (
            "甲:□□□□\n乙:空\n丙:moon\n丁:moon".encode(),
            r"At least one poem is required in .*poems\. Received: none \(dropped: "
            r"2 Latin letter or digit, 1 missing character, 1 placeholder\)",
        ),
        (HEADER.encode(), r"At least one poem is required in .* Received: none \(dropped: none\)"),
        (f"甲:{QUIET}".encode(), r"At least 2 different poems are required.* Received: 1 poem$"),
        (
            f"甲:{QUIET}\n乙:{QUIET[:-1]}".encode(),
            r"At least 2 different poems are required.* Received: 1 poem$",
        ),
        (
            f"甲:{QUIET}\n乙:{QUIET.replace('床', '窗')}".encode(),
            r"At least 2 different poems are required.* Received: 2 poems$",
        ),
    ],
)
def test_bad_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "poems"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus([path])
    assert "\n" not in str(caught.value)


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"A corpus file or a folder with some is required\. Received: .*is empty"):
        read_corpus([tmp_path])
    with pytest.raises(CorpusError, match=r"A corpus file is required\. Received: .*none, which does not exist"):
        read_corpus([tmp_path / "none"])
    with pytest.raises(CorpusError, match=r"A readable corpus file is required\. Received: 'a\\x00b'"):
        read_corpus([Path("a\x00b")])
    with pytest.raises(CorpusError, match="At least one corpus file is required"):
        read_corpus([])


@pytest.mark.parametrize(("name", "message"), [("none.tgz", "is no file"), ("wrong.tgz", "sha256 25b549e4")])
def test_the_builder_refuses_another_tarball(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "wrong.tgz").write_bytes(b"wrong")
    script = ROOT / "data" / "build_corpus.py"
    ran = subprocess.run(
        [sys.executable, str(script), str(tmp_path / name)], capture_output=True, text=True, encoding="utf-8"
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("Error: ")
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_public_names() -> None:
    assert set(vars(corpus)["__all__"]) >= {
        "HAN",
        "PUNCTUATION",
        "SPLITS",
        "Corpus",
        "Poem",
        "read_corpus",
        "read_poems",
    }
    assert all(hasattr(corpus, name) for name in vars(corpus)["__all__"])
