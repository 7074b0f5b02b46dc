"""`report`: what is found in poems, and how the poems come about."""

import math
import random
import subprocess
import sys
from typing import Any

import pytest

from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.corpus.cleaning import han_only
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.errors import ConfigError
from tangshi_tf.evaluation.intervals import Mean, Rate
from tangshi_tf.evaluation.verse_report import (
    KINDS,
    RULE_RATES,
    Cost,
    Report,
    Written,
    carry_out,
    compare,
    distinct,
    kept,
    plan,
    refused_forms,
    self_repetition,
    total_cost,
)
from tangshi_tf.generation.batch import write
from tangshi_tf.verse.forms import FORMS, form_of

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
    """Shuffled poems for free ones, training poems for constrained ones, and a few figures for their costs."""
    corpus, source = read_corpus(), random.Random(0)
    free = [shuffled(poem, source) for poem in corpus.texts("validation")]
    training = corpus.texts("train")
    constrained = {form: [poem for poem in training if form_of(poem) == form][:50] for form in FORMS}
    constrained["五绝"] = [*constrained["五绝"][:-1], constrained["七绝"][0]]
    plain = {
        "": [(CLIMB, -80.0), (NIGHT, -100.0), (NIGHT * 2, -200.0), (NIGHT + "山", -1.0)],
        "五绝": [(CLIMB, -110.0), (CLIMB, -130.0), (CLIMB * 2, -9.0)],
        "七绝": [],
        "五律": [(CLIMB * 2, -280.0)],
    }
    return Written({"": free, **constrained}, plain)


@pytest.fixture(scope="module")
def report(written: Written) -> Report:
    corpus = read_corpus()
    return compare(corpus.texts("test"), written, corpus.texts("train"))


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
    assert report.shapes["real"]["form"] == Rate(sum(form in FORMS for form in real), len(real))
    assert report.shapes["real"]["form"].hits < report.shapes["real"]["even"].hits < len(real)
    assert report.shapes["constrained"]["form"] == Rate(199, 200)
    assert report.shapes["constrained"]["even"] == Rate(200, 200)
    for form in FORMS:
        assert report.forms[form]["real"].poems == real.count(form)
        assert report.forms[form]["free"].poems == sum(form_of(poem) == form for poem in written.sampled[""])
        assert report.forms[form]["constrained"].poems == 50
    assert report.forms["五绝"]["constrained"].rules["rhyme"].hits < 50


@pytest.mark.parametrize(
    ("poem", "even"),
    [(CLIMB * 3, 1), (CLIMB + "白日依山尽。", 0), ("白日山。黄河水。", 0), (CLIMB.replace("欲", ""), 0), ("", 0)],
)
def test_an_even_number_of_equal_lines(poem: str, even: int) -> None:
    assert compare([poem], Written({"": []}, {}), [CLIMB]).shapes["real"]["even"] == Rate(even, 1)


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
    assert cost.free.margin == pytest.approx(12.7062 * 0.5, rel=1e-6)  # of 4 and 5
    assert cost.difference.value == 1.5
    assert cost.difference.margin == pytest.approx(math.hypot(cost.free.margin, cost.constrained.margin))
    assert report.costs["七绝"].free.count == report.costs["七绝"].constrained.count == 0
    assert report.costs["五律"].free.value == 5.0
    assert math.isnan(report.costs["五律"].free.margin)
    assert total_cost(report.costs).value == pytest.approx((2 * 1.5 + 1 * 2.0) / 3)


def test_the_total_cost_has_the_mix_of_the_constrained_poems() -> None:
    costs = {
        "五绝": Cost(Mean(4.0, 0.3, 50), Mean(5.0, 0.4, 30)),
        "七律": Cost(Mean(4.0, 0.0, 9), Mean(4.0, 0.0, 70)),
        "五律": Cost(Mean(math.nan, math.nan, 0), Mean(4.0, 0.1, 70)),
    }
    total = total_cost(costs)
    assert (total.value, total.margin) == pytest.approx((0.3, 0.15))
    assert total.count == 100
    assert total_cost({}).count == 0


@pytest.mark.parametrize("forms", [[], ["七绝"], list(FORMS)])
def test_free_and_constrained_poems_have_the_same_seeds(forms: list[str]) -> None:
    seeds = plan(10, 100, forms)
    assert list(seeds) == ["", *forms]
    assert list(seeds[""]) == list(range(100, 140))
    for form in forms:
        first = 100 + 10 * list(FORMS).index(form)
        assert list(seeds[form]) == list(range(first, first + 10))


def test_poems_are_written_as_planned(loaded: Any) -> None:
    """Those of the forms that this small model can write."""
    forms = [form for form in FORMS if form not in refused_forms(loaded)]
    written = carry_out(loaded, plan(3, 50, forms).items())
    assert list(written.sampled) == list(written.plain) == ["", *forms]
    assert written.sampled[""] == [record["poem"] for record in write(loaded, [""] * 12, 50, **SAMPLER)]
    plain = [(record["poem"], record["log_probability"]) for record in write(loaded, [""] * 12, 50)]
    assert written.plain[""] == plain
    for form in forms:
        seed = 50 + 3 * list(FORMS).index(form)
        records = write(loaded, [""] * 3, seed, form=form, **SAMPLER)
        assert written.sampled[form] == [record["poem"] for record in records]
        assert all(form_of(poem) == form for poem, _ in written.plain[form])


def test_a_form_that_is_refused_is_an_error(loaded: Any) -> None:
    for form, problem in refused_forms(loaded).items():
        with pytest.raises(ConfigError) as caught:
            carry_out(loaded, [(form, range(2))])
        assert str(caught.value) == problem


def test_no_tensorflow_is_imported_to_judge_poems() -> None:
    code = "import sys, tangshi_tf.report, tangshi_tf.tables; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
