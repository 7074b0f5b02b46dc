"""`verse.checker`: real poems pass as often as was measured, shuffled ones do not, each rule can be broken alone."""

import random
from functools import cache

import pytest

from tangshi_tf.corpus.cleaning import PUNCTUATION, clean
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.verse.checker import RHYME_RULES, RULES, Fault, judge, tone_marks
from tangshi_tf.verse.forms import FORMS, LEVELS, LINE_TYPES, OPENINGS, OTHER, form_of, rhyming_lines, ways
from tangshi_tf.verse.prosody import EITHER, LEVEL, LEVEL_GROUPS, NEIGHBOURS, OBLIQUE, Prosody, generous, load_entries

TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
SPRING = "国破山河在，城春草木深。感时花溅泪，恨别鸟惊心。烽火连三月，家书抵万金。白头搔更短，浑欲不胜簪。"
HEIGHT = (
    "风急天高猿啸哀，渚清沙白鸟飞回。无边落木萧萧下，不尽长江滚滚来。"
    "万里悲秋常作客，百年多病独登台。艰难苦恨繁霜鬓，潦倒新停浊酒杯。"
)
DAWN = "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。"
RAIN = "寒雨连江夜入吴，平明送客楚山孤。洛阳亲友如相问，一片冰心在玉壶。"
MOON = "今夜鄜州月，闺中只独看。遥怜小儿女，未解忆长安。香雾云鬟湿，清辉玉臂寒。何时倚虚幌，双照泪痕干。"
WILLOW = "黄河远上白云间，一片孤城万仞山。羌笛何须怨杨柳，春风不度玉门关。"
HILL = "人事有代谢，往来成古今。江山留胜迹，我辈复登临。水落鱼梁浅，天寒梦泽深。羊公碑尚在，读罢泪沾襟。"
AUTUMN = "空山新雨后，天气晚来秋。明月松间照，清泉石上流。竹喧归浣女，莲动下渔舟。随意春芳歇，王孙自可留。"
FEAST = "清明时节雨纷纷，路上行人欲断魂。借问酒家何处有，牧童遥指杏花村。"
PARTING = "渭城朝雨浥轻尘，客舍青青柳色新。劝君更尽一杯酒，西出阳关无故人。"
CRANE = (
    "昔人已乘黄鹤去，此地空余黄鹤楼。黄鹤一去不复返，白云千载空悠悠。"
    "晴川历历汉阳树，芳草萋萋鹦鹉洲。日暮乡关何处是，烟波江上使人愁。"
)
QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
SNOW = "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。"
RATES = {"五绝": 60.5, "七绝": 86.1, "五律": 77.5, "七律": 85.6}  # of real poems, at the regulated level


@cache
def corpus(form: str) -> list[str]:
    return [text for text in read_corpus().texts() if form_of(text) == form]


def shuffled(text: str, source: random.Random) -> str:
    """Permute the characters; the marks stay in place."""
    characters = [char for char in text if char not in PUNCTUATION]
    source.shuffle(characters)
    rest = iter(characters)
    return "".join(char if char in PUNCTUATION else next(rest) for char in text)


def passing(texts: list[str]) -> int:
    return sum(judge(text).passes() for text in texts)


@pytest.mark.parametrize("form", FORMS)
def test_real_poems_pass_as_often_as_was_measured(form: str) -> None:
    sample = corpus(form)[::5]
    assert 100 * passing(sample) / len(sample) == pytest.approx(RATES[form], abs=1.5)


def test_shuffled_poems_do_not_pass() -> None:
    source = random.Random(0)
    sample = [shuffled(text, source) for form in FORMS for text in corpus(form)[::20]]
    assert passing(sample) < len(sample) / 1000


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_the_whole_corpus_passes_as_often_as_was_measured(form: str) -> None:
    source, texts = random.Random(0), corpus(form)
    assert 100 * passing(texts) / len(texts) == pytest.approx(RATES[form], abs=0.3)
    assert passing([shuffled(text, source) for text in texts]) < len(texts) / 1000


@pytest.mark.parametrize(
    ("text", "form", "opening", "rhyme"),
    [
        (TOWER, "五绝", "仄起", "尤"),
        (SPRING, "五律", "仄起", "侵"),
        (AUTUMN, "五律", "平起", "尤"),
        (HEIGHT, "七律", "仄起入韵", "灰"),
        (DAWN, "七绝", "平起入韵", "删"),
        (RAIN, "七绝", "仄起入韵", "虞"),
        (FEAST, "七绝", "平起入韵", "元"),  # its first line rhymes with a neighbour, 文
    ],
)
def test_famous_poems_pass(text: str, form: str, opening: str, rhyme: str) -> None:
    verdict = judge(text)
    assert (verdict.form, verdict.opening, verdict.rhyme) == (form, opening, rhyme)
    assert all(verdict.passes(level) for level in LEVELS)


# What each rule is broken by alone: the level, the poem, and line, position and character of the fault.
BROKEN = [
    ("体", "loose", TOWER[:12], 0, 0, "2 of 5"),
    ("体", "loose", TOWER + RAIN, 0, 0, "8 of 5, 7"),
    ("押韵", "loose", SPRING.replace("簪", "山"), 8, 5, "山"),
    ("押韵", "loose", HEIGHT.replace("登台", "登地"), 6, 7, "地"),
    ("重韵", "loose", TOWER.replace("层楼", "层流"), 4, 5, "流"),
    ("重韵", "loose", RAIN.replace("玉壶", "玉吴"), 4, 7, "吴"),  # a first line that rhymes counts
    ("首句", "loose", HEIGHT.replace("啸哀", "啸山"), 1, 7, "山"),
    ("句脚", "loose", SPRING.replace("溅泪", "溅人"), 3, 5, "人"),
    ("平仄", "loose", TOWER.replace("依山", "依水"), 1, 4, "水"),
    ("平仄", "loose", DAWN.replace("啼不", "啼人"), 3, 6, "人"),
    ("对", "loose", "白日依山尽，更上一层楼。国破山河在，黄河入海流。", 2, 2, "上"),
    ("粘", "loose", PARTING, 3, 2, "君"),
    ("粘", "loose", SPRING[:24] + AUTUMN[:24].replace("秋", "临").replace("流", "今"), 5, 2, "山"),
    ("孤平", "strict", TOWER.replace("黄", "白"), 2, 3, "入"),
    ("孤平", "strict", RAIN.replace("冰心", "月心"), 4, 5, "在"),
    ("三平尾", "strict", TOWER.replace("一层", "高层"), 4, 3, "高"),
    ("三平尾", "strict", RAIN.replace("楚山", "吴山").replace("入吴", "入湖"), 2, 5, "吴"),
]


def test_every_rule_is_among_those_broken() -> None:
    assert {rule for rule, *_ in BROKEN} == set(RULES) > set(RHYME_RULES)


@pytest.mark.parametrize(("rule", "level", "text", "line", "position", "received"), BROKEN)
def test_a_rule_is_broken_alone(rule: str, level: str, text: str, line: int, position: int, received: str) -> None:
    verdict = judge(text)
    assert verdict.passes("regulated") == (level == "strict")
    assert verdict.passes("loose") == (level == "strict")
    (fault,) = verdict.faults[level]
    assert (fault.rule, fault.line, fault.position, fault.received) == (rule, line, position, received)
    assert [(each.rule, each.line, each.position) for each in verdict.faults["strict"]] == [(rule, line, position)]
    assert str(fault).startswith(f"{rule}: ")
    assert str(fault).endswith(f"{fault.required} is required. Received: {received}.")


def test_a_fault_is_one_line() -> None:
    assert str(Fault("平仄", 1, 4, "水", "平")) == "平仄: line 1, character 4, 平 is required. Received: 水."
    assert str(Fault("体", 0, 0, "none", "4 lines")) == "体: 4 lines is required. Received: none."


@pytest.mark.parametrize(("text", "slots"), [(MOON, [(3, 4), (7, 4)]), (WILLOW, [(3, 6)]), (HILL, [(1, 4)])])
def test_licences_are_for_regulated_and_strict(text: str, slots: list[tuple[int, int]]) -> None:
    verdict = judge(text)
    assert [verdict.passes(level) for level in LEVELS] == [False, True, True]
    assert [(fault.rule, fault.line, fault.position) for fault in verdict.faults["loose"]] == [
        ("平仄", *slot) for slot in slots
    ]


def test_licences_have_conditions() -> None:
    """The first character of 特拗 is level; 大拗 is rescued by the third of the next line."""
    assert not judge(MOON.replace("遥怜", "独怜")).passes()
    (fault,) = judge(HILL.replace("来成", "来自")).faults["regulated"]
    assert (fault.rule, fault.line, fault.position) == ("平仄", 1, 4)


def test_three_oblique_characters_at_the_end_are_tolerated() -> None:
    assert judge(TOWER.replace("千里目", "万里目")).passes("strict")


@pytest.mark.parametrize(
    ("text", "rules"), [(CRANE, {"平仄", "三平尾"}), (QUIET, {"平仄"}), (SNOW, {"押韵", "粘", "句脚"})]
)
def test_irregular_masterpieces_fail(text: str, rules: set[str]) -> None:
    verdict = judge(text)
    assert not any(verdict.passes(level) for level in LEVELS)
    assert {fault.rule for fault in verdict.faults["strict"]} == rules


def test_an_oblique_rhyme_is_told_as_such() -> None:
    faults = {(fault.line, fault.received): fault for fault in judge(SNOW).faults["strict"] if fault.rule == "押韵"}
    assert set(faults) == {(2, "灭"), (4, "雪")}
    assert all(fault.required == "平" for fault in faults.values())


def test_a_first_line_may_end_either_way() -> None:
    """As rhyming, the first line would end in three level characters; so it is taken as not rhyming."""
    verdict = judge("闲拂檐尘看，鸣琴候月弹。桃源迷汉姓，松径有秦官。空谷归人少，青山背日寒。羡君栖隐处，遥望在云端。")
    assert verdict.passes("strict")
    assert verdict.opening == "仄起"


def test_unknown_characters_have_the_benefit_of_the_doubt() -> None:
    unknown = [chr(0x20000 + i) for i in range(20)]
    text = "，".join("".join(unknown[i : i + 5]) for i in range(0, 20, 5))
    assert not any(char in generous() for char in unknown)
    assert judge(text).passes("strict")
    assert judge(text).rhyme == LEVEL_GROUPS


def test_another_reading_gives_another_verdict() -> None:
    assert not judge(TOWER, Prosody(dict.fromkeys(TOWER, OBLIQUE), {})).passes("loose")
    assert judge("山" * 19 + "水", Prosody({}, {})).form == OTHER


def test_tone_marks() -> None:
    assert tone_marks("白山看𠮷") == "仄平通？"
    assert tone_marks("蝴嫦姮葡撒嘴着勾幂") == "平平平平仄仄仄通仄"
    assert tone_marks("白山", Prosody({"白": LEVEL}, {})) == "平？"
    assert tone_marks("") == ""


@cache
def characters(tone: int) -> list[str]:
    return [char for char in load_entries() if generous().tones(char) == tone]


def test_no_text_is_too_odd_to_be_judged() -> None:
    source = random.Random(0)
    known = characters(LEVEL)[::9] + characters(OBLIQUE)[::9] + characters(EITHER)[::9] + ["𠮷", "〇"]
    texts = ["", "山", "，", clean("🙂")[0], clean("  ，。")[0]]
    texts += [text for text in read_corpus().texts() if form_of(text) == OTHER][::20]
    texts += ["".join(source.choices([*known, *PUNCTUATION * 20], k=source.randrange(80))) for _ in range(500)]
    for lines, length in FORMS.values():
        texts += ["，".join("".join(source.choices(known, k=length)) for _ in range(lines)) for _ in range(200)]
    for text in texts:
        verdict = judge(text)
        assert set(verdict.faults) == set(LEVELS)
        assert verdict.passes() or not (verdict.passes("loose") or verdict.passes("strict"))
        for fault in (fault for level in LEVELS for fault in verdict.faults[level]):
            assert fault.rule in RULES
            assert "\n" not in str(fault)
            if fault.line:
                assert verdict.lines[fault.line - 1][fault.position - 1] == fault.received
            else:
                assert verdict.form == OTHER


@cache
def rhyming(group: str) -> list[str]:
    return [char for char in characters(LEVEL) if group in generous().rhymes(char)]


def composed(form: str, opening: str, source: random.Random) -> tuple[list[str], str]:
    """Return the lines of a poem that keeps every rule of a template, and its rhyme group."""
    pools = {"平": characters(LEVEL), "仄": characters(OBLIQUE)}
    count, length = FORMS[form]
    lines = []
    for pair in LINE_TYPES[form][opening][: count // 2]:
        for pattern in source.choice(ways(pair, length, "strict")):
            line = ""
            for i, sign in enumerate(pattern):
                if sign == "护":
                    sign = "中" if generous().tones(line[i - 2]) == LEVEL else "平"
                line += source.choice(pools[source.choice("平仄") if sign == "中" else sign])
            lines.append(line)
    group = source.choice(LEVEL_GROUPS)
    own = source.sample(rhyming(group), count // 2)
    near = [char for other in sorted(NEIGHBOURS[group]) for char in rhyming(other) if char not in own]
    for index in rhyming_lines(form, opening):
        lines[index] = lines[index][:-1] + (own.pop() if index else source.choice(near))
    return lines, group


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("form", FORMS)
def test_poems_made_from_a_template_are_strict_and_one_wrong_tone_breaks_them(form: str, opening: str) -> None:
    source = random.Random(f"{form}{opening}")
    for _ in range(50):
        lines, group = composed(form, opening, source)
        verdict = judge("，".join(lines))
        assert verdict.passes("strict"), (lines, verdict.faults["strict"])
        assert verdict.opening == opening, lines
        assert group in verdict.rhyme
        index = source.randrange(len(lines))
        other = characters(LEVEL if generous().tones(lines[index][1]) == OBLIQUE else OBLIQUE)
        lines[index] = lines[index][0] + source.choice(other) + lines[index][2:]
        assert not judge("，".join(lines)).passes(), lines
