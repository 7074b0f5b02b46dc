import json
from pathlib import Path
from typing import Any

import pytest

from tangshi_tf.errors import CheckpointError
from tangshi_tf.training.history import out_of_patience, parse_history
from tests.records import epoch_record

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
