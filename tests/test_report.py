"""`report`: what is found in poems, that tables and picture say it, and how the poems come about."""

import dataclasses
import json
import math
import random
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.corpus import han_only, read_corpus
from tangshi_tf.errors import ConfigError
from tangshi_tf.report import (
    KINDS,
    RULE_RATES,
    Cost,
    Mean,
    Rate,
    Report,
    Written,
    carry_out,
    compare,
    distinct,
    draw,
    from_dict,
    kept,
    markdown,
    plan,
    refused_forms,
    self_repetition,
    text,
    to_dict,
    total_cost,
)
from tangshi_tf.verse.forms import FORMS, form_of
from tangshi_tf.writing import write

CLIMB = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
SAMPLER: dict[str, Any] = dict(DEFAULT_SAMPLER)
NIGHT = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def shuffled(poem: str, source: random.Random) -> str:
    """Return a poem with its characters in another order, and its marks where they were."""
    characters = list(han_only(poem))
    source.shuffle(characters)
    return "".join(characters.pop() if char.isalpha() else char for char in poem)


@pytest.fixture(scope="module")
def written() -> Written:
    """Shuffled poems for free ones, training poems for constrained ones, and four figures for their costs."""
    corpus, source = read_corpus(), random.Random(0)
    free = [shuffled(poem, source) for poem in corpus.texts("validation")]
    training = corpus.texts("train")
    constrained = {form: [poem for poem in training if form_of(poem) == form][:50] for form in FORMS}
    constrained["五绝"] = [*constrained["五绝"][:-1], constrained["七绝"][0]]
    return Written(
        free,
        constrained,
        [(CLIMB, -80.0), (NIGHT, -100.0), (NIGHT * 2, -200.0), (NIGHT + "山", -1.0)],
        {"五绝": [(CLIMB, -110.0), (CLIMB, -130.0), (CLIMB * 2, -9.0)], "七绝": [], "五律": [(CLIMB * 2, -280.0)]},
        dict.fromkeys(FORMS, (0.002, 0.003)),
    )


@pytest.fixture(scope="module")
def report(written: Written) -> Report:
    corpus = read_corpus()
    return compare(corpus.texts("test"), written, corpus.texts("train"))


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (8, 10), (10, 10), (1, 1), (700, 1_000)])
def test_the_interval_ends_where_the_share_would_be_1_96_deviations_off(hits: int, count: int) -> None:
    rate = Rate(hits, count)
    for end in rate.interval:
        assert abs(rate.share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / count), abs=1e-7)
    low, high = rate.interval
    assert 0 <= low <= rate.share <= high <= 1
    assert high - low > 0.05


def test_of_none_all_is_possible() -> None:
    assert math.isnan(Rate(0, 0).share)
    assert Rate(0, 0).interval == (0.0, 1.0)


def test_distinct_counts_grams_within_poems() -> None:
    poems = ["山水山水", "山水", "月"]
    assert distinct(poems, 1, 100) == 3 / 7
    assert distinct(poems, 2, 100) == 2 / 4
    assert distinct(poems, 2, 3) == 2 / 2  # of the first poem 山水山
    assert distinct(poems, 3, 5) == 2 / 2
    assert math.isnan(distinct(poems, 5, 100))


def test_self_repetition_is_that_of_the_first_twenty_characters() -> None:
    different = "".join(chr(0x4E00 + i) for i in range(20))
    assert self_repetition([different]) == 0
    assert self_repetition([different + different]) == 0
    assert self_repetition(["山" * 20, different]) == pytest.approx(19 / 40)
    assert self_repetition(["山" * 19, different]) == 0
    assert math.isnan(self_repetition(["山" * 19]))


@pytest.mark.parametrize(
    ("poem", "form", "broken"),
    [
        (CLIMB, "五绝", set()),
        (CLIMB, "五律", set(RULE_RATES)),
        (CLIMB + "山", "五绝", set(RULE_RATES)),
        (CLIMB.replace("楼", "山"), "五绝", {"rhyme", "all loose", "all regulated", "all strict"}),
        (CLIMB.replace("河", "海"), "五绝", {*RULE_RATES} - {"rhyme"}),
        (CLIMB.replace("黄", "大"), "五绝", {"tones strict", "all strict"}),
    ],
)
def test_rules_that_a_poem_keeps(poem: str, form: str, broken: set[str]) -> None:
    assert {name for name, keeps in kept(poem, form).items() if not keeps} == broken
    assert tuple(kept(poem, form)) == RULE_RATES


def test_real_poems_keep_what_shuffled_ones_break(report: Report) -> None:
    for form in FORMS:
        real, free, constrained = (report.forms[form][kind] for kind in KINDS)
        for name in RULE_RATES:
            assert real.rules[name].interval[0] > free.rules[name].interval[1]
            assert constrained.rules[name].interval[0] > free.rules[name].interval[1]
        assert real.distinct[1] < free.distinct[1]
        assert real.characters == free.characters == constrained.characters > 0


def test_poems_are_counted_by_their_shape(report: Report, written: Written) -> None:
    real = [form_of(poem) for poem in read_corpus().texts("test")]
    assert report.shapes["real"].form == Rate(sum(form in FORMS for form in real), len(real))
    assert report.shapes["real"].form.hits < report.shapes["real"].even.hits < len(real)
    assert report.shapes["constrained"].form == Rate(199, 200)
    assert report.shapes["constrained"].even == Rate(200, 200)
    for form in FORMS:
        assert report.forms[form]["real"].poems == real.count(form)
        assert report.forms[form]["free"].poems == sum(form_of(poem) == form for poem in written.free)
        assert report.forms[form]["constrained"].poems == 50
    assert report.forms["五绝"]["constrained"].rules["rhyme"].hits < 50


@pytest.mark.parametrize(
    ("poem", "even"),
    [(CLIMB * 3, 1), (CLIMB + "白日依山尽。", 0), ("白日山。黄河水。", 0), (CLIMB.replace("欲", ""), 0), ("", 0)],
)
def test_an_even_number_of_equal_lines(poem: str, even: int) -> None:
    assert compare([poem], Written([]), [CLIMB]).shapes["real"].even == Rate(even, 1)


def test_what_is_learnt_by_heart_is_found(report: Report) -> None:
    for form, (lines, length) in FORMS.items():
        real, free, constrained = (report.forms[form][kind] for kind in KINDS)
        assert constrained.copied.share == 1
        assert constrained.longest_of_all == (28 if form == "五绝" else lines * length)
        assert real.copied.count == real.poems * lines
        assert free.copied.share < real.copied.share < 0.1
        assert free.longest < real.longest < 5 < real.longest_of_all


def test_costs_are_those_of_poems_of_the_form(report: Report) -> None:
    cost = report.costs["五绝"]
    assert (cost.free.value, cost.free.count) == (4.5, 2)
    assert (cost.constrained.value, cost.constrained.count) == (6.0, 2)
    assert cost.free.margin == pytest.approx(1.959964 * 0.5, rel=1e-6)  # of 4 and 5
    assert (cost.free_seconds, cost.constrained_seconds) == (0.002, 0.003)
    assert report.costs["七绝"].free.count == report.costs["七绝"].constrained.count == 0
    assert report.costs["五律"].free.value == 5.0
    assert math.isnan(report.costs["五律"].free.margin)
    assert total_cost(report.costs).value == pytest.approx((2 * 1.5 + 1 * 2.0) / 3)


def test_the_total_cost_has_the_mix_of_the_constrained_poems() -> None:
    costs = {
        "五绝": Cost(Mean(4.0, 0.3, 50), Mean(5.0, 0.4, 30), 1.0, 1.0),
        "七律": Cost(Mean(4.0, 0.0, 9), Mean(4.0, 0.0, 70), 1.0, 1.0),
        "五律": Cost(Mean(math.nan, math.nan, 0), Mean(4.0, 0.1, 70), 1.0, 1.0),
    }
    total = total_cost(costs)
    assert (total.value, total.margin) == pytest.approx((0.3, 0.15))
    assert total.count == 100
    assert total_cost({}).count == 0


def test_json_holds_all_of_it(report: Report) -> None:
    record = to_dict(report)
    again = from_dict(json.loads(json.dumps(record, allow_nan=False)))
    assert to_dict(again) == record
    assert again.forms == report.forms
    assert again.shapes == report.shapes
    assert again.costs["五绝"] == report.costs["五绝"]
    assert record["forms"]["五绝"]["real"]["rules"]["rhyme"]["share"] > 0.5
    assert record["costs"]["七绝"]["free"]["value"] is None


def test_both_tables_say_the_same(report: Report) -> None:
    plain, marked = text(report), markdown(report)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in marked.splitlines() if line[:1] == "|"]
    rows = [row for row in rows if set(row[0]) != {"-"}]
    assert len(rows) == 4 + 2 * 13 + 5
    for row in rows:
        cells = " ".join(cell for cell in row if cell)
        assert cells in [" ".join(line.split()) for line in plain.splitlines()]
    assert "五绝 free" in " ".join(plain.split())
    assert "1.50 ± 1.39" in plain


def test_the_columns_of_a_terminal_stand_below_each_other(report: Report) -> None:
    for table in text(report).split("\n\n")[1:3]:
        lines = [line for line in table.splitlines() if line.startswith(("form ", *FORMS))]
        widths = {sum(1 + (unicodedata.east_asian_width(char) == "W") for char in line) for line in lines}
        assert len(widths) == 1
        assert len(lines) == 13


def test_the_picture_shows_every_form_and_kind(report: Report, tmp_path: Path) -> None:
    draw(report, tmp_path / ".1.verse.svg")  # a temporary name as well
    drawn = (tmp_path / ".1.verse.svg").read_text(encoding="utf-8")
    for words in (*KINDS, "wǔjué: 4 lines of 5", "qījué: 4 lines of 7", "wǔlǜ: 8 lines of 5", "qīlǜ: 8 lines of 7"):
        assert f"<!-- {words} -->" in drawn
    draw(report, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == drawn
    few = dataclasses.replace(report, forms={"七律": {"free": report.forms["七律"]["free"]}})
    draw(few, tmp_path / "few.svg")
    drawn = (tmp_path / "few.svg").read_text(encoding="utf-8")
    assert "<!-- free -->" in drawn
    assert "<!-- real -->" not in drawn


def test_nothing_in_the_four_forms_is_a_report_too(tmp_path: Path) -> None:
    report = compare([CLIMB + NIGHT * 2], Written([""]), [NIGHT])
    assert not report.forms
    assert "real" in text(report)
    draw(report, tmp_path / "none.svg")


@pytest.mark.parametrize("forms", [[], ["七绝"], list(FORMS)])
def test_free_and_constrained_poems_have_the_same_seeds(forms: list[str]) -> None:
    jobs = plan(10, 100, forms)
    for purpose in ("compared", "plain"):
        own = [job for job in jobs if job.purpose == purpose]
        assert [job.seed for job in own if not job.constrained] == [100, 110, 120, 130]
        assert [job.form for job in own if job.constrained] == forms
        for job in own:
            assert job.seed == 100 + 10 * list(FORMS).index(job.form)
    assert {job.form for job in jobs if job.purpose == "timed"} == set(forms)
    assert {job.count for job in jobs} == {10}
    assert {job.purpose: job.count for job in plan(1_000, 0)} == {"compared": 1_000, "plain": 1_000, "timed": 256}


def test_what_the_poet_is_told() -> None:
    told = {(job.purpose, job.form, job.constrained): job.knobs() for job in plan(1, 0)}
    assert told["compared", "七律", False] == DEFAULT_SAMPLER
    assert told["compared", "七律", True] == {**DEFAULT_SAMPLER, "form": "七律"}
    assert told["plain", "七律", False] == {}
    assert told["plain", "七律", True] == {"form": "七律"}
    assert told["timed", "七律", False] == {**DEFAULT_SAMPLER, "max_length": 65}


def test_poems_are_written_as_planned(loaded: Any) -> None:
    """Those of the forms that this small model can write."""
    forms = [form for form in FORMS if form not in refused_forms(loaded)]
    written = carry_out(loaded, plan(3, 50, forms))
    plain = [(record["poem"], record["log_probability"]) for record in write(loaded, [""] * 12, 50)]
    assert written.plain_free == plain
    assert written.free == [record["poem"] for record in write(loaded, [""] * 12, 50, **SAMPLER)]
    assert list(written.constrained) == list(written.plain_constrained) == list(written.seconds) == forms
    for form in forms:
        seed = 50 + 3 * list(FORMS).index(form)
        records = write(loaded, [""] * 3, seed, form=form, **SAMPLER)
        assert written.constrained[form] == [record["poem"] for record in records]
        assert all(form_of(poem) == form for poem, _ in written.plain_constrained[form])
        assert min(written.seconds[form]) > 0


def test_a_form_that_is_refused_is_an_error(loaded: Any) -> None:
    for form, problem in refused_forms(loaded).items():
        with pytest.raises(ConfigError) as caught:
            carry_out(loaded, [job for job in plan(2, 0) if job.form == form])
        assert str(caught.value) == problem


def test_no_tensorflow_is_imported_to_judge_poems() -> None:
    code = "import sys, tangshi_tf.report, tangshi_tf.novelty; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
