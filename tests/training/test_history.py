import json
from pathlib import Path
from typing import Any

import pytest

from tangshi_tf.errors import CheckpointError
from tangshi_tf.training.history import best_of, is_finished, out_of_patience, parse_history
from tests.records import MANIFEST, epoch_record

STEP = {"step": 3, "loss": 2.5, "learning_rate": 0.001, "tokens_per_second": 1000.0, "seconds": 4.5}
PATH = Path("history.jsonl")


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def test_epochs_and_steps_are_told_apart() -> None:
    records = [STEP, epoch_record(1, poem='"epoch"'), STEP, epoch_record(2)]
    assert parse_history(lines(*records), PATH) == records
    assert parse_history(b"", PATH) == []


@pytest.mark.parametrize(
    "records",
    [
        [epoch_record(2)],
        [epoch_record(1), epoch_record(1)],
        [epoch_record(1), epoch_record(3)],
        [{**STEP, "loss": None}],
        [{**STEP, "step": 0}],
        [{"poem": "山"}],
        [{"epoch": 1}],
    ],
)
def test_other_lines_are_refused(records: list[dict[str, Any]]) -> None:
    with pytest.raises(CheckpointError, match=r"required.*history\.jsonl"):
        parse_history(lines(*records), PATH)


def test_patience_counts_epochs_since_the_best() -> None:
    history = [epoch_record(epoch, validation_nll=nll) for epoch, nll in enumerate((3.0, 2.0, 2.5, 2.0, 2.1), 1)]
    assert [out_of_patience(history, patience) for patience in (0, 1, 2, 3, 4)] == [False, True, True, True, False]
    assert not out_of_patience([], 1)


@pytest.mark.parametrize(
    ("manifest", "step", "patience", "finished"),
    [
        ({}, 8, 0, False),
        (MANIFEST, None, 0, False),
        (MANIFEST, 7, 0, False),
        (MANIFEST, 8, 0, True),
        (MANIFEST, 7, 3, False),
        (MANIFEST, 7, 2, True),
    ],
)
def test_a_run_is_finished_if_its_plan_or_its_patience_is_at_an_end(
    manifest: dict[str, Any], step: int | None, patience: int, finished: bool
) -> None:
    history = [epoch_record(epoch, validation_nll=2.0 + epoch) for epoch in (1, 2, 3)]
    assert is_finished(manifest, history, step, patience) is finished
    assert best_of(history)["epoch"] == 1
