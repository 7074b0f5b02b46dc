import dataclasses
import sys

import pytest

from tangshi_tf.cli.console import Console, estimated, left_out
from tangshi_tf.training.listeners import EpochReport, RunPlan, Sample
from tangshi_tf.training.trainer import Progress

PLAN = RunPlan(
    "poems", {"train": 9, "validation": 1, "test": 0}, {"too short": 2}, 40, 1_000, 300, 10, 20, "float32", "CPU"
)


def progress(step: int) -> Progress:
    return Progress(1, step, 20, 2.5, 2.25, 12_345.6, 90.0, 0.001, epoch_ended=step % 10 == 0)


def follow(capsys: pytest.CaptureFixture[str]) -> str:
    console = Console()
    console.planned(PLAN)
    for step in range(1, 21):
        console.progressed(progress(step))
    console.validated(EpochReport(1, 2.5, 2.0, 7.389, True, 60.0, "山水。", "山·", "山水"))
    console.close()
    return capsys.readouterr().out


def test_a_log_has_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    out = follow(capsys)
    assert "corpus of poems: 9 train, 1 validation, 0 test\nleft out: 2 too short\n" in out
    assert out.count("tokens/s") == 2
    assert "step 10 of 20, epoch 1, loss 2.500, 12,346 tokens/s, 1.5 minutes left\n" in out
    assert "epoch 1: validation perplexity 7.39 (best), 1.0 minutes\n  sample:     山水。\n" in out
    assert "\x1b" not in out


def test_a_terminal_has_a_bar_and_its_cursor_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "90")
    out = follow(capsys)
    assert "12,346 tokens/s" in out
    assert "100%" in out
    hidden, shown = out.rfind("\x1b[?25l"), out.rfind("\x1b[?25h")
    assert shown > hidden >= 0


def test_unknown_tokens_are_told_for_each_split() -> None:
    plan = dataclasses.replace(PLAN, unknown={"train": (3, 300), "validation": (0, 0)})
    said = estimated(plan, 90.0, None).splitlines()
    assert "tokens that the vocabulary lacks: 1.00% for train: 3 of 300, 0.00% for validation: 0 of 0" in said


def test_a_sample_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Console().sampled(Sample(12, 90.0, "山\n月"))
    assert capsys.readouterr().out == "step 12, 1.5 minutes: 山⏎月\n"


def test_an_estimate() -> None:
    said = estimated(PLAN, 90.0, 1.25)
    assert said.splitlines()[-3:] == [
        "batches: 10 an epoch, 2.0 epochs",
        "memory: 1.2 GB at the peak of the first steps",
        "time: about 1.5 minutes",
    ]
    assert "1,000 parameters" in said
    assert "memory" not in estimated(PLAN, 90.0, None)


def test_what_was_left_out() -> None:
    assert left_out({"too short": 1_200, "empty": 1}) == "left out: 1,200 too short, 1 empty"
