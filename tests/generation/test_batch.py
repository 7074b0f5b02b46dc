from typing import Any

import pytest

from tangshi_tf.errors import ConfigError
from tangshi_tf.generation.batch import write
from tests.rounding import near, same_record

KNOBS: dict[str, Any] = {"temperature": 1.0, "top_p": 0.95, "max_length": 30}


def test_poems_have_the_seeds_that_follow(loaded: Any) -> None:
    begins = ["山", "", "風"] * 100  # more than a batch
    found = list(write(loaded, begins, 5, **KNOBS))
    assert [record["seed"] for record in found] == list(range(5, 305))
    assert [record["begin"] for record in found] == begins
    answer = loaded.generate(begins, seed=list(range(5, 305)), **KNOBS)
    assert [record["poem"] for record in found] == [poem.decode() for poem in answer["poem"].numpy()]
    assert [record["length"] for record in found] == answer["length"].numpy().tolist()
    assert [record["log_probability"] for record in found] == near(answer["log_probability"].numpy().tolist())
    cut = [record for record in found if record["length"] == KNOBS["max_length"]]
    assert 0 < len(cut) < 200
    assert all(record["tokens"] == record["length"] + (record not in cut) for record in found)
    assert all(record["cut"] == (record in cut) for record in found)


def test_a_poem_in_a_form_is_never_cut(versed: Any) -> None:
    found = list(write(versed, [""] * 4, 1, form="五绝", max_length=24))
    assert [(record["length"], record["tokens"], record["cut"]) for record in found] == [(24, 24, False)] * 4


def test_every_poem_may_have_its_own_title(versed: Any) -> None:
    begins, titles = ["山", "", "山"], ["秋夜", "", "春"]
    found = list(write(versed, begins, 5, title=titles, **KNOBS))
    assert [(record["begin"], record["title"]) for record in found] == list(zip(begins, titles, strict=True))
    for record in found:
        (alone,) = write(versed, [record["begin"]], record["seed"], title=record["title"], **KNOBS)
        assert same_record(alone, record)
    assert found[0]["log_probability"] != next(write(versed, ["山"], 5, **KNOBS))["log_probability"]


@pytest.mark.parametrize("best_of", [2, 7, pytest.param(300, marks=pytest.mark.ci)])
def test_the_likeliest_of_the_candidates_is_taken(loaded: Any, best_of: int) -> None:
    found = list(write(loaded, ["山", "水"], 50, best_of=best_of, **KNOBS))
    candidates = list(write(loaded, ["山"] * best_of + ["水"] * best_of, 50, **KNOBS))
    for record, own in zip(found, (candidates[:best_of], candidates[best_of:]), strict=True):
        assert same_record(record, max(own, key=lambda other: other["log_probability"] / other["tokens"]))
    assert [record["begin"] for record in found] == ["山", "水"]


def test_a_request_that_cannot_be_met_is_an_error(loaded: Any) -> None:
    with pytest.raises(ConfigError, match=r"a model that reads titles is required for title; received 静夜思\."):
        list(write(loaded, ["山"], 1, title="静夜思"))


@pytest.mark.parametrize("best_of", [pytest.param(1, marks=pytest.mark.ci), 3])
def test_of_the_candidates_that_may_be_taken_the_likeliest_is(loaded: Any, best_of: int) -> None:
    def fault(record: dict[str, Any]) -> str:
        return f"{record['length']} tokens" if record["length"] % 4 else ""

    begins = ["山", "", "風"] * 100  # more than a batch
    found = list(write(loaded, begins, 50, best_of=best_of, fault=fault, **KNOBS))
    assert [record["begin"] for record in found] == begins
    free = list(write(loaded, begins, 50, best_of=best_of, **KNOBS))
    waiting = set(range(len(begins)))
    for attempt in range(100):
        candidates = list(
            write(loaded, [b for b in begins for _ in range(best_of)], 50 + attempt * 300 * best_of, **KNOBS)
        )
        for place in sorted(waiting):
            own = [other for other in candidates[place * best_of : (place + 1) * best_of] if not fault(other)]
            if own:
                likeliest = max(own, key=lambda other: other["log_probability"] / other["tokens"])
                assert same_record(found[place], likeliest)
                waiting.remove(place)
        if not waiting:
            break
    assert attempt > 1
    kept = [record for record in free if not fault(record)]
    assert 20 < len(kept) == sum(any(same_record(record, other) for other in kept) for record in found) < 300


def test_poems_without_fault_are_those_written_without_the_question(loaded: Any) -> None:
    begins = ["山"] * 300
    assert list(write(loaded, begins, 1, best_of=2, fault=lambda record: "", **KNOBS)) == list(
        write(loaded, begins, 1, best_of=2, **KNOBS)
    )


def test_what_can_never_be_taken_is_an_error(loaded: Any) -> None:
    def fault(record: dict[str, Any]) -> str:
        return "the begin 山" if record["begin"] == "山" else ""

    message = r"A begin and settings that give a poem without fault in 200 are required\. Received: the begin 山\."
    with pytest.raises(ConfigError, match=message):
        list(write(loaded, ["水", "山", "水"], 1, best_of=2, fault=fault, **KNOBS))
