import pytest

from tangshi_tf.corpus.cleaning import character_table, clean, fold
from tangshi_tf.corpus.poems import read_corpus

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def test_shipped_poems_are_clean_and_cleaning_is_idempotent() -> None:
    unstable = [poem for poem in read_corpus().poems() if clean(poem.text) != (poem.text, "")]
    assert unstable == []


def test_fold() -> None:
    assert fold("風") == "风"
    assert fold("疎劒鴈猨慙簷鬬徧媿嬾堦") == "疏剑雁猿惭檐斗遍愧懒阶"
    assert fold("覆畫鍊乾徵著沈,") == "覆画炼乾徵著沈，"
    assert len(fold("鸂鶒\U0002b6f6")) == 3


def test_the_table_folds_in_one_step() -> None:
    table = character_table()
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
        ("山\ufa0e高月", "山\ufa0e高月"),  # a unified ideograph that stands among these
        ("﨑山高月", "崎山高月"),
        ("⽉⽇⼭⽔⻛⻢⻓⻰", "月日山水风马长龙"),  # radicals, as a PDF has them
        ("神\ufe00山葛\U000e0100月", "神山葛月"),  # which form of a character is to be shown
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
        ("床前明\ud800光", "other symbol"),
        ("床" + "（" * 50_000, "unbalanced bracket"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert clean(text)[1] == reason
