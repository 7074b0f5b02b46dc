import itertools
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH, INPUTS
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model, load
from tangshi_tf.vocabulary import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary
from tests.conftest import ModelMaker
from tests.rounding import near, same_poems

SEEDS = 60
SAMPLER = {"temperature": 0.9, "top_p": 0.95, "init_state": "random", "max_length": 20, "repetition_penalty": 1.5}

# Runs where `import tangshi_tf` fails; prints what the loaded object said as JSON.
FOREIGN_PROGRAM = """
import json, sys
sys.modules["tangshi_tf"] = None
import tensorflow as tf

poet = tf.saved_model.load(sys.argv[1])
sampler = json.loads(sys.argv[2])
text = lambda tensor: [row.decode() for row in tensor.numpy()]
generate, serve = poet.signatures["generate"], poet.signatures["serving_default"]
knobs = {name: tf.constant([""]) for name in ("title", "form", "rhyme", "opening", "acrostic", "init_state")}
knobs |= {name: tf.constant([1.0]) for name in ("temperature", "top_p", "repetition_penalty")}
signed = generate(begin=tf.constant(["山", "水"]), top_k=tf.constant([3]), max_length=tf.constant([9]),
                  seed=tf.constant([1, 2], tf.int64), **knobs)
plain = poet.generate(["山", "水"], top_k=3, max_length=9, seed=[1, 2])
state = poet.get_initial_state(2, kind="random", seed=3)
logits, after = poet.step([1, 1], state)
likeliest, _ = poet.get_next_token([1, 1], state)
step = poet.signatures["get_next_token"](token=tf.constant([1, 1]), state_0=state[0][0], state_1=state[0][1])
score = poet.signatures["score"](poem=tf.constant(["白日依山尽", "龘"]))
print(json.dumps({
    "poems": text(poet.generate("", seed=tf.range(60, dtype=tf.int64), **sampler)["poem"]),
    "served": text(serve(begin=tf.constant(["山"] * 3))["poem"]),
    "signed": text(signed["poem"]), "plain": text(plain["poem"]),
    "fresh": poet.generate(["山"] * 3, max_length=2)["seed"].numpy().tolist(),
    "zero": float(tf.reduce_sum(tf.abs(poet.get_initial_state(2)[0][0]))),
    "logits_agree": float(tf.reduce_max(abs(step["logits"] - logits))) < 1e-5,
    "state_agrees": float(tf.reduce_max(abs(step["state_1"] - after[0][1]))) < 1e-6,
    "token_agrees": bool(tf.reduce_all(step["token"] == likeliest)),
    "nll": score["nll"].numpy().tolist(), "tokens": score["tokens"].numpy().tolist(),
    "about": poet.about().numpy().decode(),
}))
"""


def text(strings: Any) -> list[str]:
    return [string.decode() for string in strings.numpy()]


def poems(poet: Any, begin: Any = "", **knobs: Any) -> list[str]:
    return text(poet.generate(begin, **knobs)["poem"])


def biased(make_model: ModelMaker, **bias: float) -> Poet:
    """Return a poet that is drawn to or kept from special tokens."""
    model = make_model()
    values = np.zeros(len(model.vocabulary), np.float32)
    for name, value in bias.items():
        values[SPECIALS.index(f"<{name}>")] = value
    model.output_bias.assign(values)
    return Poet(model)


@pytest.fixture(scope="module")
def foreign(folder: Path) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", FOREIGN_PROGRAM, str(folder), json.dumps(SAMPLER)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


GROWN = [("rnn", 1, "none"), ("gru", 1, "none"), ("lstm", 1, "none"), ("rnn", 2, "none"), ("lstm", 2, "none")]
GROWN += [("lstm", 1, "full"), ("gru", 2, "verse"), ("rnn", 1, "sounds")]
QUICK = [("lstm", 1, "none"), ("gru", 2, "verse")]


@pytest.fixture(
    scope="module",
    params=[pytest.param(g, id=str(g), marks=[] if g in QUICK else pytest.mark.ci) for g in GROWN],
)
def grown(request: pytest.FixtureRequest, make_model: ModelMaker, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a model, and the same loaded from a folder."""
    cell, layers, ear = request.param
    if request.param == GROWN[2]:
        return request.getfixturevalue("lstm"), request.getfixturevalue("loaded")
    model = make_model(cell, layers, ear=ear)
    return model, load(export_model(model, tmp_path_factory.mktemp("grown")))


def nestings(model: PoetryModel) -> list[Any]:
    state = model.get_initial_state(3, kind="random", seed=11)
    flat = tf.nest.flatten(state)
    menu = [state, list(state), tuple(flat), list(flat)]
    if model.config.cell == "lstm":
        layers = [list(entry) if isinstance(entry, tuple) else entry for entry in state]
        menu += [tuple(layers), layers]
        menu += [state[0], list(state[0])] if len(state) == 1 else []
    elif len(state) == 1:
        menu.append(state[0])
    return menu


@pytest.fixture(scope="module")
def endless(make_model: ModelMaker) -> Poet:
    """A poet that never ends a poem."""
    return biased(make_model, eos=-1e9)


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


# Requests that cannot be met


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("title", "静夜思", "a model that reads titles is required for title; received 静夜思."),
        ("form", "五绝", "for verse, a model whose characters can rhyme and end lines is required; received 五绝."),
        (
            "opening",
            "a\nb",
            "opening of 仄起, 平起, 仄起入韵 or 平起入韵 (or zeqi, pingqi, zeqiruyun, pingqiruyun) is required; "
            "received a b.",
        ),
        (
            "repetition_penalty",
            0.0,
            "repetition_penalty above 0 and finite is required; received 0.",
        ),
        ("init_state", "one", "init_state of zero or random is required; received one."),
        ("temperature", -0.5, "temperature of at least 0 and finite is required; received -0.5."),
        ("temperature", float("nan"), "temperature of at least 0 and finite is required; received nan."),
        ("temperature", float("inf"), "temperature of at least 0 and finite is required; received inf."),
        ("top_p", 0.0, "top_p above 0 and at most 1 is required; received 0."),
        ("top_p", 1.5, "top_p above 0 and at most 1 is required; received 1.5."),
        ("top_p", float("nan"), "top_p above 0 and at most 1 is required; received nan."),
        ("top_k", -2, "top_k of at least 0 is required; received -2."),
        ("max_length", -1, "max_length of at least 0 is required; received -1."),
        ("max_length", 1, "max_length of at least the length of begin is required; received 1."),
    ],
)
def test_a_problem_stays_in_its_row(loaded: Any, name: str, value: Any, words: str) -> None:
    neutral = INPUTS[name][1]
    answer = loaded.generate(["山水", "山水", "山"], seed=[1, 2, 3], **{name: [neutral, value, neutral]})
    assert text(answer["problem"]) == ["", words, ""]
    assert text(answer["poem"])[1] == ""
    assert answer["length"].numpy()[1] == 0
    assert answer["log_probability"].numpy()[1] == 0.0
    assert answer["seed"].numpy().tolist() == [1, 2, 3]
    good = loaded.generate(["山水", "山"], seed=[1, 3])
    assert text(good["poem"]) == text(answer["poem"])[::2]


def test_only_problems(loaded: Any) -> None:
    assert poems(loaded, "山", top_p=[2.0, 0.0]) == ["", ""]


KNOBS: list[dict[str, Any]] = [
    {"temperature": 0.0, "top_p": 2e-38, "top_k": 2**31 - 1},
    {"temperature": 100.0},
    {"temperature": 3e38, "top_p": 0.5, "top_k": 7},
    {"temperature": 1e-45, "repetition_penalty": 3e38},
    {"top_p": 2e-38},
    {"top_p": 1.0 - 2.0**-24, "top_k": 1},
    {"top_k": 1_000_000, "repetition_penalty": 2e-38},
    {"max_length": 10_000, "top_p": 0.9, "seed": 2**63 - 1},
    {"seed": -(2**63)},
]


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_extreme_knobs_give_poems(loaded: Any, vocabulary: Vocabulary, knobs: dict[str, Any]) -> None:
    answer = loaded.generate(["山", "", "龘"], **knobs)
    assert text(answer["problem"]) == [""] * 3
    for poem, begin in zip(text(answer["poem"]), ["山", "", "龘"], strict=True):
        assert poem
        assert poem.startswith(begin)
        assert set(poem[len(begin) :]) <= set(vocabulary.tokens[len(SPECIALS) :])
    assert np.isfinite(answer["log_probability"]).all()
    assert (answer["length"] <= knobs.get("max_length", AUTOMATIC_LENGTH + 1)).numpy().all()


@pytest.mark.ci
def test_ten_thousand_tokens(endless: Poet) -> None:
    assert endless.generate(["", "山"], max_length=10_000, seed=1)["length"].numpy().tolist() == [10_000] * 2


def random_text(source: random.Random) -> str:
    """Return up to a dozen characters from anywhere in Unicode, mostly from where something is."""
    ranges = [(0, 0x80), (0x4E00, 0xA000), (0x3000, 0x3100), (0x1F300, 0x1FA00), (0x300, 0x370), (0, 0x110000)]
    codes = [source.randrange(*source.choice(ranges)) for _ in range(source.randrange(13))]
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)


@pytest.mark.parametrize("batches", [1, pytest.param(20, marks=pytest.mark.ci)])
def test_random_begins_stand(loaded: Any, vocabulary: Vocabulary, batches: int) -> None:
    source, written = random.Random(0), set(vocabulary.tokens[len(SPECIALS) :])
    for batch in range(batches):
        begins = [random_text(source) for _ in range(500)]
        answer = loaded.generate(begins, init_state="random", temperature=0.9, top_p=0.95, seed=list(range(500)))
        assert not answer["problem"].numpy().any(), batch
        for begin, poem in zip(begins, text(answer["poem"]), strict=True):  # which decodes UTF-8
            assert poem.startswith(begin)
            assert set(poem[len(begin) :]) <= written
        read = [sum(not char.isspace() for char in begin) for begin in begins]
        assert (answer["length"].numpy() <= np.array(read) + AUTOMATIC_LENGTH).all()


def test_eight_threads_write_what_one_writes(loaded: Any) -> None:
    seeds = [list(range(first, first + 7)) for first in range(0, 280, 7)]

    def write(seed: list[int]) -> list[str]:
        return poems(loaded, "山", seed=seed, **SAMPLER)

    expected = [write(seed) for seed in seeds]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(write, seeds)) == expected


def test_inputs_of_different_lengths_are_an_error(loaded: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="seed of one value or of as many"):
        loaded.generate(["山", "水"], seed=[1, 2, 3])


# How it is called


@pytest.mark.parametrize("who", ["poet", "loaded"])
def test_scalars_and_vectors_are_taken(request: pytest.FixtureRequest, who: str) -> None:
    poet = request.getfixturevalue(who)
    expected = poems(poet, "山", seed=1)
    assert poems(poet, ["山"], seed=[1], temperature=[1], top_p=1) == expected
    assert poems(poet, tf.constant(["山"]), seed=tf.constant(1, tf.int64)) == expected
    assert poems(poet, np.array("山"), seed=np.array([1]), top_k=np.array([0])) == expected
    assert poems(poet, "山", seed=[1, 1, 2])[:2] == expected * 2
    assert len(poems(poet)) == 1
    assert len(poems(poet, ["山", "水"], temperature=0.0)) == 2
    assert poems(poet, tf.constant([], tf.string)) == []
    assert set(poet.generate("山", max_length=2)) == {"poem", "log_probability", "length", "seed", "problem"}


def test_encode_and_decode(loaded: Any, vocabulary: Vocabulary) -> None:
    ids = loaded.encode(["风 山", "龘", ""]).numpy().tolist()
    wind, mountain = vocabulary.encode("风山")
    assert ids == [[wind, mountain], [UNK, PAD], [PAD, PAD]]
    assert text(loaded.decode([[BOS, wind, UNK, mountain, EOS], [PAD] * 5])) == ["风山", ""]
    assert loaded.encode("风").shape == [1, 1]


@pytest.mark.parametrize("kind", ["zero", "random"])
def test_initial_states_are_the_models(loaded: Any, lstm: PoetryModel, kind: str) -> None:
    ours = lstm.get_initial_state(3, kind=kind, stddev=0.3, seed=4)
    theirs = loaded.get_initial_state(3, kind=kind, stddev=0.3, seed=4)
    tf.nest.assert_same_structure(ours, theirs)
    for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        assert np.array_equal(a, b)


def test_an_unknown_kind_of_state_is_an_error(loaded: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="kind of zero or random is required"):
        loaded.get_initial_state(1, kind="one")


def test_generate_begins_from_the_random_state_of_its_seed(loaded: Any) -> None:
    state, token = loaded.get_initial_state(1, kind="random", seed=1), tf.constant([BOS])
    tokens = []
    for _ in range(5):
        token, state = loaded.get_next_token(token, state)
        if token[0] == EOS:
            break
        tokens.append(token)
    assert len(tokens) > 2
    greedy = poems(loaded, init_state="random", temperature=0.0, max_length=5, seed=1)
    assert text(loaded.decode(tf.stack(tokens, axis=1))) == greedy


def test_every_nesting_is_taken_and_returned_as_it_came(grown: Any) -> None:
    model, loaded = grown
    token = tf.constant([BOS, 5, 9])
    expected, after = model.step(token, model.get_initial_state(3, kind="random", seed=11))
    for who in (model, loaded, Poet(model)):
        for state in nestings(model):
            logits, stepped = who.step(token, state)
            likeliest, followed = who.get_next_token(token, state)
            np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
            assert np.array_equal(likeliest, tf.argmax(expected, axis=-1))
            for returned in (stepped, followed):
                tf.nest.assert_same_structure(returned, state)
                for a, b in zip(tf.nest.flatten(returned), tf.nest.flatten(after), strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_signatures_step_like_the_model(grown: Any) -> None:
    model, loaded = grown
    flat = tf.nest.flatten(model.get_initial_state(3, kind="random", seed=11))
    token = tf.constant([BOS, 5, 9])
    states = {f"state_{i}": value for i, value in enumerate(flat)}
    answer = loaded.signatures["get_next_token"](token=token, **states)
    logits, after = model.step(token, flat)
    assert set(answer) == {"token", "logits", *states}
    np.testing.assert_allclose(answer["logits"], logits, rtol=1e-5, atol=1e-6)
    for i, value in enumerate(after):
        np.testing.assert_allclose(answer[f"state_{i}"], value, rtol=1e-5, atol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("kind", ["zero", "random"])
def test_the_calling_loop_of_o4(
    make_model: ModelMaker, vocabulary: Vocabulary, tmp_path: Path, cell: str, kind: str
) -> None:
    keras_model = make_model(cell, units=128, tied=False, ending=0.0)
    word2id = {word: i for i, word in enumerate(vocabulary.tokens)}
    begin_word, end_token = "日", "<eos>"

    def loop(model: Any) -> list[int]:
        random = np.random.default_rng(0)

        def one_state() -> Any:
            return tf.zeros((1, 128)) if kind == "zero" else tf.constant(random.normal(0, 0.5, (1, 128)), tf.float32)

        state = one_state() if cell == "rnn" else (one_state(), one_state())
        token = tf.constant([word2id[begin_word]], dtype=tf.int32)
        collect: list[int] = []
        while True:
            token, state = model.get_next_token(token, state)
            if token.numpy()[0] == word2id[end_token] or len(collect) == 30:
                break
            collect.append(int(token.numpy()[0]))
        return collect

    expected = loop(keras_model)
    assert expected
    assert loop(load(export_model(keras_model, tmp_path))) == expected


def test_a_program_that_has_never_heard_of_us(foreign: dict[str, Any], poet: Poet) -> None:
    assert foreign["signed"] == foreign["plain"] == poems(poet, ["山", "水"], top_k=3, max_length=9, seed=[1, 2])
    assert all(poem.startswith("山") for poem in foreign["served"])
    assert foreign["zero"] == 0.0
    assert foreign["logits_agree"]
    assert foreign["state_agrees"]
    assert foreign["token_agrees"]
    score = poet.score(["白日依山尽", "龘"])
    np.testing.assert_allclose(foreign["nll"], score["nll"], rtol=1e-5)
    assert foreign["tokens"] == [6, 2]


def test_about_names_every_function_and_input(loaded: Any, vocabulary: Vocabulary) -> None:
    about = loaded.about().numpy().decode()
    functions = [
        "generate",
        "score",
        "step",
        "get_next_token",
        "get_initial_state",
        "encode",
        "decode",
        "about",
    ]
    for word in [
        *(f"{name}(" for name in functions),
        *loaded.signatures,
        *INPUTS,
        "lstm",
        str(len(vocabulary)),
    ]:
        assert word in about
    assert "PAD = 0, BOS = 1, EOS = 2, UNK = 3" in about
