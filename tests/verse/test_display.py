"""`verse.display`: what is shown of a verdict."""

import json

from tangshi_tf.verse.checker import judge
from tangshi_tf.verse.display import counted, judgement, record, scanned

TOWER = judge("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
LONELY = judge("白日依山尽，白河入海流。欲穷千里目，更上一层楼。")
PARTING = judge("渭城朝雨浥轻尘，客舍青青柳色新。劝君更尽一杯酒，西出阳关无故人。")
SHORT = judge("床前明月光，疑是地上霜。")


def test_tones_stand_beneath_their_lines() -> None:
    head, *body = scanned(TOWER, "登鹳雀楼").splitlines()
    assert head == "登鹳雀楼　五绝　仄起　尤韵"
    assert body[::2] == list(TOWER.lines)
    assert body[1::2] == ["仄仄平平仄", "平平仄仄平", "仄平平仄仄", "通仄仄平平"]
    assert scanned(PARTING).startswith("七绝　真韵\n渭城朝雨浥轻尘\n")  # no template: no opening
    assert scanned(SHORT).splitlines()[0] == "其他"


def test_each_fault_is_a_line() -> None:
    assert judgement(LONELY, "strict").splitlines() == [
        "孤平: line 2, character 3, 平 here or at 1 is required. Received: 入.",
        "Fails at the level strict: 1 fault.",
    ]
    assert judgement(LONELY, "regulated") == "Passes at the level regulated."
    assert judgement(SHORT, "loose").splitlines()[-1] == "Fails at the level loose: 1 fault."


def test_derived_readings_are_said() -> None:
    verdict = judge("蝴蝶依山尽，黄河入海流。嫦娥千里目，更上一层楼。")
    first, *_, last = judgement(verdict, "regulated").splitlines()
    assert first == "Not in the rhyme books: 蝴 read as 胡 (写法), 嫦 read as 恒、常 (写法)."
    assert last.startswith("Passes") == verdict.passes()
    assert record(verdict)["derived"]["嫦"] == {"rule": "写法", "forms": "恒常"}
    assert record(TOWER)["derived"] == {}


def test_a_record_has_every_level() -> None:
    found = json.loads(json.dumps(record(LONELY)))
    assert {key: found[key] for key in ("form", "opening", "rhyme")} == {
        "form": "五绝",
        "opening": "仄起",
        "rhyme": "尤",
    }
    assert found["by_level"]["loose"] == found["by_level"]["regulated"] == {"passed": True, "faults": []}
    fault = {"rule": "孤平", "line": 2, "position": 3, "received": "入", "required": "平 here or at 1"}
    assert found["by_level"]["strict"] == {"passed": False, "faults": [fault]}


def test_many_are_counted_by_form() -> None:
    rows = counted([TOWER, LONELY, PARTING, SHORT])
    assert rows == [
        ["全部", "4", "2", "2", "1"],
        ["五绝", "2", "2", "2", "1"],
        ["七绝", "1", "0", "0", "0"],
        ["其他", "1", "0", "0", "0"],
    ]
