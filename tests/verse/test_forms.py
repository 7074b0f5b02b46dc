"""`verse.forms`: a form is read off the lines; patterns are the known ones and fit together."""

from itertools import pairwise, product

import pytest

from tangshi_tf.verse.forms import (
    FORM_NAMES,
    FORMS,
    LEVELS,
    LINE_TYPES,
    OPENING_NAMES,
    OPENINGS,
    form_of,
    lines_of,
    rhyming_lines,
    ways,
)

FIVE = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
SEVEN = "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (FIVE, "五绝"),
        (SEVEN, "七绝"),
        (FIVE * 2, "五律"),
        (SEVEN * 2, "七律"),
        (FIVE.replace("，", "？").replace("。", "！"), "五绝"),
        (FIVE.rstrip("。"), "五绝"),
        (FIVE * 3, "其他"),
        (FIVE + SEVEN, "其他"),
        (FIVE.replace("，", ""), "其他"),
        (FIVE.replace("光", "", 1), "其他"),
        ("", "其他"),
        ("，。", "其他"),
    ],
)
def test_form_of(text: str, form: str) -> None:
    assert form_of(text) == form


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_from_its_own_shape(form: str) -> None:
    lines, length = FORMS[form]
    assert form_of(("山" * length + "，") * lines) == form


def written(pair: str, length: int, level: str) -> set[tuple[str, ...]]:
    """Return every sequence of tones that a couplet may have at a level."""
    found = set()
    for way in ways(pair, length, level):
        slots = ["平仄" if sign in "中护" else sign for sign in "".join(way)]
        lonely = [i for i, sign in enumerate("".join(way)) if sign == "护"]
        for tones in product(*slots):
            if all("平" in (tones[i], tones[i - 2]) for i in lonely):
                found.add(tones)
    return found


@pytest.mark.parametrize("length", [5, 7])
@pytest.mark.parametrize("pair", ["AB", "BA", "aB", "bA"])
def test_levels_contain_each_other(pair: str, length: int) -> None:
    loose, regulated, strict = (written(pair, length, level) for level in LEVELS)
    assert loose <= regulated
    assert strict < regulated
    assert (loose < regulated) == (pair in ("aB", "bA"))  # 大拗, 特拗
    assert all(len(tones) == 2 * length for tones in regulated)


def test_the_plain_patterns_are_the_known_ones() -> None:
    """The four types of line as Wang Li gives them, and what each level forbids."""
    assert {tuple("仄仄平平仄平平仄仄平"), tuple("平仄平平仄平平平仄平")} <= written("aB", 5, "strict")
    assert {tuple("平平平仄仄仄仄仄平平"), tuple("平平仄平仄仄仄仄平平")} <= written("bA", 5, "strict")
    assert tuple("仄仄仄仄仄平平平仄平") in written("aB", 5, "strict")
    assert tuple("仄仄仄仄仄平平仄仄平") not in written("aB", 5, "regulated")
    lonely, three = tuple("仄仄平平仄仄平仄仄平"), tuple("平平平仄仄仄仄平平平")
    assert lonely in written("aB", 5, "regulated") - written("aB", 5, "strict")
    assert three in written("bA", 5, "regulated") - written("bA", 5, "strict")
    assert tuple("平平仄仄平平仄仄仄平平仄仄平") in written("aB", 7, "strict")


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("form", FORMS)
def test_an_opening_is_named_after_its_first_line(form: str, opening: str) -> None:
    types = LINE_TYPES[form][opening]
    count, length = FORMS[form]
    first, _ = ways(types[0], length, "loose")[0]
    assert first[1] == opening[0]
    assert (first[-1] == "平") == opening.endswith("入韵") == (rhyming_lines(form, opening)[0] == 0)
    assert rhyming_lines(form, opening)[-count // 2 :] == list(range(1, count, 2))
    for before, after in pairwise(types):
        assert before[1].lower() == after[0]  # the couplets stick
    for pair in types:
        assert {pair[0].lower(), pair[1].lower()} == {"a", "b"}  # the lines of each are opposite


def test_names_mean_forms_and_openings() -> None:
    assert {name: FORM_NAMES[name] for name in FORMS} == {name: (name,) for name in FORMS}
    assert {name: OPENING_NAMES[name] for name in OPENINGS} == {name: (name,) for name in OPENINGS}
    assert FORM_NAMES["qijue"] == FORM_NAMES["七言绝句"] == ("七绝",)
    assert FORM_NAMES["律诗"] == FORM_NAMES["lüshi"] == ("五律", "七律")
    assert OPENING_NAMES["平起首句入韵"] == ("平起入韵",)
    assert OPENING_NAMES["buruyun"] == ("仄起", "平起")
    assert {form for meant in FORM_NAMES.values() for form in meant} == set(FORMS)
    assert {opening for meant in OPENING_NAMES.values() for opening in meant} == set(OPENINGS)


def test_lines_of() -> None:
    assert lines_of(FIVE) == ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]
    assert lines_of("山，水。风？月！花；雪：云、雨") == list("山水风月花雪云雨")
    assert lines_of("，。") == []
