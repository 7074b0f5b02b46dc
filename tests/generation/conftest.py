"""Poets, and a program that uses a SavedModel and cannot import this package."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tangshi_tf.generation.poet import Poet
from tangshi_tf.vocabulary import SPECIALS
from tests.conftest import ModelMaker

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


@pytest.fixture(scope="module")
def endless(make_model: ModelMaker) -> Poet:
    """A poet that never ends a poem."""
    return biased(make_model, eos=-1e9)
