"""`verse.prosody`: tones and rhymes of single characters, read generously and narrowly."""

import pytest

from tangshi_tf.corpus.cleaning import PUNCTUATION
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.shipped import find_resource
from tangshi_tf.verse.prosody import (
    EITHER,
    EVERY_GROUP,
    GROUPS,
    LEVEL,
    LEVEL_GROUPS,
    NEIGHBOURS,
    OBLIQUE,
    RHYME_NAMES,
    UNKNOWN_GROUPS,
    Entry,
    derived_readings,
    dump_entries,
    generous,
    load_entries,
    narrow,
    read_generously,
    rhyme_together,
    tones_of,
)


def test_the_book_has_106_groups_of_which_30_are_level() -> None:
    assert (len(GROUPS), len(set(GROUPS)), len(LEVEL_GROUPS)) == (106, 106, 30)
    assert GROUPS.startswith(LEVEL_GROUPS)
    entries = load_entries().values()
    assert {group for entry in entries if not entry.rule for group in entry.both + entry.one} == set(GROUPS)
    assert {group for entry in entries if entry.rule for group in entry.one} <= {*GROUPS, *UNKNOWN_GROUPS}


def test_neighbours_are_mutual() -> None:
    assert set(NEIGHBOURS) == set(LEVEL_GROUPS)
    assert NEIGHBOURS["元"] == frozenset("真文元寒删先")
    assert NEIGHBOURS["尤"] == frozenset("尤")
    for group, near in NEIGHBOURS.items():
        assert group in near
        assert all(group in NEIGHBOURS[other] for other in near)


@pytest.mark.parametrize(
    ("characters", "tone"),
    [
        ("东山人天花春流年云江", LEVEL),
        ("月水日上下老有去路夜", OBLIQUE),
        ("一白竹国石出黑十八七学别", OBLIQUE),  # the entering tone, which modern speech has lost
        ("看过思听更吹胜为长相将分教兴骑和重", EITHER),
    ],
)
def test_tones(characters: str, tone: int) -> None:
    assert {char: generous().tones(char) for char in characters} == dict.fromkeys(characters, tone)
    assert {char: narrow().tones(char) for char in characters} == dict.fromkeys(characters, tone)


@pytest.mark.parametrize(
    ("char", "groups"),
    [("东", "东"), ("龙", "冬"), ("楼", "尤"), ("看", "寒"), ("过", "歌"), ("思", "支"), ("先", "先"), ("月", "")],
)
def test_rhymes(char: str, groups: str) -> None:
    assert generous().rhymes(char) == narrow().rhymes(char) == frozenset(groups)


def test_a_poet_counts_on_less_than_a_judge_allows() -> None:
    entries, judge, poet = load_entries(), generous(), narrow()
    assert all(char in judge for char in entries)
    for char in entries:
        if char in poet:
            assert 0 < poet.tones(char) & judge.tones(char) == poet.tones(char), char
            assert poet.rhymes(char) <= judge.rhymes(char), char
            assert not poet.rhymes(char) or poet.tones(char) & LEVEL, char
    for char, tone in {"不": OBLIQUE, "何": LEVEL, "如": LEVEL}.items():
        assert (judge.tones(char), poet.tones(char)) == (EITHER, tone), char
    assert not any(char in poet for char, entry in entries.items() if entry.rule)
    assert 0 < sum(char not in poet for char, entry in entries.items() if not entry.rule) < len(entries) / 4


def test_a_judge_does_not_hear_what_poets_hardly_ever_did() -> None:
    entries = load_entries()
    for char, tone in {"空": LEVEL, "风": LEVEL, "中": LEVEL, "冷": OBLIQUE}.items():
        assert tones_of(entries[char].both + entries[char].one) == EITHER
        assert generous().tones(char) == tone
    assert all(generous().tones(char) for char in entries)


def test_an_unknown_character_fits_everything() -> None:
    for reading in (generous(), narrow()):
        assert "𠮷" not in reading
        assert reading.tones("𠮷") == EITHER
        assert reading.rhymes("𠮷") == frozenset(LEVEL_GROUPS)


@pytest.mark.parametrize(
    ("chars", "rhyme"),
    [
        ("霜乡", True),
        ("流乡", False),
        ("绝灭雪", True),
        ("绝灭流", False),
        ("蝴吴", True),  # derived from 胡
        ("蝴霜", False),
        ("空送", False),  # 空 is hardly ever oblique
        ("霜𰀀乡", True),
    ],
)
def test_characters_rhyme_as_a_judge_hears_them(chars: str, rhyme: bool) -> None:
    assert rhyme_together(chars) == rhyme


def test_a_character_of_which_only_the_tone_is_known_rhymes_in_all_groups_of_it() -> None:
    (char, *_) = [char for char, entry in load_entries().items() if entry.both + entry.one == "平"]
    assert rhyme_together(char + "霜")
    assert not rhyme_together(char + "雪")


def test_groups_to_a_reading() -> None:
    groups = ("", "东冬", "董屋", "寒翰", *UNKNOWN_GROUPS, UNKNOWN_GROUPS)
    assert [tones_of(own) for own in groups] == [0, LEVEL, OBLIQUE, EITHER, LEVEL, OBLIQUE, EITHER]
    reading = read_generously({"看": "寒翰", "月": "月", "徭": "平", "呌": "仄", "棰": "平仄"})
    assert [reading.tones(char) for char in "看月徭呌棰"] == [EITHER, OBLIQUE, LEVEL, OBLIQUE, EITHER]
    every, none = frozenset(LEVEL_GROUPS), frozenset[str]()
    assert [reading.rhymes(char) for char in "看月徭呌棰"] == [frozenset("寒"), none, every, none, every]


@pytest.mark.parametrize(
    ("char", "tone", "rhymes", "derived"),
    [
        ("蝴", LEVEL, "虞", ("写法", "胡")),
        ("嫦", LEVEL, "阳蒸", ("写法", "恒常")),
        ("姮", LEVEL, "蒸", ("写法", "恒")),
        ("葡", LEVEL, "虞", ("写法", "蒲")),
        ("撒", OBLIQUE, "", ("写法", "萨")),
        ("嘴", OBLIQUE, "", ("写法", "觜")),
        ("着", OBLIQUE, "", ("写法", "著")),
        ("勾", EITHER, "虞尤", ("写法", "句")),
        ("幂", OBLIQUE, "", ("写法", "羃")),
        ("呌", OBLIQUE, "", ("异体", "叫")),
        ("徭", LEVEL, LEVEL_GROUPS, ("异体", "傜")),
        ("搬", LEVEL, LEVEL_GROUPS, ("谐声", "般")),
        ("趚", OBLIQUE, "", ("今音", "宿")),
        ("𪈺", OBLIQUE, "", ("声旁", "属")),
    ],
)
def test_what_the_books_lack_is_derived(char: str, tone: int, rhymes: str, derived: tuple[str, str]) -> None:
    assert derived_readings(f"山{char}，") == {char: derived}
    assert generous().tones(char) == tone
    assert generous().rhymes(char) == frozenset(rhymes)
    assert char not in narrow()


def test_nearly_every_place_of_the_corpus_has_a_tone() -> None:
    known = {*generous(), *PUNCTUATION}
    without = [char for text in read_corpus().texts() for char in text if char not in known]
    assert (len(set(without)), len(without)) == (79, 89)
    assert derived_readings("白日依山尽，黄河入海流。𠮷") == {}


def test_a_rhyme_has_many_names() -> None:
    for name in ("先", "先韵", "一先", "一先韵", "下平一先", "下平声一先", "下平一先韵", "yixian"):
        assert RHYME_NAMES[name] == "先"
    for name in ("真", "十一真", "上平十一真", "shiyizhen", "zhen"):
        assert RHYME_NAMES[name] == "真"
    assert RHYME_NAMES["下平十五咸"] == RHYME_NAMES["shiwuxian"] == "咸"
    several = {name: groups for name, groups in RHYME_NAMES.items() if len(groups) > 1}
    assert several == {"dong": "东冬", "yu": "鱼虞", "xian": "先咸"}
    assert len(RHYME_NAMES) == 10 * 30 - 3


def test_the_table_is_small_and_reads_back() -> None:
    data = find_resource("data/prosody.tsv").read_bytes()
    assert len(data) <= 100_000
    entries = load_entries()
    assert dump_entries(entries).encode() == data
    assert len(entries) > 7_000
    line = {
        "看": Entry("寒翰", "", (3, 1)),
        "论": Entry("元", "真", (0, 0), (("元", 82),)),
        "月": Entry("月"),
        "呌": Entry("", "仄", (3, 36), rule="异体", forms="叫"),
    }
    assert dump_entries(line) == "呌\t/仄\t3 36\t\t异体 叫\n月\t月\n看\t寒翰\t3 1\n论\t元/真\t\t元82\n"
    assert {entry.rule for entry in entries.values()} == {"", "写法", "异体", "谐声", "今音", "声旁"}
    for entry in entries.values():
        assert entry.both + entry.one
        assert bool(entry.rule) == bool(entry.forms)
        assert not (entry.rule and entry.both)
        assert not set(entry.both) & set(entry.one)


def test_groups_as_bits() -> None:
    assert generous().rhyme_bits("东") == 1
    assert generous().rhyme_bits("月") == 0
    assert generous().rhyme_bits("𠮷") == EVERY_GROUP == 2**30 - 1
