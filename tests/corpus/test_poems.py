"""`corpus`: readers, cleaning, the split that does not leak, and the shipped corpus itself."""

import hashlib
import lzma
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tangshi_tf import corpus
from tangshi_tf.corpus.cleaning import clean, fold, han_only
from tangshi_tf.corpus.poems import Poem, read_corpus
from tangshi_tf.corpus.readers import HEADER
from tangshi_tf.corpus.splitting import assign_splits, near_duplicate_clusters
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


# The shipped corpus ---------------------------------------------------------------------------------------


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


def test_shipped_poems_are_clean_and_cleaning_is_idempotent(shipped: corpus.Corpus) -> None:
    unstable = [poem for poem in shipped.poems() if clean(poem.text) != (poem.text, "")]
    assert unstable == []


def test_shipped_poems_have_authors_and_titles_on_one_line(shipped: corpus.Corpus) -> None:
    for poem in shipped.poems():
        assert poem.author
        for field in (poem.author, poem.title):
            assert field == " ".join(fold(field).split())


def test_no_text_is_in_the_shipped_corpus_twice(shipped: corpus.Corpus) -> None:
    texts = [han_only(poem.text) for poem in shipped.poems()]
    assert len(set(texts)) == len(texts)


def test_no_near_duplicates_across_the_shipped_splits(shipped: corpus.Corpus) -> None:
    # Every poem of a sample is compared with every poem of the other sides, without the index of the code.
    train = [poem.text for poem in shipped.splits["train"]]
    held_out = [poem.text for poem in shipped.splits["validation"] + shipped.splits["test"]]
    numbers: dict[str, int] = {}

    def numbered(text: str) -> list[int]:
        han = han_only(text)
        return [numbers.setdefault(gram, len(numbers)) for gram in {han[i : i + 2] for i in range(len(han) - 1)}]

    bags = [numbered(text) for text in train]
    sizes = np.array([len(bag) for bag in bags])
    flat = np.concatenate([np.array(bag) for bag in bags])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for text in np.random.default_rng(7).choice(held_out, 400, replace=False):
        own = numbered(str(text))
        member = np.zeros(len(numbers), dtype=np.int32)
        member[own] = 1
        common = np.add.reduceat(member[flat], starts)
        assert np.max(common / np.minimum(sizes, len(own))) < 0.7
        assert np.max(common / (sizes + len(own) - common)) < 0.5


def test_poems_of_all_splits(shipped: corpus.Corpus) -> None:
    assert len(shipped.poems("all")) == 47772
    assert shipped.poems("test") == shipped.splits["test"]
    with pytest.raises(CorpusError, match=r"A split is required: .* Received: split='dev'"):
        shipped.poems("dev")


# Folding and cleaning -------------------------------------------------------------------------------------


def test_fold() -> None:
    assert fold("風") == "风"
    assert fold("疎劒鴈猨慙簷鬬徧媿嬾堦") == "疏剑雁猿惭檐斗遍愧懒阶"
    assert fold("覆畫鍊乾徵著沈,") == "覆画炼乾徵著沈，"
    assert len(fold("鸂鶒\U0002b6f6")) == 3


def test_the_table_folds_in_one_step() -> None:
    table = corpus.character_table()
    assert all(len(variant) == len(simplified) == 1 for variant, simplified in table.items())
    assert not set(table) & set(table.values())
    assert list(table) == sorted(table)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (QUIET, QUIET),
        (" 床前 明月光,疑是地上霜.\n舉頭望明月,低頭思故鄉.\u3000", QUIET),
        ("床前明月光（一作「看月光」），疑是地上霜(note (inner))。举头望[明]月，低头思故乡。", QUIET),
        ("“床前明月光”，「疑是地上霜」。《举头望明月》，低头思故乡。", QUIET),
        ("。，床前明月光，，疑是地上霜！。举头望明月，低头思故乡。。。", QUIET),
        ("\ufeff\u200b" + QUIET, QUIET),
        ("山高月小", "山高月小"),
        ("一二三〇;㐀\U00020000:", "一二三〇；㐀\U00020000："),
        ("\uf92c山高月", "郎山高月"),  # a compatibility ideograph
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == (cleaned, "")
    assert clean(cleaned) == (cleaned, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("（缺）", "empty"),
        ("，。", "empty"),
        ("空。", "placeholder"),
        ("山月。", "too short"),
        ("床前明□光", "missing character"),
        ("床前明●光", "missing character"),
        ("床前{日月}光，", "composed character"),
        ("床前⿰日月光，", "composed character"),
        ("床前明moon光", "Latin letter or digit"),
        ("床前明月光３", "Latin letter or digit"),
        ("床前\ue829月光", "private use"),
        ("床前（明月光，", "unbalanced bracket"),
        ("床前明月光，)", "unbalanced bracket"),
        ("床前明月光…", "other symbol"),
        ("床前明月光々", "other symbol"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert clean(text)[1] == reason


# Clusters and splits --------------------------------------------------------------------------------------


def brute_force_labels(texts: list[str]) -> list[int]:
    bags = [{han_only(t)[i : i + 2] for i in range(len(han_only(t)) - 1)} for t in texts]
    labels = list(range(len(texts)))
    for i, a in enumerate(bags):
        for j, b in enumerate(bags[:i]):
            common = len(a & b)
            if a and b and (common / len(a | b) >= 0.5 or common / min(len(a), len(b)) >= 0.7):
                keep, lose = sorted((labels[i], labels[j]))
                labels = [keep if label == lose else label for label in labels]
    order: dict[int, int] = {}
    return [order.setdefault(label, len(order)) for label in labels]


def test_clusters_match_brute_force() -> None:
    rng = np.random.default_rng(3)
    texts = []
    for _ in range(60):
        text = "".join(rng.choice(list("山水风月花鸟云天人心"), 20))
        texts.append(text)
        for _ in range(rng.integers(3)):  # a variant with some characters changed, or a part
            changed = list(text)
            for place in rng.integers(0, 20, rng.integers(1, 8)):
                changed[place] = "江"
            texts.append("".join(changed)[: rng.integers(5, 21)])
    assert near_duplicate_clusters(texts).tolist() == brute_force_labels(texts)
    assert 1 < len(set(brute_force_labels(texts))) < len(texts)


def test_a_quoted_poem_and_marks_do_not_separate() -> None:
    long = TOWER + SPRING + RIVER
    labels = near_duplicate_clusters([QUIET, long, SPRING, QUIET.replace("，", "！").replace("床", "窗")])
    assert labels.tolist() == [0, 1, 1, 0]
    assert near_duplicate_clusters([]).tolist() == []


def test_splits_keep_clusters_whole_and_shares() -> None:
    clusters = np.repeat(np.arange(500), 2)
    sides = assign_splits(clusters, seed=1)
    assert Counter(sides) == {"train": 940, "validation": 30, "test": 30}
    assert sides[::2] == sides[1::2]
    assert sides == assign_splits(clusters, seed=1)
    assert sides != assign_splits(clusters, seed=2)
    assert Counter(assign_splits(clusters, seed=1, shares=(0.5, 0.25, 0.25)))["test"] == 250


@pytest.mark.parametrize("clusters", [[0, 1], [0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1, 1, 2]])
def test_a_small_corpus_trains_and_validates(clusters: list[int]) -> None:
    for seed in range(20):
        sides = assign_splits(np.array(clusters), seed)
        assert {"train", "validation"} <= set(sides)


# Readers --------------------------------------------------------------------------------------------------


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
        (b"\xef\xbb\xbf \n", r"with text is required\. Received: .*poems, which is empty"),
        (
            "静夜思:".encode() + b"\xff\xfe",
            r"UTF-8 or GB18030 is required\. Received: .*, which has byte 0xff at offset 10",
        ),
        (b"\xef\xbb\xbfab\x80", r"UTF-8 or GB18030 is required\. Received: .*, which has byte 0x80 at offset 5"),
        (lzma.compress(b"abc" * 99)[:-20], r"intact xz file is required\. Received: .*damaged"),
        (b"\xfd7zXZ\x00nonsense", r"intact xz file is required\. Received: .*damaged"),
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
        (
            f"{HEADER}\ndev\t甲\t乙\t{QUIET}".encode(),
            r"Four columns are required in .* Received: line 2, 'dev",
        ),
        (f"{HEADER}\ntest\t甲\t{QUIET}".encode(), r"Four columns are required in .* Received: line 2"),
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
