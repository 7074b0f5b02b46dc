"""`plan`: what is asked of verse, as a loaded SavedModel keeps it that has learnt nothing, so that nothing helps it."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from random import Random
from typing import Any

import pytest

from tangshi_tf.corpus.cleaning import fold, han_only
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.verse.checker import Verdict, judge
from tangshi_tf.verse.forms import (
    FORM_NAMES,
    FORM_SHARES,
    FORMS,
    OPENING_NAMES,
    OPENING_SHARES,
    OPENINGS,
    form_of,
    lines_of,
)
from tangshi_tf.verse.prosody import LEVEL_GROUPS, RHYME_NAMES, narrow


@cache
def real(form: str) -> list[str]:
    return [text for text in read_corpus().texts("test") if form_of(text) == form]


def ask(poet: Any, begin: str | Sequence[str] = "", **asked: Any) -> list[tuple[str, str]]:
    """Return poem and problem of every row."""
    answer = poet.generate(begin, **({"seed": 1} | asked))
    return [(p.decode(), q.decode()) for p, q in zip(answer["poem"].numpy(), answer["problem"].numpy(), strict=True)]


def kept(poem: str, form: str) -> Verdict:
    """Return the verdict on a poem that keeps everything."""
    verdict = judge(fold(poem))
    assert (verdict.form, verdict.faults["strict"]) == (form, ()), poem
    return verdict


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("knobs", [{}, {"temperature": 0.0}, {"repetition_penalty": 1e30, "top_k": 2}])
def test_every_poem_keeps_every_rule(versed: Any, form: str, knobs: dict[str, Any]) -> None:
    openings = [*OPENINGS, ""] * 20
    answers = ask(versed, form=form, opening=openings, seed=list(range(len(openings))), **knobs)
    for opening, (poem, problem) in zip(openings, answers, strict=True):
        assert problem == ""
        assert kept(poem, form).opening == (opening or kept(poem, form).opening)
        marks = [char for char in poem if not char.isalpha()]
        assert marks == ["，", "。"] * (FORMS[form][0] // 2)


def test_the_rhyme_is_the_one_that_was_asked_for(versed: Any) -> None:
    groups = [group for group in LEVEL_GROUPS if group not in "江佳肴咸"]
    for group, (poem, problem) in zip(groups, ask(versed, form="五律", rhyme=groups), strict=True):
        assert problem == ""
        ends = [line[-1] for line in lines_of(poem)[1::2]]
        assert all(group in narrow().rhymes(end) for end in ends)
        assert len(set(ends)) == 4


@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        *(("form", said, meant) for said, meant in FORM_NAMES.items()),
        *(("form", said, ("七绝",)) for said in ("七絕", "七言絕句", " Qi-Jue ", "QIJUE", "qi_jue")),
        *(("opening", said, meant) for said, meant in OPENING_NAMES.items()),
        *(("opening", said, ("平起入韵",)) for said in ("平起入韻", "Ping qi, ru yun".replace(",", ""))),
    ],
)
def test_forms_and_openings_have_many_names(versed: Any, name: str, said: str, meant: tuple[str, ...]) -> None:
    answers = ask(versed, **({"form": "五绝"} | {name: said}), seed=list(range(12)))
    assert {getattr(judge(poem), name) for poem, _ in answers} <= set(meant)
    assert not any(problem for _, problem in answers)


@pytest.mark.parametrize(
    "said", ["先", "一先", "下平一先", "yixian", "xian", "Xian", "東", "一東", "yidong", "东韵", "上平聲一東韻"]
)
def test_rhymes_have_many_names(versed: Any, said: str) -> None:
    meant = RHYME_NAMES[fold(said.lower())]
    for poem, problem in ask(versed, form="七律", rhyme=said, seed=list(range(12))):
        assert problem == ""
        assert any(set(meant) & narrow().rhymes(line[-1]) for line in lines_of(poem)[1::2])


def test_openings_are_drawn_as_often_as_in_real_poems(versed: Any) -> None:
    for form, shares in OPENING_SHARES.items():
        found = [judge(poem).opening for poem, _ in ask(versed, form=form, seed=list(range(400)))]
        for opening, share in zip(OPENINGS, shares, strict=True):
            assert found.count(opening) / 400 == pytest.approx(share / 100, abs=0.09)


def test_forms_are_drawn_as_often_as_in_real_poems(versed: Any) -> None:
    found = [form_of(poem) for poem, _ in ask(versed, opening=["仄起", "平起入韵"] * 150, seed=list(range(300)))]
    for opening, of_opening in (("仄起", found[::2]), ("平起入韵", found[1::2])):
        weights = {form: FORM_SHARES[form] * OPENING_SHARES[form][OPENINGS.index(opening)] for form in FORMS}
        for form, weight in weights.items():
            assert of_opening.count(form) / 150 == pytest.approx(weight / sum(weights.values()), abs=0.13)


def test_shares_are_those_of_the_corpus() -> None:
    verdicts = [judge(text) for form in FORMS for text in real(form)]
    for form, shares in OPENING_SHARES.items():
        found = [verdict.opening for verdict in verdicts if verdict.form == form and verdict.passes()]
        for opening, share in zip(OPENINGS, shares, strict=True):
            assert found.count(opening) / len(found) == pytest.approx(share / 100, abs=0.15)


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.ci)])
def test_what_was_typed_stands(versed: Any, every: int) -> None:
    source = Random(0)
    for form in FORMS:
        size = FORMS[form][1]
        begins = []
        for text in real(form)[::every]:
            line = lines_of(text)[0]
            begins += [line[0], line[: size // 2], line, text[: 2 * size + 2], text[: source.randrange(len(text))]]
        broken = 0
        for begin, (poem, problem) in zip(begins, ask(versed, begins, form=form), strict=True):
            assert poem.startswith(begin)
            assert form_of(poem) == form
            if problem:
                broken += 1
                assert "rules is required; received " in problem
                assert any(char in problem for char in begin)
                faults = judge(poem).faults["strict"]
                if len(begin) <= size:  # else a couplet that is not opposite leaves the next none to stick to
                    assert all(fault.line == 1 and fault.position <= len(begin) for fault in faults), (poem, problem)
            else:
                kept(poem, form)
        assert 0 < broken < 0.5 * len(begins)


def test_an_acrostic_stands_at_the_heads_of_the_lines(versed: Any) -> None:
    source = Random(0)
    types = sorted(set("".join(han_only(text) for form in FORMS for text in real(form))))
    for form, (count, _) in FORMS.items():
        heads = ["".join(source.choices(types, k=count)) for _ in range(40)]
        heads += ["風🙂aé"[:count], "山", ""]
        for acrostic, (poem, problem) in zip(heads, ask(versed, form=form, acrostic=heads), strict=True):
            assert problem == ""
            lines = lines_of(poem)
            assert "".join(line[0] for line in lines)[: len(acrostic)] == acrostic
            kept(poem.translate(dict.fromkeys(map(ord, "🙂aé"), "山")) if "🙂" in poem else poem, form)


def test_an_acrostic_alone_chooses_a_form(versed: Any) -> None:
    forms = {
        acrostic: {form_of(poem) for poem, _ in ask(versed, acrostic=acrostic, seed=list(range(60)))}
        for acrostic in ("春夏秋冬", "一二三四五六七八", "山")
    }
    assert forms == {"春夏秋冬": {"五绝", "七绝"}, "一二三四五六七八": {"五律", "七律"}, "山": set(FORMS)}
    assert {form_of(poem) for poem, _ in ask(versed, rhyme="先", seed=list(range(60)))} == set(FORMS)


def test_begin_and_acrostic_together(versed: Any) -> None:
    (both, problem), (other, contradiction) = ask(versed, "春眠不觉", form="五绝", acrostic=["春夏秋冬", "山水"])
    assert both.startswith("春眠不觉")
    assert [line[0] for line in lines_of(both)] == list("春夏秋冬")
    assert (problem, other) == ("", "")
    assert contradiction == "acrostic that begin, form and opening agree with is required; received 山水."


def test_an_opening_that_fits_the_typed_text_is_chosen(versed: Any) -> None:
    for begin, fitting in (("白日", {"仄起", "仄起入韵"}), ("平平仄", {"平起", "平起入韵"}), ("空山新雨后", {"平起"})):
        answers = ask(versed, begin, form="五律", seed=list(range(60)))
        assert not any(problem for _, problem in answers)
        assert {kept(poem, "五律").opening for poem, _ in answers} == fitting


@pytest.mark.parametrize(
    ("begin", "asked", "forms"),
    [
        ("床前明月光", {"form": "绝句"}, {"五绝"}),
        ("床前明月光", {"rhyme": "阳"}, {"五绝", "五律"}),
        ("床前明月光", {"form": "律诗", "acrostic": "床"}, {"五律"}),
        ("白日依山尽，黄河入海流", {"rhyme": "尤"}, {"五绝", "五律"}),
        ("朝辞白帝彩云间", {"rhyme": "删"}, {"七绝", "七律"}),
        ("床前明月", {"form": "绝句"}, {"五绝", "七绝"}),  # part of a line may be of either
        ("床前明月光", {"form": "七绝"}, {"七绝"}),  # what was asked for stands
        ("床前明月光", {"form": "绝句", "acrostic": "床疑举低"}, {"五绝"}),
    ],
)
def test_a_begin_as_long_as_a_line_takes_its_form(
    versed: Any, begin: str, asked: dict[str, Any], forms: set[str]
) -> None:
    answers = ask(versed, begin, **asked, seed=list(range(40)))
    assert {form_of(poem) for poem, _ in answers} == forms
    assert not any(problem for _, problem in answers)


def test_a_begin_as_long_as_a_line_may_break_rules(versed: Any) -> None:
    ((poem, problem),) = ask(versed, "天天天天天", form="绝句")
    assert form_of(poem) == "五绝"
    assert problem.startswith("text that keeps the rules is required; received 天 (line 1, character ")


@pytest.mark.parametrize(
    ("begin", "asked", "problem"),
    [
        (
            "",
            {"form": "六绝\n"},
            "form of 五绝, 七绝, 五律 or 七律 (or wujue, qijue, wulv, qilv) is required; received 六绝 .",
        ),
        (
            "",
            {"form": "五绝", "rhyme": "月"},
            "rhyme of a level group of 平水韵, as 东, 一东 or yidong, is required; received 月.",
        ),
        (
            "",
            {"rhyme": "江"},
            "rhyme of a group with more characters in the model's vocabulary is required; received 江.",
        ),
        (
            "床前明月光疑",
            {"form": "五绝"},
            "begin of lines as long as those of the form, with a mark after each, is required; received 床前明月光疑.",
        ),
        (
            "床前，",
            {"form": "七律"},
            "begin of lines as long as those of the form, with a mark after each, is required; received 床前，.",
        ),
        (
            "",
            {"acrostic": "一二三四五", "form": "绝句"},
            "acrostic of a character for each line at most, without marks, is required; received 一二三四五.",
        ),
        (
            "",
            {"acrostic": "一，"},
            "acrostic of a character for each line at most, without marks, is required; received 一，.",
        ),
        (
            "白日依山尽",
            {"form": "五绝", "opening": "平起"},
            "opening and rhyme that the text leaves possible is required; received 日 (line 1, character 2, where 平 "
            "is due) 山 (line 1, character 4, where 仄 is due) in 五绝 平起.",
        ),
        (
            "白日依山尽，黄河入海流",
            {"form": "五绝", "rhyme": "先"},
            "opening and rhyme that the text leaves possible is required; received 流 (at the rhymes, which are to be "
            "of 先, and different) in 五绝 仄起.",
        ),
        (
            "",
            {"form": "五律", "max_length": 47},
            "max_length of at least the length of the form, marks included, is required; received 47.",
        ),
    ],
)
def test_what_cannot_be_is_said(versed: Any, begin: str, asked: dict[str, Any], problem: str) -> None:
    assert ask(versed, begin, **asked) == [("", problem)]


def test_what_the_typed_text_breaks_is_said(versed: Any) -> None:
    ((poem, problem),) = ask(versed, "春眠不觉晓，处处闻啼鸟", form="五绝")
    assert poem.startswith("春眠不觉晓，处处闻啼鸟。")
    assert problem.startswith("text that keeps the rules is required; received ")
    assert "鸟 (at the rhymes, which are to be of one level group, and different) in 五绝 " in problem
    third = lines_of(poem)[3][-1]
    assert narrow().rhymes(third)


def test_the_length_of_the_form_may_be_the_limit(versed: Any) -> None:
    exact = versed.generate("", form="五绝", seed=3, max_length=[24, 25, 0])
    assert len(set(exact["poem"].numpy())) == 1
    assert exact["length"].numpy().tolist() == [24] * 3
    cost = -versed.score(exact["poem"])["nll"].numpy()
    assert exact["log_probability"].numpy()[1:] == pytest.approx(cost[1:], rel=1e-5)
    assert exact["log_probability"].numpy()[0] > cost[0]  # cut before the end token


def test_rows_know_nothing_of_each_other(versed: Any) -> None:
    asked = [
        {"begin": begin, "form": form, "acrostic": acrostic, "rhyme": rhyme}
        for begin, form, acrostic, rhyme in product(("", "山"), ("", "五绝", "qilv"), ("", "山水"), ("", "先"))
    ]
    columns = {name: [row[name] for row in asked] for name in asked[0]}
    together = ask(versed, columns.pop("begin"), **columns, seed=list(range(len(asked))))
    for seed, (row, answer) in enumerate(zip(asked, together, strict=True)):
        assert ask(versed, row.pop("begin"), **row, seed=seed) == [answer]


def test_a_refused_row_does_not_stop_the_others(versed: Any) -> None:
    (alone,) = ask(versed, begin="山")
    assert ask(versed, begin="山", rhyme=["", "江"])[0] == alone
    assert ask(versed, begin="山", rhyme=["江", ""])[1] == alone
    free = ask(versed, rhyme=["x", *[""] * 40], seed=list(range(41)), temperature=3.0)[1:]
    assert all(row[0] for row in free)  # the end never comes first


@pytest.mark.long
def test_thousands_of_random_requests_are_met_or_refused(fuzz: int, versed: Any) -> None:
    source = Random(0)
    odd = ["山", "风🙂", "，", "\n", "五", "a b", "月" * 70, "一二三四五六七八九", "\ufffd", "平平平平平平平"]
    texts = [text[: source.randrange(len(text))] for form in FORMS for text in real(form)]
    usual: dict[str, list[Any]] = {
        "begin": [*[""] * len(texts), *texts],
        "form": ["", *FORM_NAMES],
        "opening": ["", "", "", *OPENING_NAMES],
        "rhyme": ["", *RHYME_NAMES, *[""] * 400],
        "acrostic": ["", "", "", "春夏秋冬", "春夏", "一二三四五六七八"],
        "init_state": ["zero", "random", ""],
        "temperature": [0.0, 0.5, 1.0, 3e38],
        "top_p": [1.0, 0.9, 1e-30],
        "top_k": [0, 1, 5],
        "repetition_penalty": [1.0, 3.0, 1e30, 1e-30],
        "max_length": [0, 0, 0, 0, 64, 80],
    }
    numbers: dict[str, list[Any]] = {
        "temperature": [float("nan")],
        "top_p": [2.0],
        "top_k": [-1],
        "repetition_penalty": [0.0],
    }
    unusual = dict.fromkeys(usual, odd) | numbers | {"max_length": [-1, 5]}
    pools = {name: [*own * 20, *unusual[name] * max(1, len(own) // len(unusual[name]))] for name, own in usual.items()}
    met = noted = 0
    for batch in range(fuzz // 250):
        asked = {name: source.choices(pool, k=250) for name, pool in pools.items()}
        answer = versed.generate(**asked, seed=list(range(250 * batch, 250 * batch + 250)))
        rows = zip(
            asked["begin"], answer["poem"].numpy(), answer["problem"].numpy(), answer["length"].numpy(), strict=True
        )
        for begin, poem, problem, length in rows:
            assert bool(length) == bool(poem)
            assert poem or problem
            assert "\n" not in problem.decode()
            assert not poem or poem.decode().startswith(begin)
            met += bool(poem) and not problem
            noted += bool(poem) and bool(problem)
    print(f"{met} met, {noted} with a note, {fuzz - met - noted} refused")
    assert min(met, fuzz - met - noted) > fuzz // 10
    assert noted
