from typing import Any

import pytest

from tangshi_tf.errors import ConfigError
from tangshi_tf.writing import write

KNOBS: dict[str, Any] = {"temperature": 1.0, "top_p": 0.95, "max_length": 30}


def test_poems_have_the_seeds_that_follow(loaded: Any) -> None:
    begins = ["山", "", "風"] * 100  # more than a batch
    found = list(write(loaded, begins, 5, **KNOBS))
    assert [record["seed"] for record in found] == list(range(5, 305))
    assert [record["begin"] for record in found] == begins
    answer = loaded.generate(begins, seed=list(range(5, 305)), **KNOBS)
    assert [record["poem"] for record in found] == [poem.decode() for poem in answer["poem"].numpy()]
    assert [record["length"] for record in found] == answer["length"].numpy().tolist()
    assert [record["log_probability"] for record in found] == answer["log_probability"].numpy().tolist()
    cut = [record for record in found if record["length"] == KNOBS["max_length"]]
    assert 0 < len(cut) < 200
    assert all(record["tokens"] == record["length"] + (record not in cut) for record in found)


@pytest.mark.parametrize("best_of", [2, 7, 300])
def test_the_likeliest_of_the_candidates_is_taken(loaded: Any, best_of: int) -> None:
    found = list(write(loaded, ["山", "水"], 50, best_of, **KNOBS))
    candidates = list(write(loaded, ["山"] * best_of + ["水"] * best_of, 50, **KNOBS))
    for record, own in zip(found, (candidates[:best_of], candidates[best_of:]), strict=True):
        assert record == max(own, key=lambda other: other["log_probability"] / other["tokens"])
    assert [record["begin"] for record in found] == ["山", "水"]


def test_a_request_that_cannot_be_met_is_an_error(loaded: Any) -> None:
    with pytest.raises(ConfigError, match=r"title is not supported by this model; received 静夜思\."):
        list(write(loaded, ["山"], 1, title="静夜思"))
