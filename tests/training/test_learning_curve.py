import math
from pathlib import Path

import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.errors import CheckpointError
from tangshi_tf.training.learning_curve import Curve, curve_text, epochs_at, learning_curve, read_curve
from tangshi_tf.training.run_folder import Run
from tangshi_tf.vocabulary import Vocabulary
from tests.paths import ROOT
from tests.records import MANIFEST, epoch_record, step_record

FIGURES = [math.log(perplexity) for perplexity in (800.0, 450.0, 100.0, 101.5)]
HISTORY = [epoch_record(epoch, validation_nll=nll) for epoch, nll in enumerate(FIGURES, 1)]
STEPS = [step_record(step, loss=4.0 - step / 8, seconds=30.0 * step) for step in range(1, 19)]


def along(axis: str, cut: int = 4) -> Curve:
    return learning_curve("mine", HISTORY[:cut], STEPS, axis=axis, epoch_steps=4, tokens=60)


def test_text() -> None:
    assert curve_text(HISTORY) == "validation perplexity 800.00 █▆▁▁ 101.50, lowest 100.00"
    assert curve_text(HISTORY[:1]) == "validation perplexity 800.00 ▁ 800.00, lowest 800.00"


def test_places_on_each_axis() -> None:
    assert along("epochs").validation[:, 0].tolist() == [1, 2, 3, 4]
    assert along("tokens").validation[:, 0].tolist() == [60, 120, 180, 240]
    assert along("minutes").validation[:, 0] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert along("epochs").training[[0, 7, 17], 0].tolist() == [0.25, 2.0, 4.5]  # an epoch that is not finished, too
    assert along("tokens").training[-1, 0] == 270
    assert along("minutes").training[:, 0].tolist() == [step / 2 for step in range(1, 19)]


def test_figures_are_perplexities_and_the_best_epoch_is_known() -> None:
    curve = along("epochs")
    assert curve.validation[:, 1] == pytest.approx([800, 450, 100, 101.5])
    assert curve.training[:, 1] == pytest.approx([math.exp(4 - step / 8) for step in range(1, 19)])
    assert curve.best == 2
    assert along("epochs", cut=0).best is None
    wild = learning_curve("", [epoch_record(1, loss=1e6)], [], axis="epochs", epoch_steps=4, tokens=60)
    assert wild.training.tolist() == [[1.0, math.inf]]


def test_without_steps_epochs_are_drawn() -> None:
    curve = learning_curve("old", HISTORY, [], axis="epochs", epoch_steps=4, tokens=60)
    assert curve.training[:, 0].tolist() == [1, 2, 3, 4]
    assert curve.training[:, 1] == pytest.approx(np.exp(3.0))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([], [0.5, 1.0, 1.0]),
        ([20], [0.5, 1.0, 1.5]),
        ([21, 40], [10 / 21, 20 / 21, 1 + 9 / 19]),  # epochs of different lengths
        ([20, 30], [0.5, 1.0, 1.5]),  # the plan ended in the midst of the second
        ([10], [0.5, 1.0, 1.5]),  # or of the first
        ([10, 20], [0.5, 1.0, 1.5]),  # and the run was extended
    ],
)
def test_steps_lie_between_the_ends_of_epochs(ends: list[int], expected: list[float]) -> None:
    places = epochs_at([10, 20, 30], ends, 20)
    assert places == pytest.approx(expected)


def test_a_run_is_read_while_it_is_young_and_when_it_is_old(tmp_path: Path) -> None:
    config = ModelConfig(units=4, embedding=3, titles=False)
    run = Run.create(tmp_path / "诗", config, TrainingConfig(), Vocabulary("山水"))
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"a few minutes old, is required\. Received one with nothing to"):
            read_curve(run.folder)
        run.write_manifest(MANIFEST)
    run.append_history(*STEPS[:2])
    young = read_curve(run.folder, "tokens")
    assert (young.name, young.best, len(young.validation)) == ("诗", None, 0)
    assert young.training[:, 0].tolist() == [15, 30]
    run.append_history(*HISTORY)
    assert read_curve(run.folder, name="mine").name == "mine"
    assert read_curve(run.folder).best == 2
    with pytest.raises(CheckpointError, match="A training run is required"):
        read_curve(tmp_path)


@pytest.mark.parametrize("kind", ["poems", "prose"])
@pytest.mark.parametrize("axis", ["epochs", "tokens", "minutes"])
def test_runs_of_version_0_1_have_a_point_an_epoch(kind: str, axis: str) -> None:
    curve = read_curve(ROOT / "tests" / "fixtures" / "0.1.0" / kind / "run", axis)
    assert len(curve.training) == len(curve.validation) >= 1
    assert np.isfinite(curve.training).all()
    assert curve.best is not None
