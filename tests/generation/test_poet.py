import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import BOS, EOS, UNK, Vocabulary
from tests.conftest import ModelMaker
from tests.generation.conftest import SAMPLER, biased, poems, text
from tests.rounding import near, same_poems

SEEDS = 60


# Random numbers, seeds and batches


def test_a_seed_names_a_poem_in_every_batch_and_process(poet: Poet, loaded: Any, foreign: dict[str, Any]) -> None:
    alone = [poems(poet, seed=seed, **SAMPLER)[0] for seed in range(SEEDS)]
    for size in (2, 64):
        batches = [list(range(first, min(first + size, SEEDS))) for first in range(0, SEEDS, size)]
        assert same_poems([poem for seeds in batches for poem in poems(poet, seed=seeds, **SAMPLER)], alone)
    assert same_poems(poems(loaded, seed=list(range(SEEDS)), **SAMPLER), alone)
    assert same_poems(foreign["poems"], alone)
    assert len(set(alone)) > SEEDS // 2
    together = poet.generate("", seed=list(range(SEEDS)), **SAMPLER)["log_probability"].numpy()
    for seed in range(0, SEEDS, 10):
        assert poet.generate("", seed=seed, **SAMPLER)["log_probability"].numpy()[0] == near(together[seed])


def test_neighbours_do_not_matter(poet: Poet) -> None:
    mixed = poems(
        poet,
        ["山", "", "白日依山尽，", "水"],
        temperature=[0.0, 1.0, 0.5, 1.0],
        top_k=[0, 3, 0, 0],
        top_p=[1, 1, 0.5, 0.9],
        init_state=["random", "zero", "", "random"],
        max_length=[0, 9, 24, 150],
        seed=[1, 2, 3, 4],
    )
    assert mixed[0] == poems(poet, "山", temperature=0.0, init_state="random", seed=1)[0]
    assert mixed[1] == poems(poet, "", top_k=3, max_length=9, seed=2)[0]
    assert mixed[2] == poems(poet, "白日依山尽，", temperature=0.5, top_p=0.5, max_length=24, seed=3)[0]
    assert mixed[3] == poems(poet, "水", top_p=0.9, init_state="random", max_length=150, seed=4)[0]


def test_a_fresh_seed_is_reported_and_repeats_its_poem(loaded: Any, foreign: dict[str, Any]) -> None:
    first = loaded.generate(["山"] * 50, init_state="random", seed=[-1] * 49 + [5])
    second = loaded.generate(["山"] * 50, init_state="random", seed=-7)
    seeds = first["seed"].numpy().tolist()
    assert seeds[-1] == 5
    assert len({*seeds, *second["seed"].numpy().tolist(), *foreign["fresh"]}) == 103
    assert min(seeds) >= 0
    assert max(seeds) < 2**31
    assert poems(loaded, "山", init_state="random", seed=seeds) == text(first["poem"])


def test_more_than_one_block_of_random_numbers(endless: Poet) -> None:
    long = endless.generate("", seed=[1, 2], max_length=300)
    assert long["length"].numpy().tolist() == [300, 300]
    assert poems(endless, seed=2, max_length=300) == text(long["poem"])[1:]
    assert text(long["poem"])[1][:140] == poems(endless, seed=2, max_length=140)[0]


# Titles


@pytest.fixture(scope="module")
def titled(make_model: ModelMaker) -> Any:
    """A poet that reads titles, and has an ear."""
    return Poet(make_model(ear="full", ending=0.0))


def test_a_title_makes_another_poem_and_is_not_in_it(titled: Any) -> None:
    knobs: dict[str, Any] = {"seed": list(range(20)), "temperature": 0.5}
    without, moon, sea = (titled.generate("", title=title, **knobs) for title in ("", "明月", "海"))
    assert sum(a != b for a, b in zip(text(without["poem"]), text(moon["poem"]), strict=True)) > 15
    assert sum(a != b for a, b in zip(text(sea["poem"]), text(moon["poem"]), strict=True)) > 15
    lengths = [len(poem) for poem in text(moon["poem"])]
    assert moon["length"].numpy().tolist() == lengths
    assert poems(titled, title="明月二首 其二（一作三）", **knobs) == text(moon["poem"])
    problem = "title of Han characters, numbering aside, is required; received 🙂."
    assert text(titled.generate("", title=["🙂", ""], seed=0)["problem"]) == [problem, ""]
    given = titled.generate(text(moon["poem"]), title="明月", max_length=lengths)
    ended = moon["log_probability"].numpy() - given["log_probability"].numpy()
    assert (ended < 1e-3).all()  # the end token is what may be missing


def test_neighbours_with_titles_do_not_matter(titled: Any) -> None:
    titles = ["", "明月", "海", "", "日" * 40, "月"]
    seeds = list(range(6))
    together = titled.generate("", title=titles, seed=seeds)
    for title, seed, poem, own in zip(titles, seeds, text(together["poem"]), together["log_probability"], strict=True):
        alone = titled.generate("", title=title, seed=seed)
        assert text(alone["poem"]) == [poem]
        assert alone["log_probability"].numpy()[0] == near(own.numpy())
    assert poems(titled, title=titles[0], seed=seeds[0]) == poems(titled, seed=0)


# What a poem begins with, and how it ends


@pytest.mark.parametrize(
    "begin", ["", "山", "風聲", "山 水", " 山\n", "😀🏮", "龘", "Hello, 山！", "\ufeff山", "<eos>", "\0"]
)
def test_what_was_typed_comes_back_as_typed(poet: Poet, vocabulary: Vocabulary, begin: str) -> None:
    answer = poet.generate(begin, seed=3, max_length=20)
    poem = text(answer["poem"])[0]
    assert poem.startswith(begin)
    assert set(poem[len(begin) :]) <= set(vocabulary.tokens)
    read = sum(not char.isspace() for char in begin)
    assert answer["length"].numpy()[0] == read + len(poem) - len(begin)
    assert np.isfinite(answer["log_probability"].numpy()[0])


def test_invalid_utf8_is_replaced(poet: Poet) -> None:
    assert text(poet.generate(tf.constant(b"\xff\xe5"), max_length=3)["poem"])[0].startswith("\ufffd")


def test_traditional_characters_are_read_as_simplified(poet: Poet) -> None:
    traditional, simplified = poems(poet, ["風", "风"], seed=8)
    assert traditional[1:] == simplified[1:]


def test_white_space_is_what_python_says(poet: Poet) -> None:
    spaces = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    assert poet.encode([f"山{space}水" for space in spaces]).shape[1] == 2
    assert poet.encode("山\u200b水").shape[1] == 3


def test_a_poem_always_ends(endless: Poet) -> None:
    answer = endless.generate(["", "山水"], seed=1)
    assert answer["length"].numpy().tolist() == [AUTOMATIC_LENGTH, AUTOMATIC_LENGTH + 2]


def test_a_poem_is_never_empty_nor_holds_specials(make_model: ModelMaker) -> None:
    silent = biased(make_model, eos=1e3)
    answer = silent.generate(["", "山"], temperature=[1.0, 0.0], seed=1)
    assert answer["length"].numpy().tolist() == [1, 1]
    special = biased(make_model, pad=1e3, bos=1e3, unk=1e3)
    drawn = special.generate([""] * 20, max_length=12, seed=list(range(20)))
    assert [len(poem) for poem in text(drawn["poem"])] == drawn["length"].numpy().tolist()


def test_max_length_counts_the_begin(poet: Poet) -> None:
    answer = poet.generate("白日依山", max_length=[4, 5, 30], seed=2)
    assert text(answer["poem"])[0] == "白日依山"
    assert answer["length"].numpy()[:2].tolist() == [4, 5]
    assert text(answer["poem"])[2].startswith(text(answer["poem"])[1])


# Probabilities


def log_probabilities(model: PoetryModel, texts: list[str], end: bool) -> list[float]:
    """Read whole sequences with `call` and add up the log-probabilities."""
    sums = []
    for poem in texts:
        ids = [BOS, *model.vocabulary.encode(poem), *([EOS] if end else [])]
        log_p = tf.nn.log_softmax(model(tf.constant([ids[:-1]]))).numpy()[0]
        total = sum(log_p[t, token] - (np.log(3) if token == UNK else 0.0) for t, token in enumerate(ids[1:]))
        sums.append(float(total))
    return sums


def test_log_probability_is_the_models(lstm: PoetryModel, poet: Poet) -> None:
    begins = ["山", "", "龘山", "風"]
    answer = poet.generate(begins, temperature=0.7, top_k=20, seed=[1, 2, 3, 4], max_length=150)
    assert max(answer["length"].numpy()) < 150
    ended = log_probabilities(lstm, [poem.replace("風", "风") for poem in text(answer["poem"])], end=True)
    np.testing.assert_allclose(answer["log_probability"], ended, rtol=1e-5)
    cut = poet.generate(begins, seed=[1, 2, 3, 4], max_length=3)
    assert cut["length"].numpy().tolist() == [3] * 4
    open_ended = log_probabilities(lstm, [poem.replace("風", "风") for poem in text(cut["poem"])], end=False)
    np.testing.assert_allclose(cut["log_probability"], open_ended, rtol=1e-5)


def test_score_is_minus_the_log_probability(poet: Poet) -> None:
    answer = poet.generate(["山", "", "龘 山", "風"], seed=[1, 2, 3, 4])
    score = poet.score([f" {poem}\n" for poem in text(answer["poem"])])
    np.testing.assert_allclose(score["nll"], -answer["log_probability"].numpy(), rtol=1e-5)
    assert score["tokens"].numpy().tolist() == (answer["length"].numpy() + 1).tolist()


def test_score_of_an_empty_poem_is_its_end(lstm: PoetryModel, poet: Poet) -> None:
    score = poet.score("")
    np.testing.assert_allclose(-score["nll"].numpy(), log_probabilities(lstm, [""], end=True), rtol=1e-5)
    assert score["tokens"].numpy().tolist() == [1]


def test_the_probabilities_of_single_steps_make_up_the_score(loaded: Any) -> None:
    poem = "床前明月光，疑是地上霜。"
    ids = [BOS, *loaded.encode(poem).numpy()[0].tolist(), EOS]
    step, total = loaded.signatures["get_next_token"], 0.0
    state = {"state_0": tf.zeros([1, 16]), "state_1": tf.zeros([1, 16])}
    for token, target in itertools.pairwise(ids):
        answer = step(token=tf.constant([token]), **state)
        state = {name: answer[name] for name in state}
        total -= float(np.log(tf.nn.softmax(answer["logits"]).numpy()[0, target]))
    np.testing.assert_allclose(loaded.score(poem)["nll"], [total], rtol=1e-5)


def test_a_repetition_penalty_is_a_matter_of_choice_alone(lstm: PoetryModel, poet: Poet) -> None:
    count, knobs = 20, {"max_length": 150, "seed": list(range(20)) * 3}
    answer = poet.generate(["山山"] * 60, repetition_penalty=[1.0] * 20 + [4.0] * 20 + [1e9] * 20, **knobs)
    plain, less, none = (text(answer["poem"])[first : first + count] for first in (0, 20, 40))
    assert plain == poems(poet, "山山", max_length=150, seed=list(range(20)))
    assert sum(a != b for a, b in zip(plain, less, strict=True)) > 5
    assert sum(a != b for a, b in zip(less, none, strict=True)) > 5
    for poem in none:
        hanzi = [char for char in poem[1:] if char.isalnum()]
        assert len(hanzi) == len(set(hanzi))
    expected = np.array(log_probabilities(lstm, text(answer["poem"]), end=True))
    ended = answer["length"].numpy() < 150
    np.testing.assert_allclose(answer["log_probability"][ended], expected[ended], rtol=1e-5)
